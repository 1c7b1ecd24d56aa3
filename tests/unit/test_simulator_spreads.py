"""Spread trading: a combination is placed where it has two legs, and what is placed can be filled."""

from decimal import Decimal
from typing import Any

import pytest

from simulator.account_control import BadRequest, Do, act
from simulator.exchange import Exchange, Options
from simulator.listing import Listing

NOW = 1_795_000_000_000
LISTED = "NEWUSDT_NEW/USDT"


def exchange_with(*listed: tuple[str, str], **options: Any) -> Exchange:
    """An exchange with instruments that were listed a moment ago, besides the usual ones."""
    exchange = Exchange(Options(paused=True, **options), clock_ns=lambda: NOW * 1_000_000)
    for number, (category, symbol) in enumerate(listed, start=100):
        listing = Listing(category, symbol)  # type: ignore[arg-type] # of a table
        exchange.list_instrument(listing.instrument(number), "")
    return exchange


def place(exchange: Exchange, symbol: str, **facts: Any) -> str:
    """The id of the order."""
    [frame] = act(exchange, Do(action="place", category="spread", symbol=symbol, **facts))
    return str(frame["data"][0]["orderId"])


NEW = (("linear", "NEWUSDT"), ("spot", "NEWUSDT"), ("spread", LISTED))


def test_spread_that_was_listed_trades_the_legs_that_were_listed() -> None:
    exchange = exchange_with(*NEW)
    order_id = place(exchange, LISTED, side="Sell", price="1", quantity="2")
    frames = act(exchange, Do(action="fill", order_id=order_id))
    executions = [frame["data"][0] for frame in frames if frame["topic"] == "execution"]
    assert [(row["category"], row["symbol"], row["side"], row["execPrice"], row["execQty"]) for row in executions] == [
        ("linear", "NEWUSDT", "Sell", "100", "2"),
        ("spot", "NEWUSDT", "Buy", "99", "2"),
    ]
    assert exchange.account.spread_orders[order_id].status == "Filled"
    [position] = [each for each in exchange.account.positions.values() if each.size]
    assert (position.instrument.symbol, position.size) == ("NEWUSDT", -2)
    assert exchange.account.coins["NEW"] == 2 - 2 * Decimal("0.001")


@pytest.mark.parametrize(
    ("listed", "symbol", "only"),
    [
        ((("spread", "NEW_PAIR"),), "NEW_PAIR", ()),
        ((("spread", LISTED),), LISTED, ()),
        ((("linear", "NEWUSDT"), ("spread", LISTED)), LISTED, ()),
        ((("spread", "BTCUSDT_ETHUSDT_SOLUSDT"),), "BTCUSDT_ETHUSDT_SOLUSDT", ()),
        ((("spread", "BTCUSDT_NONE_ETHUSDT"),), "BTCUSDT_NONE_ETHUSDT", ()),
        ((), "SOLUSDT_SOL/USDT", ("SOLUSDT_SOL/USDT",)),
    ],
    ids=["nonsense", "neither leg is listed", "one is", "three", "two of three", "the market has the spread alone"],
)
def test_spread_without_two_legs_is_not_placed(listed: tuple[tuple[str, str], ...], symbol: str, only: tuple[str, ...]) -> None:
    exchange = exchange_with(*listed, only=only)
    with pytest.raises(BadRequest, match=f"found spread {symbol}; expected two legs, each an instrument of spot or linear"):
        place(exchange, symbol)
    assert exchange.account.spread_orders == {}


def test_legs_have_the_ids_of_their_categories() -> None:
    exchange = exchange_with()
    frames = act(exchange, Do(action="fill", order_id=place(exchange, "SOLUSDT_SOL/USDT")))
    legs = frames[0]["data"][1:]
    executions = [frame["data"][0] for frame in frames if frame["topic"] == "execution"]
    assert [(leg["category"], leg["orderId"].isdigit()) for leg in legs] == [("future_leg", False), ("spot_leg", True)]
    assert [(row["category"], row["execId"].isdigit()) for row in executions] == [("linear", False), ("spot", True)]
    assert [leg["orderId"] for leg in legs] == [row["orderId"] for row in executions]


def test_account_that_is_left_to_itself_goes_on_with_a_spread_that_was_listed() -> None:
    exchange = exchange_with(*NEW)
    account, of = exchange.account, exchange.market.find("linear", "BTCUSDT")
    assert of is not None
    ends = set()
    for _ in range(5):
        order = account.spread_orders[place(exchange, LISTED, price="1")]
        while order.is_open:
            account.random_occurrence(of, of.price, NOW)
        ends.add(order.status)
    assert "Filled" in ends
