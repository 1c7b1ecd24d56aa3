"""From REST to RabbitMQ, per endpoint: what an independent client reads equals what the simulated exchange wrote into its ledger."""

import re
import uuid
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from running import Consumer, RunningGateway, wait_for

from simulator.remote import Entry, RunningSimulator

OPTION, SPREAD = "BTC-25DEC26-70000-C-USDT", "SOLUSDT_SOL/USDT"

ENVELOPE = [
    "event_id", "event_type", "category", "symbol", "account", "topic", "timestamp", "received_at", "sequence", "epoch", "gap_id",
    "source", "trace_id", "payload",
]  # fmt: skip

Facts = list[tuple[Any, ...]]


def trades(frames: list[Any]) -> Facts:
    return [(row["s"], row["i"], row["p"], row["v"], row["S"], row["T"]) for frame in frames for row in frame["data"]]


def books(frames: list[Any]) -> Facts:
    return [
        (frame["data"]["s"], frame["type"], frame["data"]["u"], frame["data"]["seq"], frame["data"]["b"], frame["data"]["a"], True)
        for frame in frames
    ]


def tickers(frames: list[Any]) -> Facts:
    """Deltas merged by hand, as a consumer of the exchange would."""
    found, state = [], {}
    for frame in frames:
        state = {**state, **frame["data"]} if frame["type"] == "delta" else dict(frame["data"])
        found.append((state["symbol"], state["lastPrice"], state["volume24h"], state.get("turnover24h"), state.get("bid1Price")))
    return found


def klines(frames: list[Any]) -> Facts:
    keys = ("interval", "start", "end", "open", "high", "low", "close", "volume", "turnover", "confirm")
    return [tuple(row[key] for key in keys) for frame in frames for row in frame["data"]]


#: Channel → the facts of the exchange's frames, and the payload fields that say the same.
CHANNELS: dict[str, tuple[Callable[[list[Any]], Facts], tuple[str, ...]]] = {
    "trades": (trades, ("symbol", "trade_id", "price", "quantity", "side", "trade_time")),
    "orderbook": (books, ("symbol", "kind", "update_id", "cross_sequence", "bids", "asks", "in_sync")),
    "ticker": (tickers, ("symbol", "last_price", "volume_24h", "turnover_24h", "bid1_price")),
    "kline": (klines, ("interval", "start", "end", "open", "high", "low", "close", "volume", "turnover", "confirm")),
}

PUBLIC = [
    *((category, "BTCUSD" if category == "inverse" else "BTCUSDT", channel) for category in ("spot", "linear", "inverse")
      for channel in ("trades", "ticker", "orderbook", "kline")),
    *((("option", "BTC" if channel == "trades" else OPTION, channel)) for channel in ("trades", "ticker", "orderbook")),
    *((("spread", SPREAD, channel)) for channel in ("trades", "ticker", "orderbook")),
]  # fmt: skip


def assert_envelopes(events: list[dict[str, Any]], *, account: str | None = None) -> None:
    """The envelope of the contract, section 3, and sequences without a hole."""
    last: dict[tuple[Any, ...], int] = defaultdict(int)
    for event in events:
        assert list(event) == ENVELOPE
        assert uuid.UUID(event["event_id"]).version == 5
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["received_at"])
        assert (event["account"], event["gap_id"], event["source"]) == (account, None, "stream")
        key = (event["event_type"], event["category"], event["symbol"], event["epoch"])
        last[key] += 1
        assert event["sequence"] == last[key]


