"""What the exchange says it is doing to itself: its announcements on the status stream, while they last."""

from dataclasses import dataclass, field
from pathlib import Path

from gateway.health import state
from gateway.health.words import is_fresh
from gateway.models import Event, Json

#: The word of an announcement that has begun and is not over. Source: protocol notes, section 6.9.
ONGOING = "ongoing"


@dataclass(slots=True)
class Maintenance:
    """Known to the worker of the endpoint `status` alone."""

    _ongoing: dict[Json, str] = field(default_factory=dict)

    @property
    def title(self) -> str | None:
        """Of what goes on now; None: nothing that we know of."""
        return "; ".join(self._ongoing.values()) or None

    def take(self, event: Event) -> None:
        """An announcement, or its next state."""
        key = event.payload["id"]
        if event.payload["state"] == ONGOING:
            self._ongoing[key] = event.payload["title"] or "without a title"
        else:
            self._ongoing.pop(key, None)


def announced(var_dir: Path, now_ms: int) -> str | None:
    """What the exchange says it is doing to itself, by the words of the endpoint `status`; None where nobody listens there."""
    said = state.read_siblings(var_dir, "status", -1, 1)
    return next((words.maintenance for words in said if words.maintenance is not None and is_fresh(words, now_ms)), None)
