"""The PostgreSQL sink: balances, the ledger, and the workers' reports about their topics. Writing twice changes nothing.

A record that cannot be stored becomes a dead letter; its neighbours are stored. A table that is locked or a server that does not answer
is waited for no longer than a few seconds: then the lane writes the records again.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from gateway.database import balances, db, ledger, store
from gateway.database.db import Connection
from gateway.disk import dead_letters
from gateway.disk.dead_letters import DeadLetters, Letter, Reject
from gateway.errors import SinkAway, StoreAway, StoreRefused
from gateway.metrics.tally import Tally
from gateway.models import Json, Record
from gateway.wire import TOPIC_STATE, TopicReports

log = logging.getLogger(__name__)

#: A lock that somebody else holds is waited for this long at a time, and a statement takes at most so long; milliseconds. With the
#: grace of `gateway/database/db.py` and a tick every half second a frozen server is noticed within five seconds.
LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS = 2000, 3000

_reports = msgspec.json.Decoder(TopicReports)


def _insert_reports(connection: Connection, bodies: Sequence[bytes], reject: Reject) -> None:
    """What workers say of their topics. Raises StoreAway, StoreRefused."""
    for body in bodies:
        try:
            said = _reports.decode(body)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            reject(str(fault), body.decode(errors="backslashreplace"), "")
            continue
        store.report_topics(connection, said.endpoint, said.reports)


#: Event type → what stores it: all bodies of one batch, in their order. Of balances, how many rows break a rule.
STORED: dict[str, Callable[[Connection, Sequence[bytes], Reject], int | None]] = {
    "balance": balances.insert_balances,
    "system": ledger.insert_occurrences,
    TOPIC_STATE: _insert_reports,
}


class PostgresSink:
    """Settled when committed.

    active_subscriptions  how many there are, asked with every tick; None before the first answer
    rejected              what could not be stored since the start: coins and accounts without numbers, records that PostgreSQL refused
    """

    name = "postgres"

    def __init__(self, url: str, dead_letters: DeadLetters, *, process: str = "router_00", tally: Tally | None = None) -> None:
        """tally: what the process counts for GET /metrics."""
        tally = tally or Tally()
        self._warnings = tally.counter("ws_gateway_balance_warnings_total")
        self._warnings[""] += 0  # it is known from the first scrape on
        self._written = tally.histogram("ws_gateway_balance_write_seconds")
        self._url = url
        self._dead_letters = dead_letters
        self._process = process
        self._connection: db.Connection | None = None
        self._settled = 0
        self.active_subscriptions: int | None = None
        self.rejected = 0

    def wants(self, record: Record) -> bool:
        return record.event_type in STORED

    def open(self) -> None:
        self.close()
        self._settled = 0
        try:
            self._connection = db.connect(
                self._url, name="ws-gateway router", statement_timeout_ms=STATEMENT_TIMEOUT_MS, lock_timeout_ms=LOCK_TIMEOUT_MS
            )
            if not store.schema_is_current(self._connection):
                raise SinkAway(store.NOT_PREPARED)
        except (StoreAway, StoreRefused) as fault:
            raise SinkAway(str(fault)) from fault

    def write(self, records: Sequence[Record]) -> None:
        try:
            try:
                self._store(records)
            except StoreRefused:
                for record in records:  # one of them is bad: its neighbours are stored all the same
                    self._store_alone(record)
        except StoreAway as fault:
            raise SinkAway(str(fault)) from fault
        self._settled += len(records)

    def settled(self) -> int:
        return self._settled

    def ready(self) -> bool:
        return True

    def tick(self) -> None:
        try:
            self.active_subscriptions = store.count_active(self._open)
        except (StoreAway, StoreRefused) as fault:
            raise SinkAway(str(fault)) from fault

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _open(self) -> db.Connection:
        if self._connection is None:
            raise SinkAway("PostgreSQL is not connected")
        return self._connection

    def _store(self, records: Sequence[Record]) -> None:
        letters: list[Letter] = []
        for event_type, insert in STORED.items():
            found = [record for record in records if record.event_type == event_type]
            if found:
                warned = insert(self._open, [record.body for record in found], partial(_lay_aside, letters, found[0].topic))
                if event_type == "balance":
                    self._count(found, warned or 0)
        self._keep(letters)

    def _count(self, stored: Sequence[Record], warned: int) -> None:
        now_ns = time.time_ns()
        for record in stored:
            self._written.observe(now_ns - record.received_ns)
        if warned:
            self._warnings[""] += warned
            log.warning("postgres balance_warnings rows=%d: they break a rule, which their column warnings names", warned)

    def _store_alone(self, record: Record) -> None:
        try:
            self._store([record])
        except StoreRefused as fault:
            self._keep([Letter(record.topic, str(fault), record.body.decode(errors="backslashreplace"), record.trace_id)])

    def _keep(self, letters: Sequence[Letter]) -> None:
        """Rows first: when the database goes meanwhile, all of it is written again, and a row is the same row. Raises StoreAway."""
        if not letters:
            return
        now_ns = time.time_ns()
        try:
            dead_letters.insert(self._open, self._process, letters, now_ns)
        except StoreRefused as fault:
            log.warning("postgres dead_letters_refused count=%d reason=%s: they are in the file alone", len(letters), fault)
        for letter in letters:
            self.rejected += 1
            self._dead_letters.add(
                topic=letter.topic, reason=letter.reason, record=letter.record, trace_id=letter.trace_id, received_ns=now_ns
            )
            log.warning("postgres record_rejected reason=%s", letter.reason, extra={"trace_id": letter.trace_id})


def _lay_aside(letters: list[Letter], topic: str, reason: str, record: Json, trace_id: str) -> None:
    letters.append(Letter(topic, reason, record, trace_id))
