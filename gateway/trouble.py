"""Trouble that lasts: logged once for each kind, not once for each try."""

import logging
from dataclasses import dataclass


@dataclass(slots=True)
class Trouble:
    """what: the log's words before the reason."""

    log: logging.Logger
    what: str
    _said: str | None = None

    def say(self, reason: str) -> None:
        if reason != self._said:
            self._said = reason
            self.log.warning("%s reason=%s", self.what, reason)

    def over(self) -> bool:
        """All is well; whether it was not."""
        was, self._said = self._said is not None, None
        return was
