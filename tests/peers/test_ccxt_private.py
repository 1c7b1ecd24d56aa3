"""ccxt, logged in beside the gateway: both have the same orders, fills and coins after a life of orders on three markets.

What cannot be compared, of what ccxt makes without help
  used     of a coin is its `locked` alone, while the gateway's `frozen` has the margins too; `free` is what that leaves of the equity
  at       the time of a balance: ccxt looks for `ts`, and a wallet has `creationTime`
  status   of an order is one of ccxt's four words; several of the exchange's fall together
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from peer import Peer
from running import RunningGateway, consuming, wait_for
from truth import amount

from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

#: Private topic → the gateway's channel.
CHANNELS = {"order": "order", "execution": "execution", "wallet": "balance"}
#: Held beside them: ccxt looks for "order" in the names of topics, and finds it in this one too (protocol notes, section 12).
BOOK = ("spot", "orderbook.50.ETHUSDT")
#: category → symbol, a price, another one, a size and a part of it.
MARKETS = {
    "spot": ("ETHUSDT", "3300.25", "3300.5", "0.5", "0.12345"),
    "linear": ("BTCUSDT", "66000.5", "66001", "0.010", "0.003"),
    "inverse": ("BTCUSD", "66000", "66000.5", "300", "100"),
}
#: The exchange's words → ccxt's.
STATUS = {
    "New": "open",
    "PartiallyFilled": "open",
    "Untriggered": "open",
    "Filled": "closed",
    "PartiallyFilledCanceled": "closed",
    "Cancelled": "canceled",
    "Rejected": "rejected",
    "Deactivated": "canceled",
}
#: ccxt's names → the gateway's, in one record each.
ORDER = {
    "symbol": "symbol", "price": "price", "amount": "quantity", "filled": "executed_quantity", "average": "average_price",
    "clientOrderId": "order_link_id", "reduceOnly": "reduce_only",
}  # fmt: skip
FILL = {"order": "order_id", "price": "price", "amount": "quantity", "symbol": "symbol", "timestamp": "exec_time"}

Told = dict[str, dict[str, Any]]


@dataclass
class Scene:
    """What everybody has: record → what is known of it. coins: the gateway's, as merged from its events."""

    ccxt: dict[str, Told]
    orders: Told
    fills: Told
    coins: Told

    def is_complete(self) -> bool:
        """Whether ccxt has heard all that the gateway has."""
        orders, fills, coins = (self.ccxt[topic] for topic in CHANNELS)
        done = {key: STATUS[row["status"]] for key, row in self.orders.items()}
        totals = {coin: amount(row["equity"]) for coin, row in self.coins.items()}
        return (
            done == {key: row["status"] for key, row in orders.items()}
            and set(fills) == set(self.fills)
            and totals == {coin: amount(row["total"]) for coin, row in coins.get("coins", {}).items()}
        )


def trade(simulator: RunningSimulator) -> None:
    """On each market: an order that fills in two parts, one amended between, one cancelled, one cut off in part, one left open."""
    for category, (symbol, price, other, size, part) in MARKETS.items():

        def placed(category: str = category, symbol: str = symbol, price: str = price, size: str = size, **given: str) -> str:
            made = simulator.account("place", category=category, symbol=symbol, price=price, quantity=size, **given)
            return str(made[0]["data"][0]["orderId"])

        filled = placed()
        simulator.account("fill", order_id=filled, quantity=part)
        simulator.account("amend", order_id=filled, price=other)
        simulator.account("fill", order_id=filled)
        simulator.account("cancel", order_id=placed(side="Sell", link_id=f"link-{category}"))
        cut_off = placed(side="Sell")
        simulator.account("fill", order_id=cut_off, quantity=part)
        simulator.account("cancel", order_id=cut_off)
        simulator.account("fill", order_id=placed(), quantity=part)
    simulator.account("lose_cancel", order_id=placed())
    simulator.account("wallet", balances={"ETH": "7.000000000000000001", "USDC": "12.5"})


