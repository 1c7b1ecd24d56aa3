"""What should reach a queue, and how: told by exchange and routing key, from the bindings that somebody needs."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from gateway import names


class _Patterns:
    """Queues by what they want. Asking costs a look into a few sets, however many bindings there are."""

    def __init__(self, bindings: Mapping[str, Sequence[str]]) -> None:
        """Of whole words and `*`."""
        self._queues: dict[tuple[str, ...], list[str]] = {}
        for queue, of_queue in bindings.items():
            for binding in of_queue:
                self._queues.setdefault(tuple(binding.split(".")), []).append(queue)
        self._masks = frozenset(tuple(word == names.ANY for word in pattern) for pattern in self._queues)

    def reached(self, words: Sequence[str]) -> list[str]:
        found: list[str] = []
        for mask in self._masks:
            if len(mask) == len(words):
                masked = tuple(names.ANY if hidden else word for hidden, word in zip(mask, words, strict=True))
                found += self._queues.get(masked, ())
        return found


class Needs:
    """All queues that are needed at one moment. Asked once for each message that no queue got, and for each key that is new.

    bindings  queue → what it is bound to; class queues among them. A queue that is filled in batches is bound to nothing
    batched   of those queues → what goes into their batches
    services  the service queues, of either kind
    """

    def __init__(
        self,
        class_event_types: Iterable[str],
        service_bindings: Mapping[str, Sequence[str]],
        batched: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._class_queues = {event_type: names.class_queue(event_type) for event_type in class_event_types}
        classes = {queue: [names.class_binding(event_type)] for event_type, queue in self._class_queues.items()}
        unbound: dict[str, Sequence[str]] = dict.fromkeys(batched, ())
        self.batched = batched
        self.bindings: Mapping[str, Sequence[str]] = {**classes, **service_bindings, **unbound}
        self.services = frozenset(service_bindings) | frozenset(batched)
        self._bound, self._filled = _Patterns(service_bindings), _Patterns(batched)

    @property
    def classes(self) -> list[str]:
        """The class queues."""
        return list(self._class_queues.values())

    def is_same(self, other: "Needs") -> bool:
        return self.bindings == other.bindings and self.batched == other.batched

    def wanted(self, queue: str) -> Sequence[str]:
        """The keys whose events come into this queue, in either form."""
        return self.batched.get(queue) or self.bindings.get(queue, ())

    def turned(self, other: "Needs") -> list[str]:
        """Service queues of both whose messages are of another form in the other."""
        return sorted(queue for queue in self.services & other.services if (queue in self.batched) != (queue in other.batched))

    def reach(self, exchange: str, routing_key: str) -> bool:
        """Whether a message of this key should have come into a queue."""
        return bool(self.reached(exchange, routing_key))

    def reached(self, exchange: str, routing_key: str) -> list[str]:
        """The queues into which a message should have come; through the default exchange the key is a queue's name."""
        if not exchange:
            return [routing_key] if routing_key in self.services else []
        words = routing_key.split(".")
        found = [self._class_queues[words[0]]] if words[0] in self._class_queues else []
        return found + self._bound.reached(words)

    def reached_beside(self, in_force: "Needs", exchange: str, routing_key: str) -> list[str]:
        """The same while others are in force still: a queue whose messages turn to another form is as it was until they do."""
        turning = in_force.turned(self)
        found = [queue for queue in self.reached(exchange, routing_key) if queue not in turning]
        return found + [queue for queue in in_force.reached(exchange, routing_key) if queue in turning] if turning else found

    def filled(self, routing_key: str) -> list[str]:
        """The queues whose batches an event of this key goes into, each once; of an event for one queue alone, that."""
        if routing_key in self.batched:
            return [routing_key]
        return list(dict.fromkeys(self._filled.reached(routing_key.split("."))))
