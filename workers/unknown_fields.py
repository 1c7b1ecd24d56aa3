"""Fields that no table knows: they are delivered all the same, and each is logged the first time."""

import logging
from collections.abc import Iterable

log = logging.getLogger(__name__)

#: Names that are remembered, so that each is logged once.
NOTED = 1000


class UnknownFields:
    """Of one worker."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._noted: set[tuple[str, str]] = set()

    def note(self, event_type: str, keys: Iterable[str]) -> None:
        """They came in a frame of this event class."""
        for key in (key[:100] for key in keys):
            if (event_type, key) not in self._noted and len(self._noted) < NOTED:
                self._noted.add((event_type, key))
                log.info("%s unknown_field event_type=%s key=%s", self._worker, event_type, key)
