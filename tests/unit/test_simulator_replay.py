"""Whoever follows the private stream alone knows the account: sizes, entry prices, coins, orders; and REST says the same."""

from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.account.account import Account
from simulator.exchange import Exchange, Options
from simulator.market.instruments import Instrument, find
from simulator.rest.account_calls import CALLS

NOW = 1_795_000_000_000
TRADED = (
    ("linear", "BTCUSDT"),
    ("linear", "ETHUSDT"),
    ("spot", "ETHUSDT"),
    ("inverse", "BTCUSD"),
    ("option", "BTC-25DEC26-70000-C-USDT"),
)
#: Printed figures have eight decimal places.
NEAR = Decimal("0.0000001")
ZERO = Decimal(0)


class Follower:
    """An account as its frames tell it."""

    def __init__(self, account: Account) -> None:
        self.coins = dict(account.coins)
        self.hedged = set(account.hedged)
        self.sizes: dict[tuple[str, str, int], Decimal] = {}
        self.entries: dict[tuple[str, str, int], Decimal] = {}
        self.realised: Counter[tuple[str, str, int]] = Counter()
        self.orders: dict[str, dict[str, Any]] = {}
        self.executions: dict[str, dict[str, Any]] = {}
        self.positions: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.wallet = account.wallet_row()
        self.rows = {row["coin"]: row for row in self.wallet["coin"]}
        self.greeks: dict[str, dict[str, Any]] = {}
        self.fast: set[str] = set()
        self.statuses: Counter[str] = Counter()
        self.indices: dict[str, int] = {}

    def hear(self, frames: list[dict[str, Any]]) -> None:
        for frame in frames:
            if frame["topic"] == "order":
                for row in frame["data"]:
                    self._order(row)
        for frame in frames:
            for row in frame["data"]:
                if frame["topic"] == "execution":
                    self._execution(row)
                elif frame["topic"] == "position":
                    self.positions[row["category"], row["symbol"], row["positionIdx"]] = row
                elif frame["topic"] == "wallet":
                    self.wallet = row
                    self.rows |= {coin["coin"]: coin for coin in row["coin"]}
                elif frame["topic"] == "greeks":
                    self.greeks[row["baseCoin"]] = row
                elif frame["topic"] == "execution.fast":
                    self.fast.add(row["execId"])

    def _order(self, row: dict[str, Any]) -> None:
        before = self.orders.get(row["orderId"])
        assert before is None or Decimal(before["cumExecQty"]) <= Decimal(row["cumExecQty"])
        assert before is None or int(before["updatedTime"]) <= int(row["updatedTime"])
        self.orders[row["orderId"]] = row
        self.indices[row["orderId"]] = row["positionIdx"]
        self.statuses[row["orderStatus"]] += 1

    def _execution(self, row: dict[str, Any]) -> None:
        assert row["execId"] not in self.executions
        self.executions[row["execId"]] = row
        of = find(row["category"], row["symbol"])
        assert of is not None
        self.coins[row["feeCurrency"]] -= Decimal(row["execFee"])
        idx = self._index(row)
        if of.category != "spot":
            self.realised[of.category, of.symbol, idx] += Decimal(row["execPnl"] or 0) - Decimal(row["execFee"])
        if row["execType"] == "Funding":
            return
        way, size, price = (1 if row["side"] == "Buy" else -1), Decimal(row["execQty"]), Decimal(row["execPrice"])
        if of.category == "spot":
            self.coins[of.base] += way * size
            self.coins[of.quote] -= way * Decimal(row["execValue"])
            return
        if of.category == "option":
            self.coins[of.settle] -= way * Decimal(row["execValue"])
        else:
            self.coins[of.settle] += Decimal(row["execPnl"])
        self._move(of, idx, way * size, price)

    def _index(self, row: dict[str, Any]) -> int:
        """The order's. Funding, and the leg of a spread, have none: they are of the side of their own way in hedge mode."""
        hedged = (row["category"], row["symbol"]) in self.hedged
        return self.indices.get(row["orderId"], (1 if row["side"] == "Buy" else 2) if hedged else 0)

    def _move(self, of: Instrument, idx: int, change: Decimal, price: Decimal) -> None:
        key = of.category, of.symbol, idx
        size, entry = self.sizes.get(key, ZERO), self.entries.get(key, ZERO)
        if size == 0 or (size > 0) == (change > 0):
            if of.category == "inverse":
                entry = (size + change) / ((size / entry if size else ZERO) + change / price)
            else:
                entry = (size * entry + change * price) / (size + change)
        elif abs(change) > abs(size):
            entry = price
        self.sizes[key] = size + change
        self.entries[key] = entry if size + change else ZERO


