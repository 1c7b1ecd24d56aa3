"""COMPLAINTS: what could not be read, kept as it came, counted, logged and announced, the last two only so often."""

import logging
from dataclasses import dataclass

from gateway import names
from gateway.disk.dead_letters import DeadLetters
from gateway.models import BadRecord, Event
from gateway.protocol.channels.channel import Outcome
from workers.reader import Reader

log = logging.getLogger(__name__)

#: Bad records and unknown frames of a topic are logged, and announced, this many times; then they are only counted and kept. The
#: private endpoint announces all of them: each may be a fact of the account.
COMPLAINTS = 20
#: Letters of a topic that nobody knows, where it is shown.
TOPIC_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Complaints:
    """Of one worker. announces_all: however many there are."""

    worker: str
    dead_letters: DeadLetters
    announces_all: bool

    def add(self, reader: Reader, bad: BadRecord, *, trace_id: str, now_ns: int) -> bool:
        """Keep one; whether to announce it."""
        topic = shown(bad.topic)
        self.dead_letters.add(topic=topic, reason=bad.reason, record=bad.record, trace_id=trace_id, received_ns=now_ns)
        reader.complaints += 1
        if reader.complaints <= COMPLAINTS:
            log.warning("%s not_understood topic=%s reason=%s", self.worker, topic, bad.reason, extra={"trace_id": trace_id})
        return reader.complaints <= COMPLAINTS or self.announces_all


def shown(topic: str) -> str:
    """No longer than anybody wants to read."""
    return topic[:TOPIC_SHOWN]


def routable(outcome: Outcome) -> Outcome:
    """An event whose names do not fit into a routing key cannot be published; what told it is added by whoever has it."""
    if isinstance(outcome, Event) and not names.is_routable(outcome.category, outcome.symbol, outcome.variant):
        return BadRecord(topic=outcome.topic, reason="its names do not fit into a routing key", record=None)
    return outcome
