"""What the simulated exchange sends, its odd forms included, comes out as events that fit the published schemas."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from published import RECEIVED_NS, faults

from gateway.models import BadRecord
from gateway.protocol import channels
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory
from gateway.wire import Stamp
from simulator.account import spreads
from simulator.account.account import Account
from simulator.account.oddities import Oddities
from simulator.market.instruments import Instrument, find
from simulator.market.market import Market

NOON = int(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()) * 1000
TRADED = (("spot", "BTCUSDT"), ("linear", "BTCUSDT"), ("inverse", "BTCUSD"), ("option", "BTC-25DEC26-70000-C-USDT"))
#: A class has one shape: so many of its events tell. Candles are pushed by the thousand.
ENOUGH = 1_500


def instrument(category: str, symbol: str) -> Instrument:
    found = find(category, symbol)
    assert found is not None
    return found


def checked(told: Iterable[tuple[str, Any]]) -> Counter[str]:
    """(endpoint, frame) … → events of each class; every one of them fits."""
    stamp = Stamp(worker="w", account="main", include_raw="off", started_ms=1)
    memories: dict[tuple[str, str], Memory] = {}
    seen: Counter[str] = Counter()
    for endpoint, frame in told:
        data = parse(json.dumps(frame).encode())
        assert isinstance(data, Data)
        row = channels.for_topic(data.topic, endpoint)
        assert row.normalise is not None
        category = None if endpoint == "private" else endpoint
        for outcome in row.normalise(data, category, memories.setdefault((endpoint, data.topic), Memory())):
            assert not isinstance(outcome, BadRecord), outcome.reason
            seen[outcome.event_type] += 1
            if seen[outcome.event_type] <= ENOUGH:
                message = json.loads(stamp.record(outcome, received_ns=RECEIVED_NS, trace_id="t").body)
                assert faults(message, outcome.event_type) == [], message
    return seen


def test_everything_that_the_market_says_fits() -> None:
    market = Market(1, NOON)
    told = [
        (category, frame)
        for category in ("spot", "linear", "inverse", "option", "spread")
        for topic in market.topics(category)
        for frame in market.first(category, topic, NOON)
    ]
    for step in range(1, 60):
        told += market.step(NOON + step * 1_000, 1.5)
    assert set(checked(told)) == {
        "trade", "ticker", "orderbook", "rpi_orderbook", "full_orderbook", "kline", "liquidation", "funding", "insurance", "price_limit",
        "adl_alert",
    }  # fmt: skip


@pytest.mark.parametrize(
    "oddities",
    [
        Oddities(),
        Oddities(extra_fees=True),
        Oddities(numbers=True),
        Oddities(blank_wallet=True),
        Oddities(smp_group="number"),
        Oddities(smp_group="text"),
    ],
    ids=repr,
)
def test_everything_that_the_account_says_fits(oddities: Oddities) -> None:
    account = Account(Random(1))
    account.oddities = oddities
    told = []
    for of in (instrument(*found) for found in TRADED):
        told += account.place(of, side="Buy", price=of.price, quantity=of.step * 10, now_ms=NOON)
        for order in list(account.orders.values()):
            told += account.fill(order, quantity=of.step, now_ms=NOON) + account.cancel(order, now_ms=NOON)
        if of.category != "spot":
            told += account.set_leverage(of, Decimal(3), NOON)
    told += account.fund(instrument("linear", "BTCUSDT"), Decimal("0.0001"), Decimal(67000), NOON)
    told += account.wallet(["USDT", "BTC"], NOON) + account.greeks("BTC", NOON)
    told += spreads.place(
        account, instrument("spread", "SOLUSDT_SOL/USDT"), side="Sell", price=Decimal("19.4"), quantity=Decimal(2), now_ms=NOON
    )
    [combination] = account.spread_orders.values()
    told += spreads.fill(account, combination, now_ms=NOON)
    found = checked(("private", frame) for frame in told)
    assert {"order", "execution", "position", "balance", "greeks"} <= set(found)
