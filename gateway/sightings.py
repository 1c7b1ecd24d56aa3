"""When each queue was last seen at the broker, and so since when one that has gone may have missed something."""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sightings:
    """Used by several threads; times are Unix milliseconds."""

    _seen: dict[str, int] = field(default_factory=dict)

    def look(self, needed: Collection[str], existing: Collection[str], now_ms: int) -> list[tuple[str, int]]:
        """Of the needed queues those that had been seen and are missing, each once, with when they were last seen."""
        for queue in [queue for queue in list(self._seen) if queue not in needed]:
            self._seen.pop(queue, None)
        gone = []
        for queue in needed:
            seen_ms = self._seen.get(queue)
            if queue not in existing and seen_ms is not None and seen_ms < now_ms:  # else another look has found and made it
                self._seen.pop(queue, None)
                gone.append((queue, seen_ms))
        self.saw(existing, now_ms)
        return gone

    def saw(self, queues: Collection[str], now_ms: int) -> None:
        """They are there, or were just made."""
        self._seen.update(dict.fromkeys(queues, now_ms))