@pytest.mark.parametrize(("category", "symbol", "channel"), PUBLIC)
def test_public_events_equal_the_ledger(
    category: str,
    symbol: str,
    channel: str,
    shared_gateway: RunningGateway,
    shared_consumer: Consumer,
    shared_simulator: RunningSimulator,
) -> None:
    facts_of, fields = CHANNELS[channel]
    row = shared_gateway.subscribe(channel, f"{category}-{channel}", symbol=symbol, category=category)
    assert (row["queue_state"], row["category_source"], row["symbol_verified"]) == ("ready", "given", True)
    shared_gateway.wait_until_held(row["id"])

    def sent() -> list[Entry]:
        return shared_simulator.ledger(category, row["topic"])

    wait_for(lambda: len(sent()) >= 8, f"8 frames of {row['topic']}")
    shared_simulator.pause(on=True)
    try:
        expected = facts_of([entry.frame for entry in sent()])
        events = shared_consumer.take_until(row["queue"], lambda found: len(found) >= len(expected))
        assert facts_of([entry.frame for entry in sent()]) == expected
    finally:
        shared_simulator.pause(on=False)
    assert [tuple(event["payload"].get(field) for field in fields) for event in events] == expected
    assert_envelopes(events)
    assert {(event["category"], event["topic"]) for event in events} == {(category, row["topic"])}
    for event, properties in zip(events, shared_consumer.properties[-len(events) :], strict=True):
        assert (properties.message_id, properties.content_type, properties.delivery_mode) == (
            event["event_id"],
            "application/json",
            2,
        )
        assert properties.timestamp is not None
        assert {key: properties.headers[key] for key in ("event_type", "category", "symbol", "topic", "trace_id")} == {
            key: event[key] for key in ("event_type", "category", "symbol", "topic", "trace_id")
        }
    status, _ = shared_gateway.call("DELETE", f"/api/v1/subscriptions/by-service/{category}-{channel}")
    assert status == 200


def frozen(coin: dict[str, str]) -> Decimal:
    """What of a coin is not available."""
    return sum((Decimal(coin[key]) for key in ("locked", "totalOrderIM", "totalPositionIM")), Decimal(0))


def test_private_events_equal_the_ledger(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator
) -> None:
    rows = {channel: shared_gateway.subscribe(channel, "private-all") for channel in ("order", "execution", "position", "balance")}
    for row in rows.values():
        assert row["last_error"] is None
        shared_gateway.wait_until_held(row["id"])
    order_id = shared_simulator.account("place", symbol="BTCUSDT", quantity="0.010")[0]["data"][0]["orderId"]
    shared_simulator.account("fill", order_id=order_id, quantity="0.004")
    shared_simulator.account("amend", order_id=order_id, price="67000.5")
    shared_simulator.account("fill", order_id=order_id)
    other = shared_simulator.account("place", category="spot", symbol="ETHUSDT", side="Sell")[0]["data"][0]["orderId"]
    shared_simulator.account("cancel", order_id=other)
    shared_simulator.account("wallet")

    def rows_of(topic: str) -> list[Any]:
        return [row for entry in shared_simulator.ledger("private", topic) for row in entry.frame["data"]]

    def events_of(channel: str, count: int) -> list[dict[str, Any]]:
        events = shared_consumer.take_until(rows[channel]["queue"], lambda found: len(found) >= count)
        assert_envelopes(events, account="main")
        assert all(event["payload"]["raw"] for event in events)
        return events

    wait_for(lambda: len(rows_of("order")) == 6 and len(rows_of("wallet")) == 7, "all private frames")
    raw = rows_of("order")
    assert [
        (e["category"], e["symbol"], p["order_id"], p["status"], p["side"], p["price"], p["quantity"], p["executed_quantity"])
        for e in events_of("order", 6)
        for p in [e["payload"]]
    ] == [
        (r["category"], r["symbol"], r["orderId"], r["orderStatus"], r["side"], r["price"], r["qty"], r["cumExecQty"]) for r in raw
    ]
    raw = rows_of("execution")
    assert [
        (p["execution_id"], p["order_id"], p["price"], p["quantity"], p["fee"], p["is_maker"], p["raw"])
        for e in events_of("execution", 2)
        for p in [e["payload"]]
    ] == [(r["execId"], r["orderId"], r["execPrice"], r["execQty"], r["execFee"], r["isMaker"], r) for r in raw]
    raw = rows_of("position")
    assert [
        (p["size"], p["side"], p["average_price"], p["mode"], p["position_sequence"], p["updated_time"])
        for e in events_of("position", 4)
        for p in [e["payload"]]
    ] == [(r["size"], r["side"] or None, r["entryPrice"], 0, r["seq"], int(r["updatedTime"])) for r in raw]
    raw = rows_of("wallet")
    assert [
        (p["account_type"], p["total_equity"], [(c["coin"], c["wallet_balance"], Decimal(c["frozen"])) for c in p["coins"]])
        for e in events_of("balance", 7)
        for p in [e["payload"]]
    ] == [(r["accountType"], r["totalEquity"], [(c["coin"], c["walletBalance"], frozen(c)) for c in r["coin"]]) for r in raw]


