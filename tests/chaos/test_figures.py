"""What is measured of a run, on messages and samples that are made up."""

from decimal import Decimal

import pytest

from tests.chaos.figures import MIB, audit, drain, growth, latency, skew_error_ms
from tests.chaos.recorder import Message
from tests.chaos.stage import Sample
from tests.chaos.truth import Account, Execution, Told

SECOND = 10**9
OUTAGE = [(100 * SECOND, 110 * SECOND)]


def message(received_s: float, came_s: float, **more: object) -> Message:
    told: dict[str, object] = {
        "number": 1, "at_ns": int(came_s * SECOND), "queue": "q", "key": "k", "again": False, "event_type": "trade", "event_id": "i",
        "category": "linear", "symbol": "BTCUSDT", "topic": "publicTrade.BTCUSDT", "source": "stream", "epoch": "e", "sequence": 1,
        "gap_id": None, "timestamp_ms": 0, "received_ns": int(received_s * SECOND), "fact": None, "payload": {},
    }  # fmt: skip
    return Message(**(told | more))


def test_draining_counts_from_the_end_of_the_outage_to_the_last_event_that_was_received_in_it() -> None:
    messages = [message(99, 130), message(105, 112), message(109, 114), message(111, 140)]
    assert drain(messages, OUTAGE) == {"drain_s": 4.0, "drain_per_outage": 0.4}


def test_an_outage_that_nothing_waited_for_is_drained_at_once() -> None:
    assert drain([message(105, 105.01)], OUTAGE) == {"drain_s": 0.0, "drain_per_outage": 0.0}


def test_latency_is_that_of_stream_events_which_were_received_in_trouble() -> None:
    quick = [message(100 + place / 1000, 100 + place / 1000 + 0.010) for place in range(999)]
    others = [message(99, 120), message(105, 125, source="rest")]
    assert latency([*quick, *others, message(105, 105.5)], OUTAGE) == {"p50_ms": 10.0, "p999_ms": 500.0}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((50, 60, 70, 80), 20.0), ((50, 80, 80, 80), 0.0), ((50, 80, 81, 79), 1.0)],
    ids=["grows", "flat", "hums"],
)
def test_growth_is_that_of_the_second_half(sizes: tuple[int, ...], expected: float) -> None:
    samples = [
        Sample(at_s * SECOND, "router_00", 7, size * MIB) for at_s, size in zip((101, 104, 106, 109), sizes, strict=True)
    ]  # fmt: skip
    assert growth(samples, OUTAGE) == {"late_growth_mib": expected}


@pytest.mark.parametrize(("found_ms", "error"), [(2990, 10.0), (-3000, 6000.0), (None, 3000.0)])
def test_health_that_takes_ahead_for_behind_is_twice_as_far_off(found_ms: int | None, error: float) -> None:
    assert skew_error_ms(found_ms, 3000) == error
    assert skew_error_ms(None if found_ms is None else -found_ms, -3000) == error


def test_a_process_that_was_started_anew_did_not_grow() -> None:
    samples = [Sample(104 * SECOND, "router_00", 7, 10 * MIB), Sample(108 * SECOND, "router_00", 8, 90 * MIB)]
    assert growth(samples, OUTAGE) == {"late_growth_mib": 0.0}


def test_the_audit_counts_executions_and_last_states_from_when_they_were_held_back() -> None:
    account = Account({"e": Execution(1, Decimal(1), Decimal(1), Decimal(0))}, {"o": ("Filled", Decimal(1), 5000)}, {}, {})
    withheld = [
        Told("private", 1, "execution", ("execution", "e", "1", "1", "0"), 100 * SECOND),
        Told("private", 1, "order", ("order", "o", "New", "4000", "0"), 100 * SECOND),  # another state followed: nobody can tell it
        Told("private", 1, "order", ("order", "o", "Filled", "5000", "1"), 100 * SECOND),
    ]
    execution = message(0, 130, event_type="execution", payload={"execution_id": "e"})
    order = message(0, 160, event_type="order", payload={"order_id": "o", "updated_time": 5000})
    assert audit([execution, order], withheld, account) == {"audit_s": 60.0}
    assert audit([execution], withheld, account) == {"audit_s": 86_400.0}
    assert audit([], [], account) == {}
