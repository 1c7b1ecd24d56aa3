"""What should reach a queue: told by exchange and routing key, from the bindings that somebody needs."""

from collections.abc import Collection, Iterable, Mapping

from gateway import names


class Needs:
    """Asked once for each message that no queue got; costs a look into a few sets, however many bindings there are."""

    def __init__(self, class_event_types: Iterable[str], bindings: Mapping[str, Collection[str]]) -> None:
        """bindings: service queue → its bindings, of whole words and `*`."""
        self._event_types = frozenset(class_event_types)
        self._queues = frozenset(bindings)
        self._patterns = frozenset(tuple(binding.split(".")) for those in bindings.values() for binding in those)
        self._masks = frozenset(tuple(word == names.ANY for word in pattern) for pattern in self._patterns)

    def reach(self, exchange: str, routing_key: str) -> bool:
        """Whether a message of this key should have come into a queue; through the default exchange the key is a queue's name."""
        if not exchange:
            return routing_key in self._queues
        words = routing_key.split(".")
        return words[0] in self._event_types or any(
            tuple(names.ANY if hidden else word for hidden, word in zip(mask, words, strict=True)) in self._patterns
            for mask in self._masks
            if len(mask) == len(words)
        )
