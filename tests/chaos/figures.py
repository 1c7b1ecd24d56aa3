"""What is measured of a run, from what the recorder wrote down and from samples of memory."""

from collections.abc import Sequence

from tests.chaos.recorder import Message
from tests.chaos.stage import Sample
from tests.chaos.truth import Account, Told

MIB = 1 << 20
DAY_NS = 86_400 * 10**9

Spans = Sequence[tuple[int, int]]


def measure(messages: Sequence[Message], samples: Sequence[Sample], faults: Spans) -> dict[str, float]:
    """All figures that these tell. faults: (from, to) in Unix nanoseconds."""
    return {**drain(messages, faults), **latency(messages, faults), **growth(samples, faults), **rate(messages)}


def audit(messages: Sequence[Message], withheld: Sequence[Told], account: Account) -> dict[str, float]:
    """From when a fault kept back an execution, or the last state of an order, to when it came all the same; seconds.

    What never came counts as a day.
    """
    came: dict[tuple[str, str], int] = {}
    for each in messages:
        if each.event_type == "execution":
            came.setdefault(("execution", each.payload["execution_id"]), each.at_ns)
        elif each.event_type == "order":
            came.setdefault(("order", f"{each.payload['order_id']} {each.payload['updated_time']}"), each.at_ns)
    waited = []
    for told in withheld:
        kind, identity, *more = told.fact
        last = account.orders.get(identity)
        if kind == "order" and last is not None and last[2] == int(more[1]):
            identity = f"{identity} {more[1]}"
        elif kind != "execution":
            continue
        waited.append((came.get((kind, identity), told.sent_ns + DAY_NS) - told.sent_ns) / 1e9)
    return {"audit_s": round(max(waited), 2)} if waited else {}


def skew_error_ms(found_ms: int | None, ahead_ms: int) -> float:
    """How far off health is about the exchange's clock; one that is ahead counts as positive, and none told as zero."""
    return float(abs((found_ms or 0) - ahead_ms))


def rate(messages: Sequence[Message]) -> dict[str, float]:
    """Events a second that left sockets, over the whole run."""
    received = [each.received_ns for each in messages]
    spent_s = (max(received) - min(received)) / 1e9 if received else 0.0
    return {"events_per_s": round(len(received) / spent_s)} if spent_s else {}


def drain(messages: Sequence[Message], faults: Spans) -> dict[str, float]:
    """How long after an outage the last event that was received in it came; seconds, and as a share of the outage."""
    longest = share = 0.0
    for began, ended in faults:
        came = [each.at_ns for each in messages if began <= each.received_ns <= ended]
        late = max(0.0, (max(came, default=ended) - ended) / 1e9)
        longest, share = max(longest, late), max(share, late / max((ended - began) / 1e9, 1e-3))
    return {"drain_s": round(longest, 2), "drain_per_outage": round(share, 3)}


def latency(messages: Sequence[Message], faults: Spans) -> dict[str, float]:
    """From the socket to the consumer, of stream events that were received in trouble; milliseconds."""
    spent = sorted(
        (each.at_ns - each.received_ns) / 1e6
        for each in messages
        if each.source == "stream" and any(began <= each.received_ns <= ended for began, ended in faults)
    )
    return (
        {f"p{name}_ms": round(spent[int(len(spent) * share)], 1) for name, share in (("50", 0.5), ("999", 0.999))} if spent else {}
    )


def growth(samples: Sequence[Sample], faults: Spans) -> dict[str, float]:
    """How much the memory of one process grew in the second half of a time of trouble: a buffer without a bound grows there as in the first."""
    most = 0.0
    for began, ended in faults:
        half = (began + ended) // 2
        for program, pid in {(each.program, each.pid) for each in samples}:
            of = [each for each in samples if (each.program, each.pid) == (program, pid)]
            at_half = [each.resident_bytes for each in of if began <= each.at_ns <= half]
            later = [each.resident_bytes for each in of if half <= each.at_ns <= ended]
            if at_half and later:
                most = max(most, (max(later) - at_half[-1]) / MIB)
    return {"late_growth_mib": round(most, 1)} if samples else {}
