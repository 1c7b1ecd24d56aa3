"""What the account can be told to do over the control interface: one table of actions."""

from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from simulator.account import rfqs, spreads, strategies
from simulator.account.account import FEES
from simulator.account.records import Order
from simulator.dialect import Message
from simulator.exchange import Exchange
from simulator.market.instruments import Instrument

#: Decimals that are taken: below 10 to this power, with at most so many places, and where it must be above 0 no less than the least.
#: Products of two of them fit the 28 digits that the account counts with; what does not would stop it for good.
_MOST_DIGITS, _MOST_PLACES, _LEAST = 9, 18, Decimal("1e-8")


#: The category that is traded apart from the others.
SPREAD = "spread"


class Do(msgspec.Struct, forbid_unknown_fields=True):
    """One occurrence of the account.

    place    a limit order: category, symbol, side, price (else the market's), quantity (else ten steps), link_id; spreads too
    fill     of order_id: quantity (else all that is left); of a spread order, all of it
    amend    of order_id: price; not of a spread order
    cancel   of order_id
    lose_cancel  of order_id: it is filled, and a cancel that came too late makes a second Filled
    hedge    `side` Buy: hedge mode for the linear symbol, Sell: one-way mode
    fund     the symbol's funding is settled at `price` (else the market's) with the rate `quantity` (else 0.0001)
    greeks   a push for the base coin of the symbol
    wallet   a push that names `coins`, else all; or `balances`, coin → wallet balance, which become so
    strategy a strategy begins: category, symbol, side, quantity, and `kind`: iceberg, twap, chaseOrder or pov
    end_strategy  of order_id, which is a strategyId
    rfq      a request for a quote: category, symbol, side, quantity, link_id
    quote    of order_id, which is an rfqId: another desk quotes it around `price` (else the market's)
    trade_rfq     of order_id: its last quote is traded, which the endpoint `rfq` tells the public
    cancel_rfq    of order_id
    """

    action: str
    category: str = "linear"
    symbol: str = "BTCUSDT"
    side: Literal["Buy", "Sell"] = "Buy"
    price: str = ""
    quantity: str = ""
    order_id: str = ""
    link_id: str = ""
    kind: strategies.Kind = "iceberg"
    coins: list[str] = []
    balances: dict[str, str] = {}


class BadRequest(Exception):
    """One sentence: what was found and what was expected."""


def act(exchange: Exchange, wish: Do) -> list[Message]:
    """The private frames that it made. Raises BadRequest."""
    if wish.action not in ACTIONS:
        raise BadRequest(f"found action {wish.action!r}; expected one of {', '.join(ACTIONS)}")
    return exchange.publish_private(ACTIONS[wish.action](exchange, wish))


def _place(exchange: Exchange, wish: Do) -> list[Message]:
    if wish.category == SPREAD:
        return _place_spread(exchange, wish)
    instrument = _instrument(exchange, wish)
    last = exchange.price(instrument)
    price = _positive("price", wish.price) if wish.price else last
    quantity, now_ms = _quantity(wish, instrument), exchange.now_ms()
    return exchange.account.place(
        instrument, side=wish.side, price=price, quantity=quantity, last=last, now_ms=now_ms, link_id=wish.link_id
    )


def _place_spread(exchange: Exchange, wish: Do) -> list[Message]:
    """Its price may be zero or below; its legs are the market's, which may have been listed a moment ago."""
    instrument = _instrument(exchange, wish, (SPREAD,))
    price = _decimal("price", wish.price) if wish.price else exchange.price(instrument)
    quantity, now_ms = _quantity(wish, instrument), exchange.now_ms()
    try:
        return spreads.place(
            exchange.account, instrument, side=wish.side, price=price, quantity=quantity, now_ms=now_ms, link_id=wish.link_id,
            find=exchange.market.find,
        )  # fmt: skip
    except spreads.NoLegs as fault:
        raise BadRequest(str(fault)) from None


def _fill(exchange: Exchange, wish: Do) -> list[Message]:
    if wish.order_id in exchange.account.spread_orders:
        return spreads.fill(exchange.account, _spread_order(exchange, wish), now_ms=exchange.now_ms())
    order = _order(exchange, wish)
    quantity = _positive("quantity", wish.quantity) if wish.quantity else order.left
    return exchange.account.fill(order, quantity=quantity, now_ms=exchange.now_ms())


def _amend(exchange: Exchange, wish: Do) -> list[Message]:
    return exchange.account.amend(_order(exchange, wish), price=_positive("price", wish.price), now_ms=exchange.now_ms())


def _cancel(exchange: Exchange, wish: Do) -> list[Message]:
    if wish.order_id in exchange.account.spread_orders:
        return spreads.cancel(exchange.account, _spread_order(exchange, wish), now_ms=exchange.now_ms())
    return exchange.account.cancel(_order(exchange, wish), now_ms=exchange.now_ms())


def _wallet(exchange: Exchange, wish: Do) -> list[Message]:
    account = exchange.account
    if wish.balances:
        return account.set_balances(
            {coin: _decimal(f"balance of {coin}", text) for coin, text in wish.balances.items()}, exchange.now_ms()
        )
    return account.wallet(wish.coins or list(account.coins), exchange.now_ms())


