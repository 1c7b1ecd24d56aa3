"""Bundles: the envelopes that one queue gets as one message. Pure: told the records and the time, it says which bundles are whole.

record ─▶ open bundle of its queue ── 256 envelopes, 1 MiB, or old enough ─▶ closed: to be published, and never opened again
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.models import Record

#: Envelopes of one message. Source: the public contract, section 4.
MOST = 256
#: Bytes of one message, unless one envelope alone has more: 256 whole books would be 15 MB, which a reader holds many of.
MOST_BYTES = 1 << 20
#: An open bundle waits for so long. The contract says 5 ms; the clock that wakes the carrier counts whole milliseconds, and one is its.
LINGER_S = 0.004

#: Of a message of many envelopes. Source: the public contract, section 4.
CONTENT_TYPE = "application/vnd.ws-gateway.batch+json"
#: Between two routing keys of the header, one key for each envelope.
BETWEEN = "\n"


@dataclass(slots=True, eq=False)
class Bundle:
    """Envelopes of one queue, in the order in which they came. To the broker sink it is what a record is.

    place       of its first envelope among all that were put into bundles
    due         when it is old enough, monotonic seconds
    size_bytes  of the envelopes
    """

    queue: str
    place: int
    due: float
    records: list[Record] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def routing_key(self) -> str:
        """It goes through the broker's default exchange."""
        return self.queue

    @property
    def count(self) -> int:
        return len(self.records)

    @property
    def event_type(self) -> str:
        """A queue has one."""
        return self.records[0].event_type

    @property
    def event_id(self) -> str:
        """Of its first envelope: what the broker gives back is known by it and the queue."""
        return self.records[0].event_id

    @property
    def trace_id(self) -> str:
        return self.records[0].trace_id

    @property
    def timestamp_ms(self) -> int:
        """Of its oldest envelope: so old is the queue that it is at the head of."""
        return self.records[0].timestamp_ms

    @property
    def body(self) -> bytes:
        """A JSON array of the envelopes, each as it was encoded once. Made when it is needed: it is as large as all of them."""
        return b"[" + b",".join([record.body for record in self.records]) + b"]"

    @property
    def keys(self) -> str:
        """The routing keys of the envelopes, in their order: what each `sequence` counts."""
        keys = [record.routing_key for record in self.records]
        joined = BETWEEN.join(keys)
        if joined.count(BETWEEN) >= len(keys):  # a symbol is the exchange's word
            joined = BETWEEN.join(key.replace(BETWEEN, " ") for key in keys)
        return joined


class Bundles:
    """The open bundles of all queues. For one thread; `now` is monotonic seconds.

    places  how many envelopes were ever put into one; an envelope that goes to two queues has two places
    """

    def __init__(self, *, most: int = MOST, most_bytes: int = MOST_BYTES, linger_s: float = LINGER_S) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._linger_s = linger_s
        self._open: OrderedDict[str, Bundle] = OrderedDict()  # in the order of their first places, and so of their ages
        self.places = 0

    def add(self, queue: str, record: Record, now: float) -> Sequence[Bundle]:
        """Put an envelope behind all others of its queue; the bundle that is whole now, if one is."""
        self.places += 1
        bundle: Bundle | None = self._open.get(queue)
        whole: tuple[Bundle, ...] = ()
        if bundle is not None and bundle.size_bytes + len(record.body) > self._most_bytes:
            whole, bundle = (self._open.pop(queue),), None
        if bundle is None:
            bundle = self._open[queue] = Bundle(queue, self.places, now + self._linger_s)
        bundle.records.append(record)
        bundle.size_bytes += len(record.body)
        if len(bundle.records) >= self._most:
            whole = (self._open.pop(queue),)
        return whole

    def taken(self, now: float) -> Sequence[Bundle]:
        """Those that are old enough, oldest first."""
        whole = []
        while self._open and next(iter(self._open.values())).due <= now:
            whole.append(self._open.popitem(last=False)[1])
        return whole

    def all_taken(self) -> Sequence[Bundle]:
        """All of them, however young."""
        whole = list(self._open.values())
        self._open.clear()
        return whole

    @property
    def due(self) -> float | None:
        """When the next one will be old enough; None: none is open."""
        return next(iter(self._open.values())).due if self._open else None

    @property
    def closed_to(self) -> int:
        """All places up to this one are in bundles that are closed."""
        return next(iter(self._open.values())).place - 1 if self._open else self.places

    def clear(self) -> None:
        self._open.clear()
        self.places = 0
