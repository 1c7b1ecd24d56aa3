"""What the worker itself has to say: `system` events, and reports about its topics for PostgreSQL."""

import msgspec

from gateway.models import Record
from gateway.occurrences import Gap, Kind, occurrence
from gateway.protocol.endpoints import Endpoint
from gateway.wire import TOPIC_STATE, Stamp, TopicReport, TopicReports


class Voice:
    """Of one worker; used by its main thread alone."""

    def __init__(self, worker: str, endpoint: Endpoint, stamp: Stamp) -> None:
        self._worker = worker
        self._endpoint = endpoint
        self._stamp = stamp
        self._occurrences = 0
        self._traces = 0

    def occurrence(
        self, kind: Kind, *, now_ns: int, topic: str | None = None, detail: str | None = None, gap: Gap | None = None
    ) -> Record:
        """A `system` event about this worker's connection."""
        self._occurrences += 1
        event = occurrence(
            kind,
            identity=f"{self._stamp.epoch}|{self._occurrences}",
            endpoint=self._endpoint.name,
            worker=self._worker,
            now_ms=now_ns // 1_000_000,
            category=self._endpoint.category,
            topic=topic,
            detail=detail,
            gap=gap,
        )
        return self._stamp.record(event, received_ns=now_ns, trace_id=self.trace_id())

    def trace_id(self) -> str:
        """Of what no frame brought."""
        self._traces += 1
        return f"{self._stamp.epoch}-s{self._traces}"

    def report(self, reports: list[TopicReport], now_ns: int) -> Record:
        """How topics are: a record for PostgreSQL alone."""
        return Record(
            routing_key="",
            event_type=TOPIC_STATE,
            event_id="",
            category=self._endpoint.category,
            symbol=None,
            topic="",
            trace_id="",
            timestamp_ms=now_ns // 1_000_000,
            received_ns=now_ns,
            body=msgspec.json.encode(TopicReports(self._endpoint.name, reports)),
        )
