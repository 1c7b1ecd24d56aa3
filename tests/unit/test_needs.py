"""What should reach a queue, by exchange and routing key."""

import pytest

from gateway.lanes.needs import Needs
from gateway.names import EXCHANGE

NEEDS = Needs(
    ("ticker",),
    {
        "q.one": ["trade.linear.BTCUSDT.-", "trade.option.*.BTC"],
        "q.two": ["order.*.BTCUSDT.*", "raw.-.-.some_topic"],
        "q.empty": [],
    },
)


@pytest.mark.parametrize(
    ("key", "reaches"),
    [
        ("trade.linear.BTCUSDT.-", True),
        ("trade.linear.ETHUSDT.-", False),
        ("trade.option.BTC-1JAN27-1-C.BTC", True),
        ("trade.option.ETH-1JAN27-1-C.ETH", False),
        ("order.spot.BTCUSDT.-", True),
        ("order.spot.ETHUSDT.-", False),
        ("raw.-.-.some_topic", True),
        ("ticker.linear.ANY.-", True),
        ("trade.linear.BTCUSDT", False),
        ("trade", False),
        ("", False),
    ],
)
def test_a_key_reaches_what_a_service_or_a_class_queue_is_bound_to(key: str, reaches: bool) -> None:
    assert NEEDS.reach(EXCHANGE, key) is reaches


def test_through_the_default_exchange_a_key_is_a_queue_that_somebody_needs() -> None:
    assert [NEEDS.reach("", queue) for queue in ("q.one", "q.empty", "q.other", "ticker.linear.ANY.-")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_message_is_told_each_queue_that_it_should_have_reached() -> None:
    needs = Needs(("trade",), {"q.one": ["trade.linear.BTCUSDT.-"], "q.two": ["trade.*.BTCUSDT.*", "trade.linear.BTCUSDT.*"]})
    assert set(needs.reached(EXCHANGE, "trade.linear.BTCUSDT.-")) == {"ws-gateway.trade", "q.one", "q.two"}
    assert needs.reached(EXCHANGE, "trade.linear.ETHUSDT.-") == ["ws-gateway.trade"]
    assert (needs.reached("", "q.two"), needs.reached("", "ws-gateway.trade")) == (["q.two"], [])
    assert needs.bindings["ws-gateway.trade"] == ["trade.#"]


def test_nobody_needs_anything_of_nothing() -> None:
    assert not Needs((), {}).reach(EXCHANGE, "trade.linear.BTCUSDT.-")


def test_a_queue_of_batches_is_bound_to_nothing_and_filled_by_whoever_publishes() -> None:
    needs = Needs(("ticker",), {"q.one": ["trade.linear.BTCUSDT.-"]}, {"q.many": ["trade.*.BTCUSDT.*", "trade.linear.*.*"]})
    assert needs.bindings["q.many"] == ()
    assert needs.filled("trade.linear.BTCUSDT.-") == ["q.many"], "once, however many of its keys are met"
    assert (needs.filled("ticker.linear.BTCUSDT.-"), needs.filled("q.many"), needs.filled("q.one")) == ([], ["q.many"], [])
    assert needs.reached(EXCHANGE, "trade.linear.ETHUSDT.-") == []
    assert needs.reached("", "q.many") == ["q.many"]
    assert (needs.wanted("q.many"), needs.wanted("q.one"), needs.wanted("q.no")) == (
        ["trade.*.BTCUSDT.*", "trade.linear.*.*"],
        ["trade.linear.BTCUSDT.-"],
        (),
    )


def test_queues_whose_form_differs_are_named_and_new_ones_are_none() -> None:
    one = Needs((), {"q.one": ["a"], "q.two": ["a"]}, {"q.many": ["a"]})
    other = Needs((), {"q.many": ["a"], "q.two": ["b"]}, {"q.one": ["a"], "q.new": ["a"]})
    assert one.turned(other) == other.turned(one) == ["q.many", "q.one"]
    assert one.turned(one) == Needs((), {}).turned(one) == []
    assert one.is_same(Needs((), {"q.one": ["a"], "q.two": ["a"]}, {"q.many": ["a"]}))
    assert not one.is_same(Needs((), {"q.one": ["a"], "q.two": ["a"]}, {"q.many": ["b"]}))


def test_a_queue_that_turns_is_reached_as_it_was_until_it_has_turned() -> None:
    key = "trade.linear.BTCUSDT.-"
    single, batched = Needs(("trade",), {"q.one": [key]}), Needs(("trade",), {}, {"q.one": [key]})
    assert single.reached_beside(batched, EXCHANGE, key) == ["ws-gateway.trade"], "batches are still filled, so nothing is bound"
    assert batched.reached_beside(single, EXCHANGE, key) == ["ws-gateway.trade", "q.one"]
    assert single.reached_beside(single, EXCHANGE, key) == ["ws-gateway.trade", "q.one"]
    assert batched.reached_beside(Needs((), {}), "", "q.one") == ["q.one"], "nothing is in force yet"
