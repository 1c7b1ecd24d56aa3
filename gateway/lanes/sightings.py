"""When each queue was last seen at the broker, and so since when one that has gone may have missed something."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sightings:
    """Used by several threads; times are Unix milliseconds. A queue that has gone is missing until somebody made it again, and said so."""

    _seen: dict[str, int] = field(default_factory=dict)
    _missing: dict[str, int] = field(default_factory=dict)  # queue → when it was last seen
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def trust(self, queues: Collection[str], said_ms: int) -> None:
        """Somebody else says that they are there; of those that were never seen here nothing better is known."""
        with self._lock:
            for queue in queues:
                if queue not in self._missing:
                    self._seen.setdefault(queue, said_ms)

    def look(self, needed: Collection[str], existing: Collection[str], looked_ms: int) -> None:
        """Note what is there of the needed queues, and which of them had been seen and are missing."""
        with self._lock:
            for known in (self._seen, self._missing):
                for queue in [queue for queue in known if queue not in needed]:
                    del known[queue]
            for queue in needed:
                if queue in existing and queue not in self._missing:
                    self._seen[queue] = max(looked_ms, self._seen.get(queue, 0))
                elif queue not in existing:
                    self._lost(queue, looked_ms)

    @property
    def missing(self) -> set[str]:
        """Queues that had been seen, went missing, and were not made again yet; they may be there, without bindings."""
        with self._lock:
            return set(self._missing)

    def lost(self, queue: str, found_ms: int) -> None:
        """A message that should have reached it did not."""
        with self._lock:
            self._lost(queue, found_ms)

    def made(self, queue: str, made_ms: int) -> int | None:
        """It is there with its bindings now; when it was last seen before, where it was missing."""
        with self._lock:
            self._seen[queue] = made_ms
            return self._missing.pop(queue, None)

    def forget(self, queue: str) -> None:
        """Nobody needs it any more."""
        with self._lock:
            self._seen.pop(queue, None)
            self._missing.pop(queue, None)

    def _lost(self, queue: str, found_ms: int) -> None:
        seen_ms = self._seen.get(queue)
        if seen_ms is not None and seen_ms < found_ms:  # else somebody else has found and made it
            del self._seen[queue]
            self._missing.setdefault(queue, seen_ms)
