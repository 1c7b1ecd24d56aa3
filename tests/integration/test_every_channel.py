"""Every channel, from REST to RabbitMQ, against the simulated exchange's ledger: what an independent client reads is what was sent.

Trades, tickers, order books by depth, klines, orders, executions, positions and balances are in test_end_to_end.py.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from running import Consumer, RunningGateway, wait_for

from simulator.remote import Entry, RunningSimulator

Facts = list[Any]


def rows(frames: list[Any]) -> Facts:
    """All records of the frames, in order."""
    return [row for frame in frames for row in (frame["data"] if isinstance(frame["data"], list) else [frame["data"]])]


def picked(*keys: str) -> Callable[[list[Any]], Facts]:
    return lambda frames: [tuple(row.get(key) for key in keys) for row in rows(frames)]


def books(frames: list[Any]) -> Facts:
    return [
        (frame["data"]["s"], frame["data"]["u"], frame["data"]["seq"], frame["data"]["b"], frame["data"]["a"]) for frame in frames
    ]


def alerts(frames: list[Any]) -> Facts:
    """Numbers come as JSON numbers here and leave as their digits."""
    texts = [json.loads(json.dumps(frame), parse_float=str, parse_int=str) for frame in frames]
    return [(row["c"], row["s"], row["b"], row["i_pr"], row["pr"], row["adl_tt"], row["adl_sr"]) for row in rows(texts)]


def fundings(frames: list[Any]) -> Facts:
    """Each change of the merged ticker's rate or time."""
    state: dict[str, Any] = {}
    found: Facts = []
    for frame in frames:
        state |= frame["data"]
        told = (state["symbol"], state["fundingRate"], int(state["nextFundingTime"]))
        if not found or found[-1] != told:
            found.append(told)
    return found


BOOK = ("symbol", "update_id", "cross_sequence", "bids", "asks")
#: channel, what it is asked with, the ledger's facts, our fields that say the same, how many facts are waited for.
PUBLIC: list[tuple[str, dict[str, Any], Callable[[list[Any]], Facts], tuple[str, ...], int]] = [
    *(("rpi_orderbook", {"symbol": symbol, "category": category}, books, BOOK, 8)
      for category, symbol in (("spot", "BTCUSDT"), ("linear", "BTCUSDT"), ("inverse", "BTCUSD"))),
    *(("price_limit", {"symbol": symbol, "category": category}, picked("symbol", "buyLmt", "sellLmt"), ("symbol", "buy_lmt", "sell_lmt"), 3)
      for category, symbol in (("spot", "BTCUSDT"), ("linear", "BTCUSDT"), ("inverse", "BTCUSD"))),
    *(("funding", {"symbol": symbol, "category": category}, fundings, ("symbol", "funding_rate", "next_funding_time"), 2)
      for category, symbol in (("linear", "BTCUSDT"), ("inverse", "BTCUSD"))),
    *(("liquidation", {"symbol": symbol, "category": category}, picked("s", "S", "v", "p", "T"), ("symbol", "side", "quantity", "price", "time"), 1)
      for category, symbol in (("linear", "BTCUSDT"), ("inverse", "BTCUSD"))),
    *(("insurance", {"symbol": group}, picked("coin", "symbols", "balance"), ("coin", "symbols", "balance"), 1)
      for group in ("USDT", "USDC", "inverse")),
    # A frame tells of all contracts of its group, three at the most, and the first comes at once: 5 facts are of a later one too.
    *(("adl_alert", {"symbol": group}, alerts, ("coin", "symbol", "balance", "pnl_ratio_threshold", "pnl_ratio", "adl_trigger_threshold", "adl_stop_ratio"), 5)
      for group in ("USDT", "USDC", "inverse")),
    ("orderbook", {"topic": "orderbook.200.ETHUSDT", "category": "linear"}, books, BOOK, 8),
    ("raw", {"topic": "orderbook.1.SOLUSDT", "category": "spot"}, books, BOOK, 8),
    ("kline", {"symbol": "ETHUSDT", "category": "spot", "interval": "D"}, picked("start", "close", "confirm"), ("start", "close", "confirm"), 4),
]  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "asked", "facts_of", "fields", "enough"),
    PUBLIC,
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_public_events_equal_the_ledger(
    channel: str,
    asked: dict[str, Any],
    facts_of: Callable[[list[Any]], Facts],
    fields: tuple[str, ...],
    enough: int,
    shared_gateway: RunningGateway,
    shared_consumer: Consumer,
    shared_simulator: RunningSimulator,
) -> None:
    row = shared_gateway.subscribe(channel, f"every-{channel}", **asked)
    endpoint, topic = row["category"], row["topic"]
    wait_for(lambda: any(topic in entry.topics for entry in shared_simulator.connections(endpoint)), f"{topic} held")

    def sent() -> list[Entry]:
        return shared_simulator.ledger(endpoint, topic)

    wait_for(lambda: len(facts_of([entry.frame for entry in sent()])) >= enough, f"{enough} facts of {topic}", 90)
    shared_simulator.pause(on=True)
    try:
        expected = facts_of([entry.frame for entry in sent()])
        events = shared_consumer.take_until(row["queue"], lambda found: len(found) >= len(expected))
    finally:
        shared_simulator.pause(on=False)
    assert [tuple(event["payload"][field] for field in fields) for event in events] == expected
    assert {(event["category"], event["topic"], event["source"]) for event in events} == {
        (endpoint, topic, "derived" if channel == "funding" else "stream")
    }
    assert len({event["event_id"] for event in events}) == len(events)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert shared_gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")[0] == 200
    wait_for(lambda: all(topic not in entry.topics for entry in shared_simulator.connections(endpoint)), f"{topic} left")


