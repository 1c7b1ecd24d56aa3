"""The PostgreSQL sink: balances as rows, and the workers' reports about their topics. Writing twice changes nothing."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway import balances, db, store
from gateway.dead_letters import DeadLetters
from gateway.errors import SinkAway, StoreAway, StoreRefused
from gateway.models import Record
from gateway.wire import TOPIC_STATE, TopicReports

log = logging.getLogger(__name__)

_reports = msgspec.json.Decoder(TopicReports)


class PostgresSink:
    """Settled when committed.

    active_subscriptions  how many there are, asked with every tick; None before the first answer
    rejected              balance rows that could not be read as numbers, and records that PostgreSQL refused, since the start
    """

    name = "postgres"

    def __init__(self, url: str, dead_letters: DeadLetters) -> None:
        self._url = url
        self._dead_letters = dead_letters
        self._connection: db.Connection | None = None
        self._settled = 0
        self.active_subscriptions: int | None = None
        self.rejected = 0

    def wants(self, record: Record) -> bool:
        return record.event_type == "balance" or record.event_type == TOPIC_STATE

    def open(self) -> None:
        self.close()
        self._settled = 0
        try:
            self._connection = db.connect(self._url, name="ws-gateway router")
            if not store.schema_is_current(self._connection):
                raise SinkAway(store.NOT_PREPARED)
        except (StoreAway, StoreRefused) as fault:
            raise SinkAway(str(fault)) from fault

    def write(self, records: Sequence[Record]) -> None:
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
        bodies = [record.body for record in records if record.event_type != TOPIC_STATE]
        if bodies:
            balances.insert_balances(self._open, bodies, self._reject)
        for record in records:
            if record.event_type == TOPIC_STATE:
                self._report(record)

    def _store_alone(self, record: Record) -> None:
        try:
            self._store([record])
        except StoreRefused as fault:
            self._reject(str(fault), record.body.decode(errors="backslashreplace"), record.trace_id)
        except StoreAway as fault:
            raise SinkAway(str(fault)) from fault

    def _reject(self, reason: str, record: Any, trace_id: str) -> None:
        """Count it, keep it as a dead letter, say so."""
        self.rejected += 1
        self._dead_letters.add(topic="wallet", reason=reason, record=record, trace_id=trace_id, received_ns=time.time_ns())
        log.warning("postgres record_rejected reason=%s", reason, extra={"trace_id": trace_id})

    def _report(self, record: Record) -> None:
        try:
            body = _reports.decode(record.body)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            log.warning("postgres report_unreadable reason=%s", fault)
            return
        store.report_topics(self._open, body.endpoint, body.reports)
