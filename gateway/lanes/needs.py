"""What should reach a queue: told by exchange and routing key, from the bindings that somebody needs."""

from collections.abc import Iterable, Mapping, Sequence

from gateway import names


class Needs:
    """All queues that are needed at one moment. Asked once for each message that no queue got; that costs a look into a few sets,
    however many bindings there are.

    bindings  queue → what it is bound to; class queues among them
    """

    def __init__(self, class_event_types: Iterable[str], service_bindings: Mapping[str, Sequence[str]]) -> None:
        """service_bindings: service queue → its bindings, of whole words and `*`."""
        self._class_queues = {event_type: names.class_queue(event_type) for event_type in class_event_types}
        classes = {queue: [names.class_binding(event_type)] for event_type, queue in self._class_queues.items()}
        self.bindings: Mapping[str, Sequence[str]] = {**classes, **service_bindings}
        self.services = frozenset(service_bindings)
        self._queues: dict[tuple[str, ...], list[str]] = {}
        for queue, bindings in service_bindings.items():
            for binding in bindings:
                self._queues.setdefault(tuple(binding.split(".")), []).append(queue)
        self._masks = frozenset(tuple(word == names.ANY for word in pattern) for pattern in self._queues)

    @property
    def classes(self) -> list[str]:
        """The class queues."""
        return list(self._class_queues.values())

    def reach(self, exchange: str, routing_key: str) -> bool:
        """Whether a message of this key should have come into a queue."""
        return bool(self.reached(exchange, routing_key))

    def reached(self, exchange: str, routing_key: str) -> list[str]:
        """The queues into which a message should have come; through the default exchange the key is a queue's name."""
        if not exchange:
            return [routing_key] if routing_key in self.services else []
        words = routing_key.split(".")
        found = [self._class_queues[words[0]]] if words[0] in self._class_queues else []
        for mask in self._masks:
            if len(mask) == len(words):
                masked = tuple(names.ANY if hidden else word for hidden, word in zip(mask, words, strict=True))
                found += self._queues.get(masked, ())
        return found