def follow(seed: int, occurrences: int, *, hedged: bool, clock_ns: int = NOW * 1_000_000) -> tuple[Exchange, Follower]:
    exchange = Exchange(Options(seed=seed, paused=True), clock_ns=lambda: clock_ns)
    exchange.account.dice = Random(seed)
    account, dice = exchange.account, Random(seed + 1)
    places = [found for row in TRADED if (found := find(*row)) is not None]
    if hedged:
        account.set_hedged([of for of in places if of.category == "linear"], on=True)
    follower = Follower(account)
    times: list[int] = []
    for number in range(occurrences):
        of = dice.choice(places)
        price = of.price * dice.randrange(900, 1100) / 1000 // of.tick * of.tick
        frames = account.random_occurrence(of, price, NOW + number)
        times += [frame["creationTime"] for frame in frames]
        follower.hear(frames)
    assert times == sorted(times)
    return exchange, follower


def all_pages(exchange: Exchange, path: str, **query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = CALLS[path](exchange, {**query, "cursor": cursor, "limit": "50"}, exchange.account.clock_ms)
        rows += answer["list"]
        cursor = answer["nextPageCursor"]
        if not cursor:
            return rows


def check_account(account: Account, follower: Follower) -> None:
    assert account.coins == follower.coins
    held = {key: (each.size, each.entry) for key, each in account.positions.items() if each.size}
    assert {key for key, size in follower.sizes.items() if size} == set(held)
    for key, (size, entry) in held.items():
        assert follower.sizes[key] == size
        assert abs(follower.entries[key] - entry) < NEAR
        row = follower.positions[key]
        assert (row["side"], Decimal(row["size"])) == ("Buy" if size > 0 else "Sell", abs(size))
        assert abs(Decimal(row["entryPrice"]) - entry) < NEAR
    for key, position in account.positions.items():
        assert key[0] == "option" or position.total == follower.realised[key]
    assert {row["execId"] for row in follower.executions.values() if row["execType"] == "Trade"} == follower.fast
    assert [row["execId"] for row in account.executions] == list(follower.executions)
    for order in account.orders.values():
        row = follower.orders[order.order_id]
        rows = [each for each in follower.executions.values() if each["orderId"] == order.order_id]
        assert sum(Decimal(each["execQty"]) for each in rows) == Decimal(row["cumExecQty"]) == order.executed <= order.quantity
        assert sum(Decimal(each["execValue"]) for each in rows) == Decimal(row["cumExecValue"])
        fees = sum((Decimal(each["execFee"]) for each in rows), ZERO)
        assert fees == Decimal(row["cumExecFee"]) == sum(map(Decimal, row["cumFeeDetail"].values()))
        assert (row["orderStatus"] == "Filled") == (order.executed == order.quantity)


def settles(category: str, symbol: str) -> str:
    found = find(category, symbol)
    assert found is not None
    return found.settle


def check_wallet(exchange: Exchange, follower: Follower) -> None:
    """REST leaves out coins that are zero; the rest is what was pushed, the totals are those of the coins."""
    [wallet] = CALLS["/v5/account/wallet-balance"](exchange, {"accountType": "UNIFIED"}, NOW)["list"]
    assert wallet["coin"] == [follower.rows[row["coin"]] for row in wallet["coin"]]
    absent = [row for coin, row in follower.rows.items() if coin not in {row["coin"] for row in wallet["coin"]}]
    assert [row for row in absent if Decimal(row["walletBalance"]) or Decimal(row["equity"])] == []
    assert {key: value for key, value in wallet.items() if key != "coin"} == {
        key: value for key, value in follower.wallet.items() if key != "coin"
    }
    assert Decimal(wallet["totalEquity"]) == sum(Decimal(row["usdValue"]) for row in wallet["coin"])
    for coin in wallet["coin"]:
        held = [row for key, row in follower.positions.items() if settles(*key[:2]) == coin["coin"]]
        for total, part in (("totalPositionIM", "positionIM"), ("totalPositionMM", "positionMM")):
            assert Decimal(coin[total]) == sum(Decimal(row[part]) for row in held)
        assert Decimal(coin["unrealisedPnl"]) == sum(Decimal(row["unrealisedPnl"]) for row in held if row["category"] != "option")
        profits = sum(
            profit for key, profit in follower.realised.items() if settles(*key[:2]) == coin["coin"] and key[0] == "inverse"
        )
        assert coin["coin"] == "USDT" or Decimal(coin["cumRealisedPnl"]) == profits
    margin = Decimal(wallet["totalWalletBalance"]) + Decimal(wallet["totalPerpUPL"])
    assert Decimal(wallet["totalMarginBalance"]) == margin
    assert Decimal(wallet["totalAvailableBalance"]) == max(ZERO, margin - Decimal(wallet["totalInitialMargin"]))


def check_rest(exchange: Exchange, follower: Follower) -> None:
    for category in ("spot", "linear", "inverse", "option"):
        settle = {"settleCoin": "USDT"} if category == "linear" else {}
        told = [row for row in follower.orders.values() if row["category"] == category]
        is_open = {row["orderId"] for row in told if row["orderStatus"] in ("New", "PartiallyFilled", "Untriggered")}
        listed = all_pages(exchange, "/v5/order/realtime", category=category, **settle)
        if category == "spot":
            listed += all_pages(exchange, "/v5/order/realtime", category=category, orderFilter="StopOrder")
        assert {row["orderId"] for row in listed} == is_open
        past = all_pages(exchange, "/v5/order/history", category=category)
        if category == "spot":
            past += all_pages(exchange, "/v5/order/history", category=category, orderFilter="StopOrder")
        assert {row["orderId"] for row in past} == {row["orderId"] for row in told} - is_open
        assert len(past) == len({row["orderId"] for row in past})
        for row in (*listed, *past):
            pushed = follower.orders[row["orderId"]]
            differing = {"stopOrderType", "triggerBy", "tpTriggerBy", "slTriggerBy", "avgPrice", "slippageTolerance", "tpslMode"}
            same = (row.keys() & pushed.keys()) - differing
            assert {key: row[key] for key in same} == {key: pushed[key] for key in same}
            assert row["stopOrderType"] == pushed["stopOrderType"] or (row["stopOrderType"], pushed["stopOrderType"]) == (
                "UNKNOWN",
                "",
            )
        executions = all_pages(exchange, "/v5/execution/list", category=category)
        heard = {key: row for key, row in follower.executions.items() if row["category"] == category}
        assert {row["execId"] for row in executions} == set(heard)
        assert [row["execTime"] for row in executions] == sorted((row["execTime"] for row in executions), reverse=True)
        assert all(row["execFee"] == heard[row["execId"]]["execFee"] for row in executions)
        if category == "spot":
            continue
        positions = all_pages(exchange, "/v5/position/list", category=category, **settle)
        sizes = {key: abs(size) for key, size in follower.sizes.items() if key[0] == category and size}
        assert {(category, row["symbol"], row["positionIdx"]): Decimal(row["size"]) for row in positions} == sizes
        for row in positions:
            assert row["avgPrice"] == follower.positions[category, row["symbol"], row["positionIdx"]]["entryPrice"]
    listed = CALLS["/v5/asset/coin-greeks"](exchange, {}, NOW)["list"]
    assert listed == [follower.greeks[row["baseCoin"]] for row in listed]


@pytest.mark.parametrize("hedged", [False, True], ids=["one-way", "hedge"])
def test_three_thousand_occurrences_followed_give_the_account_and_all_its_rest_answers(hedged: bool) -> None:
    exchange, follower = follow(7, 3_000, hedged=hedged)
    check_account(exchange.account, follower)
    check_wallet(exchange, follower)
    check_rest(exchange, follower)
    missing = {
        "New", "Untriggered", "Triggered", "PartiallyFilled", "Filled", "Cancelled", "PartiallyFilledCanceled", "Rejected", "Deactivated",
    } - set(follower.statuses)  # fmt: skip
    assert missing == set()
    assert {row["execType"] for row in follower.executions.values()} == {"Trade", "Funding", "FutureSpread"}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), hedged=st.booleans())
def test_whatever_happens_the_follower_knows_the_account(seed: int, hedged: bool) -> None:
    exchange, follower = follow(seed, 80, hedged=hedged)
    check_account(exchange.account, follower)
    check_wallet(exchange, follower)
    check_rest(exchange, follower)
