"""What becomes one message: how many envelopes, how large, how old; and up to which place all are in closed ones."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lanes import record

from gateway.models import Record
from gateway.sinks.bundles import BETWEEN, LINGER_S, MOST, MOST_BYTES, Bundle, Bundles


def keyed(number: int, routing_key: str = "trade.linear.BTCUSDT.-", size: int = 2) -> Record:
    found = record(number)
    found.routing_key, found.body = routing_key, json.dumps("x" * (size - 2)).encode()
    return found


def ids(bundle: Bundle) -> list[str]:
    return [entry.event_id for entry in bundle.records]


def test_a_bundle_is_whole_with_256_envelopes_and_the_next_begins_another() -> None:
    bundles = Bundles()
    whole = [bundle for number in range(600) for bundle in bundles.add("q", keyed(number), 0.0)]
    assert [bundle.count for bundle in whole] == [MOST, MOST] == [256, 256]
    [rest] = bundles.all_taken()
    assert [*ids(whole[0]), *ids(whole[1]), *ids(rest)] == [record(number).event_id for number in range(600)]


def test_a_bundle_is_whole_once_its_oldest_envelope_is_old_enough_whatever_came_since() -> None:
    bundles = Bundles()
    bundles.add("q", keyed(1), 10.0)
    bundles.add("q", keyed(2), 10.003)
    bundles.add("other", keyed(3), 10.001)
    assert LINGER_S < 0.005, "the contract's bound"
    assert bundles.due == 10.0 + LINGER_S
    assert bundles.taken(10.0039) == []
    [first] = bundles.taken(10.0 + LINGER_S)
    assert (first.queue, ids(first)) == ("q", [record(1).event_id, record(2).event_id])
    assert bundles.due == 10.001 + LINGER_S
    assert [bundle.queue for bundle in bundles.taken(11.0)] == ["other"]
    assert bundles.due is None


def test_an_envelope_that_would_make_a_bundle_too_large_goes_into_the_next_however_large_it_is() -> None:
    bundles = Bundles()
    assert not bundles.add("q", keyed(1, size=MOST_BYTES // 2), 0.0)
    assert not bundles.add("q", keyed(2, size=MOST_BYTES // 2), 0.0)
    [whole] = bundles.add("q", keyed(3, size=2 * MOST_BYTES), 0.0)
    assert (whole.count, whole.size_bytes) == (2, MOST_BYTES)
    [large] = bundles.add("q", keyed(4), 0.0)
    assert (large.count, large.size_bytes) == (1, 2 * MOST_BYTES)


def test_a_bundle_is_an_array_of_its_envelopes_as_they_are_and_names_their_keys() -> None:
    bundles = Bundles()
    for number, key in ((1, "trade.linear.BTCUSDT.-"), (2, "trade.linear.ETHUSDT.-"), (3, "ws-gateway.trade.s")):
        bundles.add("ws-gateway.trade.s", keyed(number, key), 0.0)
    [bundle] = bundles.all_taken()
    assert bundle.body == b'["","",""]'
    assert bundle.keys.split(BETWEEN) == ["trade.linear.BTCUSDT.-", "trade.linear.ETHUSDT.-", "ws-gateway.trade.s"]
    assert (bundle.routing_key, bundle.event_id, bundle.event_type) == (
        "ws-gateway.trade.s",
        record(1).event_id,
        record(1).event_type,
    )


def test_a_key_that_holds_what_stands_between_two_does_not_become_two() -> None:
    bundles = Bundles()
    bundles.add("q", keyed(1, "trade.linear.A\nB.-"), 0.0)
    bundles.add("q", keyed(2), 0.0)
    [bundle] = bundles.all_taken()
    assert bundle.keys.split(BETWEEN) == ["trade.linear.A B.-", "trade.linear.BTCUSDT.-"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(2, 40)), max_size=60), st.integers(1, 5))
def test_each_queue_gets_every_envelope_once_in_order_and_no_place_counts_as_closed_before_it_is(
    steps: list[tuple[str, int, int]], most: int
) -> None:
    bundles = Bundles(most=most, most_bytes=60, linger_s=2.0)
    now, added, closed = 0.0, list[tuple[str, str]](), list[Bundle]()
    for number, (queue, later, size) in enumerate(steps):
        now += later
        closed += bundles.taken(now)
        closed += bundles.add(queue, keyed(number, size=size), now)
        added.append((queue, record(number).event_id))
        there = {(bundle.queue, identity) for bundle in closed for identity in ids(bundle)}
        assert set(added[: bundles.closed_to]) <= there
        assert bundles.closed_to == len(added) or added[bundles.closed_to] not in there, "the first that is open"
    closed += bundles.all_taken()
    for queue in "abc":
        assert [identity for bundle in closed if bundle.queue == queue for identity in ids(bundle)] == [
            identity for of, identity in added if of == queue
        ]
    assert all(bundle.count <= most and (bundle.size_bytes <= 60 or bundle.count == 1) for bundle in closed)
    assert bundles.closed_to == len(added)


@pytest.mark.parametrize("queue", ["q", "p"])
def test_what_is_forgotten_is_counted_anew(queue: str) -> None:
    bundles = Bundles()
    bundles.add(queue, keyed(1), 0.0)
    bundles.clear()
    assert (bundles.closed_to, bundles.places, bundles.due) == (0, 0, None)
