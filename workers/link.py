"""The link: one loop that owns a worker's socket around its session. It blocks in one place and decides nothing about the exchange.

wishes ─▶ subscriptions ─▶ session ─▶ socket
socket ─▶ frames ─▶ session, delivery ─▶ bus
"""

import logging
from dataclasses import dataclass

from gateway.backoff import Backoff
from gateway.breaker import Breaker
from gateway.errors import LinkLost
from gateway.health.words import ConnectionStatus
from gateway.occurrences import Cause
from gateway.protocol.endpoints import Endpoint
from gateway.protocol.session import Credentials, Session, State
from gateway.protocol.subscriptions import Subscriptions
from workers.catchup import Catchup
from workers.delivery import Delivery
from workers.dial import Connection
from workers.diary import Diary
from workers.intake import Intake
from workers.link_measures import LinkMeasures
from workers.outside import Outside
from workers.route import Route
from workers.waiting import wait
from workers.watchdog import Watchdog

log = logging.getLogger(__name__)

#: The longest sleep; seconds. Pings, answers that did not come and state files are looked at this often.
TURN_S = 0.25
#: A connection without any wanted topic is kept this long, in case somebody subscribes again; seconds.
LINGER_S = 2.0
#: A connection that lived this long, with its topics settled, lets the next backoff begin anew; seconds.
STEADY_S = 5.0


@dataclass(frozen=True, slots=True)
class _Live:
    """An open socket and the conversation on it; they come and go together."""

    connection: Connection
    session: Session
    opened_at: float


