"""COMPLAINTS: what could not be read, kept as it came, counted, logged and announced, the last two only so often."""

import logging
from dataclasses import dataclass

import msgspec

from gateway.dead_letters import DeadLetters
from gateway.models import BadRecord, Json
from workers.reader import Reader

log = logging.getLogger(__name__)

#: Bad records and unknown frames of a topic are logged, and announced, this many times; then they are only counted and kept. The
#: private endpoint announces all of them: each may be a fact of the account.
COMPLAINTS = 20
#: Letters of a topic that nobody knows, where it is shown.
TOPIC_SHOWN = 200

#: As `frames.parse` reads.
_decode = msgspec.json.Decoder(float_hook=str).decode


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


def as_it_came(record: Json, raw: msgspec.Raw | None) -> Json:
    """The same record in the exchange's own digits, where `raw` is that record and not one that holds it. None: all there is."""
    if raw is None or record is None:
        return raw if record is None else record
    try:
        return raw if _decode(raw) == record else record
    except RecursionError:  # of two values of one key the first, which nobody reads, may go down for ever
        return record