def _lose_cancel(exchange: Exchange, wish: Do) -> list[Message]:
    return exchange.account.lose_cancel(_order(exchange, wish), now_ms=exchange.now_ms())


def _hedge(exchange: Exchange, wish: Do) -> list[Message]:
    exchange.account.set_hedged([_instrument(exchange, wish)], wish.side == "Buy")
    return []


def _fund(exchange: Exchange, wish: Do) -> list[Message]:
    instrument = _instrument(exchange, wish)
    rate = _decimal("quantity", wish.quantity) if wish.quantity else Decimal("0.0001")
    mark = _positive("price", wish.price) if wish.price else exchange.price(instrument)
    return exchange.account.fund(instrument, rate, mark, exchange.now_ms())


def _greeks(exchange: Exchange, wish: Do) -> list[Message]:
    return exchange.account.greeks(_instrument(exchange, wish).base, exchange.now_ms())


def _strategy(exchange: Exchange, wish: Do) -> list[Message]:
    instrument = _instrument(exchange, wish)
    price, quantity = exchange.price(instrument), _quantity(wish, instrument)
    return strategies.start(
        exchange.account, instrument, kind=wish.kind, side=wish.side, quantity=quantity, price=price, now_ms=exchange.now_ms()
    )


def _end_strategy(exchange: Exchange, wish: Do) -> list[Message]:
    if wish.order_id not in exchange.account.strategies:
        raise BadRequest(f"found order_id {wish.order_id!r}; expected a strategy that runs")
    return strategies.end(exchange.account, wish.order_id, now_ms=exchange.now_ms())


def _ask(exchange: Exchange, wish: Do) -> list[Message]:
    instrument = _instrument(exchange, wish)
    quantity, now_ms = _quantity(wish, instrument), exchange.now_ms()
    return rfqs.ask(exchange.account, instrument, side=wish.side, quantity=quantity, now_ms=now_ms, link_id=wish.link_id)


def _quote(exchange: Exchange, wish: Do) -> list[Message]:
    rfq = _rfq(exchange, wish)
    price = _positive("price", wish.price) if wish.price else exchange.price(rfq.instrument)
    return rfqs.quote(exchange.account, rfq, price=price, now_ms=exchange.now_ms())


def _trade_rfq(exchange: Exchange, wish: Do) -> list[Message]:
    rfq = _rfq(exchange, wish)
    if not rfq.quote_id:
        raise BadRequest(f"found order_id {wish.order_id!r}, which nobody has quoted; expected one that has a quote")
    frames, seen = rfqs.trade(exchange.account, rfq, now_ms=exchange.now_ms())
    exchange.publish("rfq", seen)
    return frames


def _cancel_rfq(exchange: Exchange, wish: Do) -> list[Message]:
    return rfqs.cancel(exchange.account, _rfq(exchange, wish), now_ms=exchange.now_ms())


#: `place_order` is another word for `place`.
ACTIONS: dict[str, Callable[[Exchange, Do], list[Message]]] = {
    "place": _place,
    "place_order": _place,
    "fill": _fill,
    "amend": _amend,
    "cancel": _cancel,
    "wallet": _wallet,
    "lose_cancel": _lose_cancel,
    "hedge": _hedge,
    "fund": _fund,
    "greeks": _greeks,
    "strategy": _strategy,
    "end_strategy": _end_strategy,
    "rfq": _ask,
    "quote": _quote,
    "trade_rfq": _trade_rfq,
    "cancel_rfq": _cancel_rfq,
}


def _instrument(exchange: Exchange, wish: Do, categories: Collection[str] = FEES) -> Instrument:
    instrument = exchange.market.find(wish.category, wish.symbol)
    if instrument is None or instrument.category not in categories:
        raise BadRequest(f"found {wish.category} {wish.symbol}; expected an instrument of {', '.join(categories)}")
    return instrument


def _quantity(wish: Do, instrument: Instrument) -> Decimal:
    return _positive("quantity", wish.quantity) if wish.quantity else instrument.step * 10


def _rfq(exchange: Exchange, wish: Do) -> rfqs.Rfq:
    rfq = exchange.account.rfqs.get(wish.order_id)
    if rfq is None or rfq.status != "Active":
        raise BadRequest(f"found order_id {wish.order_id!r}; expected an rfqId that is active")
    return rfq


def _spread_order(exchange: Exchange, wish: Do) -> spreads.Combination:
    order = exchange.account.spread_orders[wish.order_id]
    if not order.is_open:
        raise BadRequest(f"found order_id {wish.order_id!r}; expected an open order")
    return order


def _order(exchange: Exchange, wish: Do) -> Order:
    order = exchange.account.orders.get(wish.order_id)
    if order is None or not order.is_open:
        raise BadRequest(f"found order_id {wish.order_id!r}; expected an open order")
    return order


def _positive(what: str, text: str) -> Decimal:
    number = _decimal(what, text)
    if number < _LEAST:
        raise BadRequest(f"found {what} {text!r}; expected a decimal above 0, at least {_LEAST:f}")
    return number


def _decimal(what: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadRequest(f"found {what} {text!r}; expected a decimal")
    if number.adjusted() >= _MOST_DIGITS or -int(number.as_tuple().exponent) > _MOST_PLACES:
        raise BadRequest(f"found {what} {text!r}; expected below 1e{_MOST_DIGITS}, with at most {_MOST_PLACES} places")
    return number
