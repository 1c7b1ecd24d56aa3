"""The account of when events arrived: percentiles to a hundredth, repeats, and what is left over from an earlier load."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.arrivals import Arrivals, bucket, middle, share, shares, split, stamp
from bench.shared import Shared


@given(st.integers(0, 10**9))
def test_latency_is_known_to_a_hundredth(us: int) -> None:
    assert abs(middle(bucket(us)) - us) <= us / 100


@given(st.integers(0, 10**9))
def test_greater_latency_is_never_in_a_lower_bucket(us: int) -> None:
    assert bucket(us) <= bucket(us + 1)


def test_latency_below_zero_counts_as_none() -> None:
    assert bucket(-5) == 0


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_share_is_that_of_the_sorted_values(values: list[int], part: float) -> None:
    exact = sorted(values)[max(0, -(-int(part * 1000 * len(values)) // 1000) - 1)]
    found = share(Counter(map(bucket, values)), part)
    assert found is not None
    assert abs(found - exact) <= exact / 100


def test_shares_of_a_known_spread_are_told_in_milliseconds() -> None:
    found = shares(Counter(bucket(us) for us in range(1_000, 101_000, 100)))
    assert {name: round(ms or 0) for name, ms in found.items()} == {"p50": 51, "p90": 91, "p99": 100, "p99.9": 101, "max": 101}


def test_of_nothing_no_share_is_told() -> None:
    assert set(shares(Counter()).values()) == {None}


@given(st.integers(100, 922), st.integers(0, 10**16 - 1))
def test_stamp_has_nineteen_digits_fits_into_64_bits_and_is_read_again(load: int, due_us: int) -> None:
    found = stamp(load, due_us)
    assert (len(str(found)), found < 2**63, split(found)) == (19, True, (load, due_us))


def test_repeats_are_told_and_not_counted_twice() -> None:
    arrivals = Arrivals()
    for number in (0, 1, 2, 1, 70_000):
        arrivals.note(stamp(100, 1_000), 3_000, number)
    report = arrivals.report()
    assert (report["received"], report["repeats"], report["distinct"]) == (5, 1, 4)
    assert report["latency_ms"]["p50"] == pytest.approx(2.0, rel=0.01)


def test_newer_load_begins_anew_and_what_is_left_of_an_older_one_is_nobodys() -> None:
    arrivals = Arrivals()
    arrivals.note(stamp(100, 0), 1, 0)
    arrivals.note(stamp(101, 0), 1, 0)
    arrivals.note(stamp(100, 0), 1, 1)
    assert (arrivals.load, arrivals.received) == (101, 1)


def test_slices_go_by_when_events_were_due_and_not_by_when_they_came() -> None:
    arrivals = Arrivals(slice_s=1.0)
    for due_us in (0, 999_999, 1_000_000, 2_500_000):
        arrivals.note(stamp(100, 5_000_000 + due_us), 20_000_000)
    assert [(part["slice"], part["received"]) for part in arrivals.report()["slices"]] == [(0, 2), (1, 1), (2, 1)]


def test_count_of_one_process_is_read_by_another_and_is_that_of_one_load(tmp_path: Path) -> None:
    writer, reader = Shared(tmp_path / "arrived"), Shared(tmp_path / "arrived")
    writer.put(100, 12)
    assert (reader.received(100), reader.received(101)) == (12, 0)
