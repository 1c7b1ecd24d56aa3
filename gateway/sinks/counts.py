"""COUNTS: what was published and what was confirmed, event by event, for GET /metrics; and a line a message where somebody debugs."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter

from gateway.metrics.tally import Tally
from gateway.sinks.bundles import Bundle
from gateway.sinks.messages import Message, flat

log = logging.getLogger(__name__)

_event_type = attrgetter("event_type")


class Counts:
    """Of one sink; `tally` is its process's."""

    def __init__(self, tally: Tally) -> None:
        self._published = tally.counter("ws_gateway_published_total")
        self._confirmed = tally.counter("ws_gateway_confirmed_total")
        self._batches = tally.counter("ws_gateway_batches_confirmed_total")
        self._batched = tally.counter("ws_gateway_batched_events_total")
        self._delivery = tally.histograms("ws_gateway_delivery_seconds")

    def published(self, messages: Sequence[Message]) -> None:
        for event_type, count in Counter(map(_event_type, flat(messages))).items():
            self._published[event_type] += count

    def confirmed(self, messages: Sequence[Message]) -> None:
        """The broker has these now."""
        now_ns = time.time_ns()
        records = flat(messages)
        for record in records:
            self._delivery[record.event_type].observe(now_ns - record.received_ns)
        for event_type, count in Counter(map(_event_type, records)).items():
            self._confirmed[event_type] += count
        for message in messages:
            if isinstance(message, Bundle):
                self._batches[message.event_type] += 1
                self._batched[message.event_type] += message.count
        if log.isEnabledFor(logging.DEBUG):
            for record in records:
                log.debug(
                    "broker published routing_key=%s event_id=%s", record.routing_key, record.event_id,
                    extra={"trace_id": record.trace_id},
                )  # fmt: skip
