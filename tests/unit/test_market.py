"""The simulated market and account: seeded, and in agreement with themselves."""

from decimal import Decimal
from random import Random

import pytest

from simulator.account.account import Account, Position
from simulator.dialect import compact
from simulator.market.instruments import find
from simulator.market.market import Market

NOW_MS = 1_700_000_000_000


def frames(seed: int, steps: int) -> list[str]:
    market = Market(seed, NOW_MS)
    return [f"{category} {compact(frame)}" for step in range(steps) for category, frame in market.step(NOW_MS + step * 250)]


def test_the_same_seed_and_clock_give_the_same_frames_and_another_seed_others() -> None:
    assert frames(7, 5) == frames(7, 5)
    assert frames(7, 5) != frames(8, 5)


def test_a_candle_closes_once_at_the_end_of_its_minute() -> None:
    market = Market(1, NOW_MS)
    topic = "kline.1.BTCUSDT"
    rows = [
        frame["data"][0]
        for step in range(300)
        for category, frame in market.step(NOW_MS + step * 1000)
        if category == "linear" and frame["topic"] == topic
    ]
    closed = [row["start"] for row in rows if row["confirm"]]
    assert closed == sorted(set(closed))
    assert len(closed) in (4, 5)
    assert all(row["end"] - row["start"] == 59_999 for row in rows)
    assert all(Decimal(row["low"]) <= Decimal(row["close"]) <= Decimal(row["high"]) for row in rows)


def test_a_position_grows_shrinks_turns_and_realises() -> None:
    instrument = find("linear", "BTCUSDT")
    assert instrument is not None
    position = Position(instrument)
    position.add(Decimal(2), Decimal(100))
    position.add(Decimal(2), Decimal(200))
    assert (position.size, position.entry) == (4, 150)
    position.add(Decimal(-1), Decimal(180))
    assert (position.size, position.entry, position.realised) == (3, 150, 30)
    position.add(Decimal(-5), Decimal(100))
    assert (position.size, position.entry, position.realised) == (-2, 100, -120)
    position.add(Decimal(2), Decimal(90))
    assert (position.size, position.entry, position.realised) == (0, 0, -100)
    assert position.row("90")["side"] == ""


def test_fills_add_up_to_the_order_and_cost_their_fee() -> None:
    instrument = find("spot", "ETHUSDT")
    assert instrument is not None
    account = Account(Random(1))
    before = dict(account.coins)
    placed, *_ = account.place(instrument, side="Buy", price=Decimal(3000), quantity=Decimal("0.5"), now_ms=NOW_MS)
    order = account.orders[placed["data"][0]["orderId"]]
    first = account.fill(order, quantity=Decimal("0.2"), now_ms=NOW_MS + 1)
    second = account.fill(order, quantity=Decimal(9), now_ms=NOW_MS + 2)
    assert [frame["topic"] for frame in first] == ["execution.fast", "order", "execution", "wallet"]
    assert [frames[1]["data"][0]["orderStatus"] for frames in (first, second)] == ["PartiallyFilled", "Filled"]
    assert sum(Decimal(row["execQty"]) for row in account.executions) == Decimal("0.5")
    fees = sum(Decimal(row["execFee"]) for row in account.executions)
    assert fees == Decimal("0.5") * Decimal("0.001")
    assert account.coins["ETH"] == before["ETH"] + Decimal("0.5") - fees
    assert account.coins["USDT"] == before["USDT"] - Decimal("0.5") * 3000


@pytest.mark.parametrize(
    ("category", "symbol", "coins", "bought_and_sold"),
    [
        ("spot", "ETHUSDT", ("ETH", "USDT"), ("ETH", "USDT")),
        ("linear", "BTCUSDT", ("USDT",), ("USDT", "USDT")),
        ("linear", "BTCPERP", ("USDC",), ("USDC", "USDC")),
        ("inverse", "BTCUSD", ("BTC",), ("BTC", "BTC")),
        ("option", "BTC-25DEC26-65000-C", ("USDC",), ("USDC", "USDC")),
    ],
)
def test_trades_move_the_settle_coin_or_both_on_spot(
    category: str, symbol: str, coins: tuple[str, ...], bought_and_sold: tuple[str, str]
) -> None:
    instrument = find(category, symbol)
    assert instrument is not None
    assert instrument.coins == coins
    assert (instrument.fee_coin("Buy"), instrument.fee_coin("Sell")) == bought_and_sold
