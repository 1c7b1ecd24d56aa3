"""What the exchange says it is doing to itself: its announcements on the status stream, while they last."""

from dataclasses import dataclass, field

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