@pytest.fixture(scope="module")
def scene(still_simulator: RunningSimulator, peers_gateway: RunningGateway, new_peer: Callable[..., Peer]) -> Iterator[Scene]:
    ccxt = new_peer(still_simulator, "ccxt", [*(("private", topic) for topic in CHANNELS), BOOK])
    with consuming(peers_gateway.broker_url) as consumer:
        queues = {}
        for topic, channel in CHANNELS.items():
            row = peers_gateway.subscribe(channel, "ccxt-peer")
            peers_gateway.wait_until_held(row["id"])
            queues[topic] = row["queue"]

        def held() -> bool:
            ccxt.ask()  # which fails where the client has failed
            held_by = [set(entry.topics) for entry in still_simulator.connections("private")]
            has_book = any(BOOK[1] in entry.topics for entry in still_simulator.connections("spot"))
            return has_book and len(held_by) == 2 and all(set(CHANNELS) <= topics for topics in held_by)

        wait_for(held, "ccxt's private topics held", 40.0)
        still_simulator.step(5)
        trade(still_simulator)
        found = Scene({}, {}, {}, {})

        def settled() -> bool:
            for topic, queue in queues.items():
                for event in consumer.take(queue):
                    remember(found, topic, event["payload"])
            found.ccxt = ccxt.ask()
            return len(found.orders) == 4 * len(MARKETS) + 1 and "USDC" in found.coins and found.is_complete()

        wait_for(settled, "ccxt and the gateway at one state", 30.0)
        yield found


def remember(found: Scene, topic: str, payload: dict[str, Any]) -> None:
    if topic == "order":
        found.orders[payload["order_id"]] = payload
    elif topic == "execution":
        found.fills[payload["execution_id"]] = payload
    else:
        found.coins |= {row["coin"]: row for row in payload["coins"]}


def compared(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The amounts of one record under ccxt's names."""
    return {theirs: amount(row[ours]) for theirs, ours in names.items()}


@pytest.mark.parametrize("category", MARKETS)
def test_orders_end_alike(scene: Scene, category: str) -> None:
    ours = {key: row for key, row in scene.orders.items() if row["raw"]["category"] == category}
    theirs = {key: row for key, row in scene.ccxt["order"].items() if row["category"] == category}
    assert len(ours) == 4 + (category == "inverse")
    assert {key: compared(row, ORDER) for key, row in ours.items()} == {
        key: compared(row, {name: name for name in ORDER}) for key, row in theirs.items()
    }
    for key, row in theirs.items():
        assert row["status"] == STATUS[ours[key]["status"]]
        assert row["side"].capitalize() == ours[key]["side"]
        assert row["type"].capitalize() == ours[key]["order_type"]


def test_book_beside_them_is_taken_for_a_book(scene: Scene) -> None:
    [book] = scene.ccxt["books"].values()
    assert len(book["bids"]) == len(book["asks"]) == 50
    assert set(scene.ccxt["order"]) == set(scene.orders)


def test_every_way_of_an_order_was_gone(scene: Scene) -> None:
    cut_off = {"spot": "PartiallyFilledCanceled", "linear": "Cancelled", "inverse": "Cancelled"}
    for category, word in cut_off.items():
        rows = [row for row in scene.orders.values() if row["raw"]["category"] == category]
        assert [row["status"] for row in rows][:4] == ["Filled", "Cancelled", word, "PartiallyFilled"]
        assert Decimal(rows[2]["executed_quantity"]) > 0


@pytest.mark.parametrize("category", MARKETS)
def test_fills_are_the_same(scene: Scene, category: str) -> None:
    ours = {key: row for key, row in scene.fills.items() if row["raw"]["category"] == category}
    theirs = {key: row for key, row in scene.ccxt["execution"].items() if row["category"] == category}
    assert len(ours) == 4 + (category == "inverse")
    assert {key: compared(row, FILL) for key, row in ours.items()} == {
        key: compared(row, {name: name for name in FILL}) for key, row in theirs.items()
    }
    for key, row in theirs.items():
        assert amount(row["fee"]["cost"]) == amount(ours[key]["fee"])
        assert row["fee"]["currency"] == ours[key]["fee_currency"]
        assert row["takerOrMaker"] == ("maker" if ours[key]["is_maker"] else "taker")


def test_coins_are_the_same_to_the_last_digit(scene: Scene) -> None:
    theirs = scene.ccxt["wallet"]["coins"]
    assert {"USDT", "BTC", "ETH", "USDC"} == set(theirs) == set(scene.coins)
    for coin, row in scene.coins.items():
        assert amount(theirs[coin]["total"]) == amount(row["equity"]), coin
        assert amount(theirs[coin]["used"]) == amount(row["locked"]), coin
        assert amount(theirs[coin]["free"]) == amount(row["equity"]) - amount(row["locked"]), coin
    assert theirs["ETH"]["total"] == "7.000000000000000001"
    assert Decimal(theirs["USDT"]["used"]) > 0, "an open bid locks what it would pay"


def test_where_ccxt_goes_its_own_way(scene: Scene) -> None:
    """Should one of these fail, ccxt has learnt something: compare it above."""
    assert scene.ccxt["wallet"]["at"] is None
    margins = {
        coin for coin, row in scene.coins.items() if amount(row["frozen"]) != amount(scene.ccxt["wallet"]["coins"][coin]["used"])
    }
    assert margins == {"USDT", "BTC"}
