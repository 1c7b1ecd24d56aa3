"""The intake: texts off the socket, kept on disk first where they must not be lost, then sorted to the conversation and to delivery."""

import logging
import math

from gateway.protocol.frames import Data, Pong, Unknown, parse
from gateway.protocol.session import Session
from gateway.protocol.subscriptions import Subscriptions
from workers import diary
from workers.catchup import Catchup
from workers.delivery import Delivery
from workers.dial import Connection
from workers.outside import Outside

log = logging.getLogger(__name__)

#: Frames read before what they hold goes to the bus as one batch, and before anything else gets its turn.
FRAMES_PER_TURN = 64
#: A pong that is read longer than this after all was read last may have waited for us, and says nothing of the clock; seconds. Longer
#: than the loop sleeps.
FRESH_S = 0.5

#: A full disk is over once it has taken everything for so long: room comes and goes while the router catches up; seconds.
ROOM_S = 2.0

#: Frames may have been under way for so long; what says it was sent earlier is not believed; milliseconds.
BEHIND_MS = 60_000


class Intake:
    """Of one worker; used by its main thread alone.

    last_frame_ms  when the last frame of any kind arrived, Unix milliseconds
    last_data_ms   when the last push did
    last_sent_ms   when the last frame that says so was sent, by our clock: what was sent before it has been read
    """

    def __init__(self, delivery: Delivery, subscriptions: Subscriptions, outside: Outside, catchup: Catchup) -> None:
        self._delivery = delivery
        self._subscriptions = subscriptions
        self._outside = outside
        self._catchup = catchup
        self._frames = delivery.tally.counter("ws_gateway_frames_total")
        self._bytes = delivery.tally.counter("ws_gateway_frame_bytes_total")
        self._lag = delivery.tally.histograms("ws_gateway_exchange_lag_seconds")
        self._in_hand: tuple[int, bytes] | None = None  # received_ns and text that the disk refuses
        self._room_since: float | None = None  # when the disk took the frame in hand; monotonic seconds
        self._read_all_at = -math.inf  # monotonic seconds
        self._is_fresh = False  # what is read now has just arrived
        self.last_sent_ms: int | None = None
        self.last_frame_ms: int | None = None
        self.last_data_ms: int | None = None

    @property
    def is_stuck(self) -> bool:
        """A frame is in hand that cannot be kept, so no other is read."""
        return self._in_hand is not None

    def read(self, connection: Connection, session: Session) -> bool:
        """Take the frames that are here, a bounded number; whether that were all."""
        self._is_fresh = self._outside.now() - self._read_all_at <= FRESH_S
        is_all = self._read(connection, session)
        if is_all:
            self._read_all_at = self._outside.now()
        return is_all

    def _read(self, connection: Connection, session: Session) -> bool:
        if not self.retry(session):
            return False
        for _ in range(FRAMES_PER_TURN):
            if not self._outside.has_bytes(connection):
                return True
            text = connection.receive()
            if text is None:  # a control frame, or one that is not whole yet: a trickle must not hold up the turn
                return not self._outside.has_bytes(connection)
            received_ns = self._outside.unix_ns()
            if self._outside.tap.recorders:
                self._outside.tap.received(received_ns, text)
            if not self._keep(received_ns, text):
                return False
            self._sort(text, received_ns, session)
        return not self._outside.has_bytes(connection)

    def retry(self, session: Session | None) -> bool:
        """Try again to keep the frame in hand, if there is one; whether there is none any more. session: None where it has ended."""
        if self._in_hand is None:
            if self._room_since is not None and self._outside.now() - self._room_since >= ROOM_S:
                self._has_room()
            return True
        received_ns, text = self._in_hand
        if not self._keep(received_ns, text):
            return False
        self._room_since = self._outside.now()
        self._let_go(received_ns, text, session)
        return True

    def _has_room(self) -> None:
        self._room_since = None
        detail = "there is room again; what came meanwhile waited unread in the socket"
        self._delivery.ledger.end_of("disk_full", None, now_ns=self._outside.unix_ns(), recovered=True, detail=detail)
        log.warning("%s journal has_room_again", self._delivery.worker)

    def close(self) -> None:
        """The worker ends: what is in hand goes on without being kept."""
        if self._in_hand is not None:
            self._let_go(*self._in_hand, None)

    def _keep(self, received_ns: int, text: bytes) -> bool:
        delivery = self._delivery
        if not delivery.endpoint.authenticates or delivery.journal.keep_frame(received_ns, text):
            return True
        if self._in_hand is None:
            self._in_hand = received_ns, text
            self._room_since = None
            if delivery.gaps.of("disk_full") is not None:
                return False  # a little room came and went
            why = delivery.journal.error or "the journal takes nothing"
            log.error("%s journal_full reason=%s: nothing is read until there is room", delivery.worker, why)
            now_ns = self._outside.unix_ns()
            topics = self._subscriptions.names_delivering()
            delivery.ledger.begin("gap", "disk_full", now_ns=now_ns, from_ms=received_ns // 1_000_000, topics=topics, detail=why)
        return False

    def _let_go(self, received_ns: int, text: bytes, session: Session | None) -> None:
        self._in_hand = None
        self._sort(text, received_ns, session)

    def _sort(self, text: bytes, received_ns: int, session: Session | None) -> None:
        frame = parse(text)
        self._frames["received"] += 1
        self._bytes["received"] += len(text)
        self.last_frame_ms = received_ns // 1_000_000
        self._note_sent(frame.ts_ms if isinstance(frame, Data) else frame.server_ms if isinstance(frame, Pong) else None)
        is_asked_for = session.receive(frame, self._outside.now()) if session is not None else True
        if isinstance(frame, Data) and is_asked_for:
            self.last_data_ms = self.last_frame_ms
            if frame.ts_ms and (reader := self._delivery.readers.of(frame.topic)) is not None:
                self._lag[reader.channel.event_type].observe(received_ns - frame.ts_ms * 1_000_000)
            if self._catchup.holds((frame, received_ns), self._outside.now()):
                return
            if self._delivery.take(frame, received_ns, self._outside.now()):
                self._subscriptions.renew(frame.topic)
            return
        diary.received(self._delivery.worker, text)
        if isinstance(frame, Pong) and frame.server_ms is not None and self._is_fresh:
            self._outside.clock.noticed(frame.server_ms, received_ns // 1_000_000)
        elif isinstance(frame, Unknown):
            self._delivery.unread(frame, received_ns)
        elif isinstance(frame, Data):
            self._delivery.unasked(frame, received_ns)

    def _note_sent(self, sent_ms: int | None) -> None:
        """Frames come in their order; those that wait unread when a connection ends were sent later, however long ago."""
        if sent_ms and self.last_frame_ms is not None:
            ours_ms = sent_ms - (self._outside.clock.ahead_ms or 0)
            if self.last_frame_ms - BEHIND_MS <= ours_ms <= self.last_frame_ms:
                self.last_sent_ms = ours_ms
