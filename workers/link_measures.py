"""What a worker measures of its connection, for GET /metrics."""

from gateway.metrics.table import RESUBSCRIBE_S
from gateway.metrics.tally import NS, Tally
from gateway.protocol.session import Session

#: Of what never happened: over the last bound; seconds.
NEVER_S = 2 * RESUBSCRIBE_S[-1]


class LinkMeasures:
    """Used by the worker's main thread alone. All `now` are monotonic seconds."""

    def __init__(self, tally: Tally) -> None:
        self._work = tally.counter("ws_gateway_work_seconds_total")
        self._online = tally.counter("ws_gateway_online_seconds_total")
        self._ping = tally.histogram("ws_gateway_ping_seconds")
        self._resubscribe = tally.histogram("ws_gateway_resubscribe_seconds")
        self._frames = tally.counter("ws_gateway_frames_total")
        self._bytes = tally.counter("ws_gateway_frame_bytes_total")
        self._now: float | None = None
        self._reconnections = 0  # of them, those that were counted

    def turned(self, now: float, *, has_work: bool, is_online: bool) -> None:
        """How it has been since the last turn."""
        if self._now is not None and has_work:
            span_ns = round((now - self._now) * NS)
            self._work[""] += span_ns
            self._online[""] += span_ns * is_online
        self._now = now

    def heard(self, session: Session) -> None:
        """Frames were read; pongs may be among them."""
        for seconds in session.take_round_trips_s():
            self._ping.observe(round(seconds * NS))

    def sent(self, text: str) -> None:
        self._frames["sent"] += 1
        self._bytes["sent"] += len(text.encode())

    def subscribing(self, reconnections: int, seconds: float, *, is_settled: bool) -> None:
        """How it is so long after a connection's socket opened; is_settled: every wanted topic is acknowledged or refused.

        Once for each connection but the first. One that takes longer than the last bound is counted then, for it may never settle.
        """
        if reconnections > self._reconnections and (is_settled or seconds > RESUBSCRIBE_S[-1]):
            self._reconnections = reconnections
            self._resubscribe.observe(round(seconds * NS))

    def lost_unsettled(self, reconnections: int) -> None:
        """A connection ended before it had settled, and so never did."""
        self.subscribing(reconnections, NEVER_S, is_settled=False)
