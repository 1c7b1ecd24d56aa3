"""The intake: texts off the socket, kept on disk first where they must not be lost, then sorted to the conversation and to delivery."""

import logging
import math
from itertools import chain

from gateway.protocol.frames import Data, Frame, Pong, Unknown
from gateway.protocol.parser import Parser
from gateway.protocol.session import Session
from gateway.protocol.subscriptions import Subscriptions
from workers import diary
from workers.catchup import Catchup
from workers.delivery import Delivery
from workers.dial import Connection
from workers.outside import Outside
from workers.watchdog import BLIND_S

log = logging.getLogger(__name__)

#: Frames read before what they hold goes to the bus as one batch, and before anything else gets its turn.
FRAMES_PER_TURN = 256
#: Frames that come closer behind others than this are left to gather; seconds.
GATHER_S = 0.001
#: Where more than so many come in a second, they gather for longer; seconds.
FAST_PER_S, GATHER_FAST_S = 8_000.0, 0.008
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
    gathers_until  frames that come before are left for the same turn, monotonic seconds: what a turn costs does not depend on their number
    """

    def __init__(self, delivery: Delivery, subscriptions: Subscriptions, outside: Outside, catchup: Catchup) -> None:
        self._delivery = delivery
        self._subscriptions = subscriptions
        self._outside = outside
        self._catchup = catchup
        self._frames = delivery.tally.counter("ws_gateway_frames_total")
        self._bytes = delivery.tally.counter("ws_gateway_frame_bytes_total")
        self._lag = delivery.tally.histograms("ws_gateway_exchange_lag_seconds")
        self._clock = outside.clock
        self._parse = Parser(delivery.endpoint.name).parse
        self._texts = self._text_bytes = 0  # of this turn
        self._sent_ms: int | None = None  # when the last of its frames was sent that says so, by the exchange's clock
        self._is_kept = delivery.endpoint.authenticates  # before anything else is done with it
        self._in_hand: tuple[int, bytes] | None = None  # received_ns and text that the disk refuses
        self._room_since: float | None = None  # when the disk took the frame in hand; monotonic seconds
        self._read_all_at = -math.inf  # monotonic seconds
        self._is_fresh = False  # what is read now has just arrived
        self._may_hold = True  # in this turn
        self._turned_at = -math.inf  # when frames were read last; monotonic seconds
        self.gathers_until = -math.inf
        self.last_sent_ms: int | None = None
        self.last_frame_ms: int | None = None
        self.last_data_ms: int | None = None

    @property
    def is_stuck(self) -> bool:
        """A frame is in hand that cannot be kept, so no other is read."""
        return self._in_hand is not None

    def read(self, connection: Connection, session: Session) -> bool:
        """Take the frames that are here, a bounded number; whether that were all."""
        now = self._outside.now()
        self._is_fresh = now - self._read_all_at <= FRESH_S
        if now - self._read_all_at >= BLIND_S:
            self._delivery.readers.blind_until = now
        self._may_hold = self._catchup.may_hold
        try:
            is_all = self._read(connection, session, now)
        finally:
            if self._texts:
                is_fast = self._texts > FAST_PER_S * (now - self._turned_at)
                self._turned_at, self.gathers_until = now, now + (GATHER_FAST_S if is_fast else GATHER_S)
            self._note_turn()
        if is_all:
            self._read_all_at = self._outside.now()
        return is_all

    def _note_turn(self) -> None:
        self._frames["received"] += self._texts
        self._bytes["received"] += self._text_bytes
        self._texts = self._text_bytes = 0
        if self._sent_ms is not None and self.last_frame_ms is not None:
            self._note_sent(self._sent_ms, self.last_frame_ms)
            self._sent_ms = None

    def _read(self, connection: Connection, session: Session, now: float) -> bool:
        if not self.retry(session):
            return False
        outside = self._outside
        has_bytes, unix_ns, tap = outside.has_bytes, outside.unix_ns, outside.tap
        while self._texts < FRAMES_PER_TURN:
            if not (connection.pending() or has_bytes(connection)):
                return True
            text = connection.receive()
            if text is None:  # a control frame, or one that is not whole yet: a trickle must not hold up the turn
                return not has_bytes(connection)
            received_ns = unix_ns()  # of all that left the socket in one read
            for each in chain((text,), connection.at_hand()):
                if tap.recorders:
                    tap.received(received_ns, each)
                if self._is_kept and not self._keep(received_ns, each):
                    return False
                self._sort(each, received_ns, session, now)
                if self._texts >= FRAMES_PER_TURN:
                    break
        return not has_bytes(connection)

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
            self._note_turn()

    def _keep(self, received_ns: int, text: bytes) -> bool:
        delivery = self._delivery
        if delivery.journal.keep_frame(received_ns, text):
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
        self._sort(text, received_ns, session, self._outside.now())

    def _sort(self, text: bytes, received_ns: int, session: Session | None, now: float) -> None:
        frame = self._parse(text)
        self._texts += 1
        self._text_bytes += len(text)
        received_ms = self.last_frame_ms = received_ns // 1_000_000
        if type(frame) is not Data:
            self._answer(frame, text, received_ns, session, now)
            return
        is_asked_for = session is None or session.pushed(frame.topic, now)
        if frame.ts_ms:
            self._sent_ms = frame.ts_ms
        if not is_asked_for:
            diary.received(self._delivery.worker, text)
            self._delivery.unasked(frame, received_ns)
            return
        self.last_data_ms = received_ms
        if frame.ts_ms and (reader := self._delivery.readers.of(frame.topic)) is not None:
            self._lag[reader.channel.event_type].observe(received_ns - frame.ts_ms * 1_000_000)
        if self._may_hold and self._catchup.holds((frame, received_ns), now):
            return
        if self._delivery.take(frame, received_ns, now):
            self._subscriptions.renew(frame.topic)

    def _answer(self, frame: Frame, text: bytes, received_ns: int, session: Session | None, now: float) -> None:
        """What is no push."""
        server_ms = frame.server_ms if isinstance(frame, Pong) else None
        self._sent_ms = server_ms or self._sent_ms
        if session is not None:
            session.receive(frame, now)
        diary.received(self._delivery.worker, text)
        if server_ms is not None and self._is_fresh:
            self._outside.clock.noticed(server_ms, received_ns // 1_000_000)
        elif isinstance(frame, Unknown):
            self._delivery.unread(frame, received_ns)

    def _note_sent(self, sent_ms: int, received_ms: int) -> None:
        """Frames come in their order; those that wait unread when a connection ends were sent later, however long ago."""
        ours_ms = sent_ms - (self._clock.ahead_ms or 0)
        if received_ms - BEHIND_MS <= ours_ms <= received_ms:
            self.last_sent_ms = ours_ms