#: channel, what it is asked with, account actions, the ledger's facts of the topic, our fields.
PRIVATE: list[tuple[str, dict[str, Any], list[dict[str, Any]], Callable[[list[Any]], Facts], tuple[str, ...]]] = [
    ("execution_fast", {}, [{"action": "place"}, {"action": "fill"}], picked("execId", "orderId", "symbol", "side", "execPrice", "execQty"),
     ("execution_id", "order_id", "symbol", "side", "price", "quantity")),
    ("greeks", {}, [{"action": "greeks", "category": "option", "symbol": "BTC-25DEC26-70000-C-USDT"}], picked("baseCoin", "totalDelta", "totalGamma", "totalVega", "totalTheta"),
     ("base_coin", "total_delta", "total_gamma", "total_vega", "total_theta")),
    ("order", {"category": "spread"}, [{"action": "place", "category": "spread", "symbol": "SOLUSDT_SOL/USDT"}, {"action": "fill"}],
     picked("category", "orderId", "symbol", "orderStatus", "price", "qty", "cumExecQty"), ("category", "order_id", "symbol", "status", "price", "quantity", "executed_quantity")),
    ("execution", {"category": "spread"}, [{"action": "place", "category": "spread", "symbol": "SOLUSDT_SOL/USDT"}, {"action": "fill"}],
     picked("category", "execId", "symbol", "side", "execPrice", "execQty"), ("category", "execution_id", "symbol", "side", "price", "quantity")),
    ("raw", {"topic": "strategy"}, [{"action": "strategy"}], picked("strategyId", "strategyType", "status", "size", "createdTimeE3"),
     ("strategyId", "strategyType", "status", "size", "createdTimeE3")),
    ("raw", {"topic": "rfq.open.rfqs"}, [{"action": "rfq"}], picked("rfqId", "status", "legs"), ("rfqId", "status", "legs")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "asked", "actions", "facts_of", "fields"),
    PRIVATE,
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_private_events_equal_the_ledger(
    channel: str,
    asked: dict[str, Any],
    actions: list[dict[str, Any]],
    facts_of: Callable[[list[Any]], Facts],
    fields: tuple[str, ...],
    shared_gateway: RunningGateway,
    shared_consumer: Consumer,
    shared_simulator: RunningSimulator,
) -> None:
    row = shared_gateway.subscribe(channel, f"private-{channel}", **asked)
    shared_gateway.wait_until_held(row["id"])
    before = len(shared_simulator.ledger("private", row["topic"]))
    order_id = ""
    for action in actions:
        frames = shared_simulator.account(**action, **({"order_id": order_id} if action["action"] == "fill" else {}))
        orders = [entry for frame in frames if frame["topic"] in ("order", "spread.order") for entry in frame["data"]]
        order_id = next((entry["orderId"] for entry in orders if entry["orderStatus"] == "New"), order_id)
    frames = [entry.frame for entry in shared_simulator.ledger("private", row["topic"])[before:]]
    expected = facts_of(frames)
    assert expected
    events = shared_consumer.take_until(row["queue"], lambda found: len(found) >= len(expected))
    assert [tuple(event["payload"][field] or "" for field in fields) for event in events] == [
        tuple(fact or "" for fact in facts) for facts in expected
    ]
    assert [event["payload"]["raw"] for event in events] == rows(frames)
    assert {(event["account"], event["topic"]) for event in events} == {("main", row["topic"])}
    if asked.get("category") == "spread":
        assert {event["category"] for event in events} == {"spread"}
    shared_gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")


def test_the_quick_word_of_a_fill_has_the_id_of_its_execution(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator
) -> None:
    quick, full = (shared_gateway.subscribe(channel, "both") for channel in ("execution_fast", "execution"))
    for row in (quick, full):
        shared_gateway.wait_until_held(row["id"])
    order_id = shared_simulator.account("place", symbol="BTCUSDT")[0]["data"][0]["orderId"]
    shared_simulator.account("fill", order_id=order_id)
    [first] = shared_consumer.take_until(quick["queue"], bool)
    [then] = shared_consumer.take_until(full["queue"], bool)
    assert (first["event_type"], then["event_type"]) == ("execution_fast", "execution")
    assert first["event_id"] == then["event_id"]


def test_a_narrower_form_of_a_private_topic_brings_its_category_alone(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator
) -> None:
    row = shared_gateway.subscribe("position", "narrow", topic="position.linear")
    assert (row["topic"], row["category"]) == ("position.linear", "linear")
    shared_gateway.wait_until_held(row["id"])
    other = shared_gateway.call("POST", "/api/v1/subscriptions", {"channel_type": "position", "requesting_service": "wide"})
    assert (other[0], other[1]["code"]) == (409, "CONFLICT")
    for category, symbol in (("inverse", "BTCUSD"), ("linear", "BTCUSDT")):
        order_id = shared_simulator.account("place", category=category, symbol=symbol)[0]["data"][0]["orderId"]
        shared_simulator.account("fill", order_id=order_id)
    events = shared_consumer.take_until(row["queue"], bool)
    assert {(event["category"], event["symbol"], event["topic"]) for event in events} == {("linear", "BTCUSDT", "position.linear")}
    shared_gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")


def levels(book: list[list[str]]) -> dict[Decimal, list[str]]:
    return {Decimal(price): sizes for price, *sizes in book}


def test_a_whole_book_begins_with_rests_snapshot_and_follows_the_stream(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator
) -> None:
    row = shared_gateway.subscribe("full_orderbook", "whole", symbol="BTCUSDT", category="spot")
    events = shared_consumer.take_until(row["queue"], lambda found: sum(event["payload"]["in_sync"] for event in found) >= 12)
    whole = [event for event in events if event["payload"]["in_sync"]]
    assert [(event["payload"]["kind"], event["source"]) for event in whole] == [("snapshot", "rest")] + [("delta", "stream")] * (
        len(whole) - 1
    )
    assert len(whole[0]["payload"]["bids"]) > 1_000
    numbers = [event["payload"]["update_id"] for event in whole]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert not any(event["payload"]["in_sync"] for event in events[: events.index(whole[0])])
    shared_gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")


def test_a_service_gets_whole_books_and_another_that_shares_the_topic_does_not(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator
) -> None:
    asked = {"symbol": "BTCUSDT", "category": "linear"}
    plain = shared_gateway.subscribe("orderbook", "plain-books", **asked)
    shared_gateway.wait_until_held(plain["id"])
    late = shared_gateway.subscribe("orderbook", "late-books", snapshot_seconds=1, **asked)
    assert late["snapshot_seconds"] == 1
    events = shared_consumer.take_until(late["queue"], lambda found: sum(event["source"] == "derived" for event in found) >= 3)
    books_given = [event for event in events if event["source"] == "derived"]
    assert {(event["payload"]["kind"], event["payload"]["in_sync"], len(event["payload"]["bids"])) for event in books_given} == {
        ("snapshot", True, 50)
    }
    assert [event["sequence"] for event in books_given] == list(range(1, len(books_given) + 1))
    compared = 0
    for given in books_given[:2]:  # a book from the stream alone agrees with the copy at its number
        number, place = given["payload"]["update_id"], events.index(given)
        before = [event for event in events[:place] if event["source"] == "stream" and event["payload"]["update_id"] <= number]
        start = max((at for at, event in enumerate(before) if event["payload"]["kind"] == "snapshot"), default=None)
        if start is None:
            continue
        built: tuple[dict[Decimal, list[str]], dict[Decimal, list[str]]] = ({}, {})
        for event in before[start:]:
            for side, changes in zip(built, (event["payload"]["bids"], event["payload"]["asks"]), strict=True):
                side.update(levels(changes))
        kept = [{price: sizes for price, sizes in side.items() if Decimal(sizes[0])} for side in built]
        assert kept == [levels(given["payload"]["bids"]), levels(given["payload"]["asks"])]
        compared += 1
    assert compared > 0
    others = shared_consumer.take(plain["queue"])
    assert {event["source"] for event in others} == {"stream"}
    for row in (plain, late):
        shared_gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")


def test_a_resync_has_one_topic_subscribed_anew(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator
) -> None:
    first, second = (
        shared_gateway.subscribe("orderbook", "resyncing", symbol=symbol, category="linear") for symbol in ("BTCUSDT", "ETHUSDT")
    )
    for row in (first, second):
        shared_gateway.wait_until_held(row["id"])
    mark = shared_simulator.ledger("linear")[-1].number
    assert shared_gateway.call("POST", f"/api/v1/subscriptions/{first['id']}/resync")[0] == 202

    def snapshots(topic: str) -> int:
        return sum(entry.frame["type"] == "snapshot" for entry in shared_simulator.ledger("linear", topic, after=mark))

    wait_for(lambda: snapshots(first["topic"]) == 1, "a new snapshot", 5)
    assert snapshots(second["topic"]) == 0
    asked = [entry for entry in shared_simulator.ledger("linear", direction="received", after=mark) if "subscribe" in entry.text]
    assert [(first["topic"] in entry.text, second["topic"] in entry.text) for entry in asked] == [(True, False)] * 2
    for row in (first, second):
        shared_gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")
