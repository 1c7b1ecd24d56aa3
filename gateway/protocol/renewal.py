"""When a topic may be left and asked for anew: at once, then ever later while one renewal follows another."""

from dataclasses import dataclass, field

from gateway.protocol.pace import Pace

#: Seconds between two renewals of one topic: so many at first, then doubling. Under a second, for a hole may follow a hole.
RENEW_FIRST_S, RENEW_LONGEST_S = 0.5, 30.0


@dataclass(slots=True)
class Renewal:
    """The renewals of one topic on one connection.

    held_at  when the topic was acknowledged
    _since   when its renewal was first wanted; None while it is not
    """

    held_at: float = 0.0
    _since: float | None = None
    _pace: Pace = field(default_factory=lambda: Pace(RENEW_FIRST_S, RENEW_LONGEST_S))

    @property
    def due_at(self) -> float:
        """From when on a topic may be left."""
        return self._pace.due_at

    def is_due(self, now: float) -> bool:
        """Whether a topic may be left now, if it is to be renewed at all."""
        return self._pace.is_due(now)

    def noticed(self, now: float) -> bool:
        """The topic is disturbed, so what it is held from here on is no calm; whether it may be left now."""
        self._since = now if self._since is None else self._since
        return self.is_due(now)

    def began(self, now: float) -> None:
        """The topic is left, to be asked for anew."""
        self.noticed(now)
        if self._since is not None:
            self._pace.disturbed(self._since - self.held_at)
        self._pace.did(now)
        self._since = None

    def hurry(self) -> None:
        """The next one need not wait."""
        self._pace.hurry()