def test_balances_are_in_postgresql_exactly_as_sent(shared_gateway: RunningGateway, shared_simulator: RunningSimulator) -> None:
    shared_gateway.wait_until_held(shared_gateway.subscribe("balance", "balances")["id"])
    sent = shared_simulator.account("wallet")[0]["data"][0]

    def stored() -> dict[str, Any] | None:
        answer = shared_gateway.call("GET", "/api/v1/balances")[1]
        return dict(answer) if answer["total"] == len(sent["coin"]) else None

    answer = wait_for(stored, "all coins stored", 5.0)
    assert {row["coin"]: row["wallet_balance"] for row in answer["balances"]} == {
        row["coin"]: row["walletBalance"] for row in sent["coin"]
    }
    assert answer["margin_balance"]["total_equity"] == sent["totalEquity"]
    assert answer["margin_balance"]["base_currency"] == "USD"


def test_system_status_and_the_gateways_own_occurrences_are_events_too(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator
) -> None:
    own = shared_gateway.subscribe("system", "watcher")
    status = shared_gateway.subscribe("system_status", "watcher")
    shared_gateway.wait_until_held(status["id"])
    shared_simulator.system_status(state="ongoing", title="maintenance")
    [event] = shared_consumer.take_until(status["queue"], bool)
    assert (event["event_type"], event["topic"], event["payload"]["state"]) == ("system_status", "system.status", "ongoing")
    occurrences = shared_consumer.take_until(
        own["queue"],
        lambda found: any(e["payload"]["kind"] == "subscribed" and e["payload"]["topic"] == "system.status" for e in found),
    )
    assert {e["payload"]["endpoint"] for e in occurrences if e["payload"]["topic"] == "system.status"} == {"status"}


def ids_of(events: list[dict[str, Any]]) -> set[str]:
    return {event["event_id"] for event in events}


def test_two_services_on_one_topic_share_one_subscription_and_each_gets_every_event(
    shared_gateway: RunningGateway, shared_consumer: Consumer, shared_simulator: RunningSimulator
) -> None:
    first, second = (shared_gateway.subscribe("trades", name, symbol="ETHUSDT", category="linear") for name in ("one", "two"))
    for row in (first, second):
        shared_gateway.wait_until_held(row["id"])
    topic = first["topic"]
    [connection] = shared_simulator.connections("linear")
    assert connection.topics.count(topic) == 1
    asked = [e for e in shared_simulator.ledger("linear", direction="received") if topic in e.text]
    assert len(asked) == 1, "one subscribe on the wire"

    wait_for(lambda: len(shared_simulator.ledger("linear", topic)) >= 10, "10 frames")
    shared_simulator.pause(on=True)
    count = sum(len(entry.frame["data"]) for entry in shared_simulator.ledger("linear", topic))
    mine = [event["event_id"] for event in shared_consumer.take_until(first["queue"], lambda found: len(found) >= count)]
    theirs = [event["event_id"] for event in shared_consumer.take_until(second["queue"], lambda found: mine[-1] in ids_of(found))]
    shared_simulator.pause(on=False)
    assert len(mine) == count
    assert theirs == mine[-len(theirs) :], "the second came later, and since then got the same events in the same order"

    assert shared_gateway.call("DELETE", f"/api/v1/subscriptions/{first['id']}")[0] == 200
    shared_consumer.take(second["queue"])
    shared_consumer.take_until(second["queue"], lambda found: len(found) >= 10)  # the other service still gets its events
    assert topic in shared_simulator.connections("linear")[0].topics

    assert shared_gateway.call("DELETE", f"/api/v1/subscriptions/{second['id']}")[0] == 200
    wait_for(lambda: all(topic not in entry.topics for entry in shared_simulator.connections("linear")), "unsubscribed on the wire")
    left = [e for e in shared_simulator.ledger("linear", direction="received") if topic in e.text and '"unsubscribe"' in e.text]
    assert len(left) == 1
