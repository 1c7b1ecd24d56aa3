"""One connection's conversation, from the open socket to its end: told what arrived and what time it is, asked what to send.

         no login needed
opened ──────────────────▶ ONLINE ── no pong, too many silences ──▶ OVER
   └─ login sent ─▶ AUTHENTICATING ─ yes ─▶ ONLINE
                          ├─ no ──────▶ AUTH_FAILED
                          └─ silence ─▶ OVER
"""

from dataclasses import dataclass
from enum import Enum, auto

from gateway.protocol import requests
from gateway.protocol.endpoints import Endpoint
from gateway.protocol.forms import is_form_of_any
from gateway.protocol.frames import Ack, AuthReply, Frame, Pong, Unknown
from gateway.protocol.subscriptions import Subscriptions
from gateway.protocol.topic import Answer

#: Seconds between our pings. Source: exchange docs, "How to Send the Heartbeat Packet" (protocol notes, section 3).
PING_S = 20.0
#: A pong that is not here by then will not come; seconds. A silent link is then found within 30 s, which is when it must be back.
PONG_S = 5.0
#: The login is answered within this, or the connection is given up; seconds.
AUTH_S = 5.0
#: The login's expiry lies this far ahead of the exchange's clock, and must be later than it; milliseconds (protocol notes, section 4).
AUTH_AHEAD_MS = 10_000
#: Without any data for this long, though topics are live, one of them is asked for a fresh snapshot: a pong is not data; seconds.
QUIET_S = 60.0
#: The snapshot comes within this, unsubscribe and subscribe included, or the connection is dead in all but its pongs; seconds.
PROBE_S = 8.0
#: Times in a row that an answer did not come, after which the connection is not worth keeping.
SILENCES = 3


class State(Enum):
    """Where the conversation stands. AUTH_FAILED and OVER end it."""

    AUTHENTICATING = auto()
    ONLINE = auto()
    AUTH_FAILED = auto()
    OVER = auto()


class Input(Enum):
    """What moves the conversation."""

    LOGIN_YES = auto()
    LOGIN_NO = auto()
    TOO_SILENT = auto()


MOVES: dict[tuple[State, Input], State] = {
    (State.AUTHENTICATING, Input.LOGIN_YES): State.ONLINE,
    (State.AUTHENTICATING, Input.LOGIN_NO): State.AUTH_FAILED,
    (State.AUTHENTICATING, Input.TOO_SILENT): State.OVER,
    (State.ONLINE, Input.LOGIN_YES): State.ONLINE,
    (State.ONLINE, Input.LOGIN_NO): State.ONLINE,  # an answer to nothing we asked; the stream goes on
    (State.ONLINE, Input.TOO_SILENT): State.OVER,
    (State.AUTH_FAILED, Input.LOGIN_YES): State.AUTH_FAILED,
    (State.AUTH_FAILED, Input.LOGIN_NO): State.AUTH_FAILED,
    (State.AUTH_FAILED, Input.TOO_SILENT): State.AUTH_FAILED,
    (State.OVER, Input.LOGIN_YES): State.OVER,
    (State.OVER, Input.LOGIN_NO): State.OVER,
    (State.OVER, Input.TOO_SILENT): State.OVER,
}