class Link:
    """Connects when there is work, keeps the conversation going, reconnects for ever.

    status             the contract's word for the connection
    connected_since    when the session came online, Unix milliseconds; None while it is not
    trouble_since      since when there is work that is not being done, Unix milliseconds; None: all is well
    reconnections      sessions that came online after the first
    breaker            whether the exchange is given up on for the moment
    """

    def __init__(
        self,
        endpoint: Endpoint,
        route: Route,
        *,
        credentials: Credentials | None,
        delivery: Delivery,
        backoff: Backoff,
        outside: Outside,
        wake: int,
        catchup: Catchup | None = None,
    ) -> None:
        """`wake` is a descriptor that is readable when the loop should turn at once. Without `catchup` nothing is fetched."""
        self._endpoint = endpoint
        self._route = route
        self._credentials = credentials
        self._delivery = delivery
        self._backoff = backoff
        self._outside = outside
        self._wake = wake
        self._live: _Live | None = None
        self._online = False
        self._dial_at = 0.0
        self._workless_since: float | None = None
        self._work: bool | None = None  # None: nobody has said yet
        self._was_online = False  # since there is work
        self._has_settled = False  # on this connection: every wanted topic was held or refused
        self._watchdog = Watchdog()
        self.subscriptions = Subscriptions(endpoint)
        self.catchup = catchup or Catchup()
        self.catchup.subscriptions = self.subscriptions
        self.intake = Intake(delivery, self.subscriptions, outside, self.catchup)
        self.diary = Diary(delivery.worker, delivery.stamp.epoch)
        self.breaker = Breaker()
        self._measures = LinkMeasures(delivery.tally)
        self.status: ConnectionStatus = "idle"
        self.connected_since: int | None = None
        self.trouble_since: int | None = None
        self.last_error: str | None = None
        self.reconnections = 0

    @property
    def clock_skew_ms(self) -> int | None:
        """How far the exchange's clock is ahead of ours; None: it has not said."""
        return self._outside.clock.ahead_ms

    def want(self, topics: dict[str, bool]) -> None:
        """Replace the wanted set: topic → whether the exchange pushes a frame on subscribe."""
        self._work = bool(topics)
        self.subscriptions.want(topics)

    def turn(self) -> None:
        """Do all that can be done now; blocks only while connecting."""
        now = self._outside.now()
        self._measures.turned(now, has_work=bool(self._work), is_online=self._online)
        if self._live is None:
            if not self._work:
                self.status = "idle"
            elif self.intake.retry(None) and now >= self._dial_at:
                self._dial()
        if self._live is not None:
            try:
                self._converse(self._live, self._outside.now())
            except LinkLost as fault:
                self._lost(str(fault))
        self.catchup.tend(self._outside.now(), self._outside.unix_ns())
        self._look_at_gaps()
        for topic in self._delivery.tend(self.subscriptions, self._outside.now(), self._outside.unix_ns()):
            self.subscriptions.renew(topic)
        self._delivery.flush()
        self._delivery.pump(self._outside.unix_ns())
        self._look_for_trouble()

    def wait(self) -> None:
        """Sleep until the socket, a wish or the router has something, or a quarter of a second has passed."""
        connection = self._live.connection if self._live is not None else None
        if connection is not None and (self._delivery.must_wait or self.intake.is_stuck):
            connection = None
        if connection is not None and connection.pending():
            return
        waiting_to_dial = self._live is None and self._work
        left = max(0.0, min(TURN_S, self._dial_at - self._outside.now())) if waiting_to_dial else TURN_S
        frames = connection.fileno() if connection is not None else None
        wait(self._wake, self._delivery.bus.fileno(), frames, within_s=left, gathers_until=self.intake.gathers_until)

    def close(self) -> None:
        """Stop reading and let go of the socket; what was read has been handed to the bus."""
        self.intake.close()
        if self._live is not None:
            self._lost("the worker is stopping", "restarted", log_level=logging.INFO)
        self.catchup.release(self._outside.now())
        self._delivery.flush()

    def _dial(self) -> None:
        outside = self._outside
        self.status = "reconnecting" if self._was_online or self.last_error else "connecting"
        wait_s = outside.budget.wait_s(outside.unix_ns() / 1e9) if outside.budget is not None else 0.0
        if wait_s:
            self.last_error = f"the host's new connections of five minutes are used up; the next one may come in {wait_s:.0f} s"
            log.warning("%s connect_budget_used_up wait_s=%.1f", self._delivery.worker, wait_s)
            self._dial_at = outside.now() + wait_s
            return
        self.breaker.tried()
        if self._endpoint.authenticates:
            outside.clock.begin(outside.now())
        try:
            connection = outside.dial(self._route)
        except LinkLost as fault:
            self._lost(str(fault))
            return
        if self._endpoint.authenticates:
            outside.clock.settle(outside.now())
        self.diary.opened(self._route.url)
        outside.tap.opened(outside.unix_ns())
        now, exchange_ms = outside.now(), outside.clock.at_ms(outside.unix_ns())
        session = Session(self._endpoint, self.subscriptions, self._credentials, now=now, unix_ms=exchange_ms)
        self._live = _Live(connection, session, now)
        self._workless_since = None
        self._delivery.new_connection(now)
        self.catchup.opened()

    def _converse(self, live: _Live, now: float) -> None:
        session = live.session
        unread = self._delivery.must_wait or not self.intake.read(live.connection, session)
        self._measures.heard(session)
        session.tick(now, unread=unread)
        self._tell_of_acknowledgements(session)
        self._watch(now, unread=unread)
        for text in session.to_send(now):
            self.diary.sent(text)
            self._measures.sent(text)
            self._outside.tap.sent(self._outside.unix_ns(), text)
            live.connection.send(text)
        if session.reason is not None:
            raise LinkLost(session.reason)
        self._note_status(session, now - live.opened_at)
        if self._work or self.subscriptions.held:
            self._workless_since = None
        elif self._workless_since is None:
            self._workless_since = now
        elif now - self._workless_since >= LINGER_S:
            self._rest()

    def _tell_of_acknowledgements(self, session: Session) -> None:
        self.diary.answered(session.take_answers())
        delivery, now_ns = self._delivery, self._outside.unix_ns()
        for kind, topic in self.subscriptions.take_gaps():
            delivery.ledger.unacknowledged(kind, topic, last_ms=delivery.readers.last_event_ms(topic), now_ns=now_ns)

    def _watch(self, now: float, *, unread: bool) -> None:
        """Look for topics that have fallen silent. Raises LinkLost where only a new connection can help."""
        found = self._watchdog.look(self._delivery.readers.cadences, self.subscriptions, now, unread=unread)
        now_ns = self._outside.unix_ns()
        for topic, silent_s, limit_s in found.stalled:
            detail = self._labelled(f"silent for {silent_s:.0f} s; its limit is {limit_s:.0f} s")
            from_ms = (now_ns - int(silent_s * 1e9)) // 1_000_000
            self._delivery.ledger.begin("stalled", "stalled", now_ns=now_ns, from_ms=from_ms, topic=topic, detail=detail)
        for topic in found.renew:
            self.subscriptions.renew(topic)
        if found.dead is not None:
            raise LinkLost(found.dead)

    def _look_at_gaps(self) -> None:
        if self._work is None or not self._delivery.gaps.open or (self._work and not self._online):
            return
        self._delivery.ledger.look(self._endpoint, self.subscriptions, now_ns=self._outside.unix_ns())

    def _labelled(self, detail: str) -> str:
        """With what the exchange says it is doing to itself."""
        maintenance = self._outside.maintenance()
        return f"{detail} [maintenance: {maintenance}]" if maintenance else detail

    def _note_status(self, session: Session, lived_s: float) -> None:
        if session.state is State.ONLINE and not self._online:
            self._online = True
            unix_ns = self._outside.unix_ns()
            self.connected_since = unix_ns // 1_000_000
            again, self._was_online = self._was_online, True
            self.reconnections += again
            if self._outside.diagnosis is not None:
                self._outside.diagnosis.over()
            self._delivery.tell("reconnected" if again else "connected", now_ns=unix_ns)
            self.diary.online(self.reconnections)
        self.status = session.status  # type: ignore[assignment] # the session's words are a subset
        self._measures.subscribing(self.reconnections, lived_s, is_settled=self.status == "connected")
        if self.status == "connected":
            if not self._has_settled:
                self._has_settled = True
                self.catchup.settled(self._outside.now(), self._outside.unix_ns())
            self.breaker.succeeded()
            if lived_s >= STEADY_S:
                self._backoff.succeeded()

    def _lost(self, reason: str, cause: Cause = "disconnected", log_level: int = logging.WARNING) -> None:
        log.log(log_level, "%s session_closed reason=%s", self._delivery.worker, reason)
        self.last_error = reason
        self._outside.tap.closed(self._outside.unix_ns(), reason)
        self.breaker.failed()
        self.catchup.lost()
        if self._online:
            if cause == "disconnected" and not self._has_settled:
                self._measures.lost_unsettled(self.reconnections)
            now_ns, intake, topics = self._outside.unix_ns(), self.intake, self.subscriptions.names_delivering()
            last_ms = intake.last_frame_ms if self._endpoint.authenticates else intake.last_data_ms
            from_ms = max(min(last_ms or 0, intake.last_sent_ms or last_ms or 0), self.connected_since or 0)
            self._delivery.ledger.connection_lost(cause, topics, from_ms=from_ms, now_ns=now_ns, detail=self._labelled(reason))
        refused = self._live is not None and self._live.session.state is State.AUTH_FAILED
        if refused:
            self._outside.clock.distrust()
            if self._outside.diagnosis is not None:
                self._outside.diagnosis.begin()
        self._let_go()
        self.status = "auth_failed" if refused else "reconnecting"
        self._dial_at = self._outside.now() + self._backoff.next_s()

    def _rest(self) -> None:
        """Nobody wants anything: go, politely."""
        log.info("%s session_idle", self._delivery.worker)
        self._outside.tap.closed(self._outside.unix_ns(), "nobody wants anything")
        self.catchup.lost()
        self.catchup.release(self._outside.now())
        self._let_go()
        self.status = "idle"
        self._was_online = False
        self.breaker.rested()

    def _let_go(self) -> None:
        if self._live is not None:
            self._live.connection.close()
            self._live = None
        self._online = self._has_settled = False
        self.connected_since = None
        self.subscriptions.lost()
        self._delivery.lost(self._outside.now())

    def _look_for_trouble(self) -> None:
        if self.status == "auth_failed" and self._outside.diagnosis is not None:
            self.last_error = self._outside.diagnosis.words or self.last_error
        if not self._work or self.status == "connected":
            self.trouble_since = None
        elif self.trouble_since is None:
            self.trouble_since = self._outside.unix_ns() // 1_000_000