ENDED = {State.AUTH_FAILED, State.OVER}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the private endpoint is logged into with: the key, and a function that signs with the secret."""

    key: str
    sign: requests.Sign


class Session:
    """The conversation on one connection. All `now` are monotonic seconds.

    state      see the table of moves
    reason     why it ended, in words for a person; None while it goes on
    server_ms  the exchange's clock in the newest pong that carried one, Unix milliseconds
    unknown    frames that were none of what the exchange documents
    """

    def __init__(
        self, endpoint: Endpoint, subscriptions: Subscriptions, credentials: Credentials | None, *, now: float, unix_ms: int
    ) -> None:
        """The socket has just opened. `unix_ms` is the exchange's clock: it dates the login's expiry."""
        self._endpoint = endpoint
        self._subscriptions = subscriptions
        self._opened = now
        self._ping_due = now + PING_S
        self._pong_due: float | None = None
        self._pings = 0
        self._pinged_at: float | None = None
        self._round_trips_s: list[float] = []
        self._data_at = now
        self._probed_at: float | None = None
        self._probed: str | None = None
        self._out: list[str] = []
        self._answers: list[Answer] = []
        self.state = State.ONLINE
        self.reason: str | None = None
        self.server_ms: int | None = None
        self.unknown = 0
        if endpoint.authenticates:
            if credentials is None:
                raise ValueError(f"the endpoint {endpoint.name} needs credentials")
            self.state = State.AUTHENTICATING
            self._out.append(requests.auth(credentials.key, unix_ms + AUTH_AHEAD_MS, credentials.sign))

    def pushed(self, topic: str, now: float) -> bool:
        """A data frame says that its topic lives. It is the caller's business, when this is true.

        So are private ones of a wanted topic's family: its narrower form may be pushed under the family's name.
        """
        self._data_at = now
        self._probed_at = self._probed = None
        if self._subscriptions.frame(topic, now):
            return True
        return self._endpoint.authenticates and is_form_of_any(topic, self._subscriptions.states())

    def receive(self, frame: Frame, now: float) -> None:
        """Take in a frame that is no push."""
        match frame:
            case Ack():
                self._answers += self._subscriptions.heard(frame, now)
            case Pong():
                self._pong_due = None
                if self._pinged_at is not None:
                    self._round_trips_s.append(now - self._pinged_at)
                    self._pinged_at = None
                self.server_ms = frame.server_ms if frame.server_ms is not None else self.server_ms
            case AuthReply():
                self._move(Input.LOGIN_YES if frame.success else Input.LOGIN_NO, f"login refused: {frame.message or 'no words'}")
            case Unknown():
                self.unknown += 1

    def tick(self, now: float, *, unread: bool = False) -> None:
        """Let time pass: pings, answers that did not come. unread: frames wait that we did not get to; an answer may be among them."""
        if self.state is State.AUTHENTICATING and now - self._opened >= AUTH_S and not unread:
            self._move(Input.TOO_SILENT, f"no answer to the login within {AUTH_S:g} s")
        if self._pong_due is not None and now >= self._pong_due and not unread:
            self._move(Input.TOO_SILENT, f"no pong within {PONG_S:g} s")
        if self.state is State.ONLINE:
            self._subscriptions.tick(now, unread=unread)
            if not unread:
                self._look_for_data(now)
            if self._subscriptions.silences >= SILENCES:
                self._move(Input.TOO_SILENT, f"{SILENCES} requests in a row without an answer")
        if now >= self._ping_due and self.state not in ENDED:
            self._ping_due = now + PING_S
            self._pong_due = now + PONG_S if self._pong_due is None else self._pong_due
            self._pinged_at = now
            self._pings += 1
            self._out.append(requests.ping(f"ping-{self._pings}"))

    def to_send(self, now: float) -> list[str]:
        """The texts to send now, in order, counted as sent."""
        out, self._out = self._out, []
        if self.state is State.ONLINE:
            for request in self._subscriptions.to_send(now):
                build = requests.subscribe if request.op == "subscribe" else requests.unsubscribe
                out.append(build(request.topics, request.req_id))
        return out

    def take_answers(self) -> list[Answer]:
        """What the exchange said of topics since this was called last."""
        taken, self._answers = self._answers, []
        return taken

    def take_round_trips_s(self) -> list[float]:
        """From ping to pong, of the pongs since this was called last."""
        taken, self._round_trips_s = self._round_trips_s, []
        return taken

    @property
    def status(self) -> str:
        """The contract's word for the connection: authenticating, subscribing, connected or auth_failed."""
        if self.state is State.ONLINE:
            return "connected" if self._subscriptions.settled else "subscribing"
        return {State.AUTHENTICATING: "authenticating", State.AUTH_FAILED: "auth_failed", State.OVER: "reconnecting"}[self.state]

    def _look_for_data(self, now: float) -> None:
        """A market may be quiet, so silence alone ends nothing: a snapshot that was asked for and does not come does."""
        if self._probed is not None and not self._subscriptions.is_awaited(self._probed):
            self._data_at, self._probed_at, self._probed = now, None, None
        if self._probed_at is not None and now - self._probed_at >= PROBE_S:
            self._move(Input.TOO_SILENT, f"no data for {now - self._data_at:.0f} s, and no snapshot when asked for one")
        elif self._probed_at is None and now - self._data_at >= QUIET_S:
            self._probed = self._subscriptions.renew_prompt()
            if self._probed is not None:
                self._probed_at = now
            else:
                self._data_at = now

    def _move(self, heard: Input, reason: str) -> None:
        state = MOVES[self.state, heard]
        if state in ENDED and self.state not in ENDED:
            self.reason = reason
        self.state = state
