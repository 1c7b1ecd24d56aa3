"""The signed POST calls: placing, amending and cancelling orders, position mode and leverage. Source: protocol notes, section 9.

Each call takes the account, the parameters, how to learn a market's price, and the time; it answers with the result and the frames
of the private stream. What is refused raises Refused, and has no frames.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.account import matching
from simulator.account.account import Account
from simulator.account.positions import LEVERAGE
from simulator.account.records import ZERO, Order, Row, worth
from simulator.dialect import Message
from simulator.market.instruments import INSTRUMENTS, Instrument, find
from simulator.rest.paging import CATEGORIES, category_of
from simulator.rest.signing import Refused

Params = Mapping[str, Any]
PriceOf = Callable[[Instrument], Decimal]
Outcome = tuple[Row, list[Message]]
PostCall = Callable[[Account, Params, PriceOf, int], Outcome]

#: What a market order's price may differ from the market's, as a part of it; a choice.
PROTECTION = Decimal("0.05")
SIDES = ("Buy", "Sell")
KINDS = ("Limit", "Market")
IN_FORCE = ("GTC", "IOC", "FOK", "PostOnly", "RPI")
#: What is printed in the order's rows as it came.
ECHOED = (
    "takeProfit", "stopLoss", "tpTriggerBy", "slTriggerBy", "tpslMode", "tpLimitPrice", "slLimitPrice", "triggerBy", "smpType", "orderIv",
)  # fmt: skip
GONE_REPLACE = "order not exists or too late to replace"
GONE_CANCEL = "order not exists or too late to cancel"
#: The largest leverage of any contract.
MOST_LEVERAGE = 100


def create(account: Account, params: Params, price_of: PriceOf, now_ms: int) -> Outcome:
    """Checks in turn: names, sizes, position mode, reduce-only, link id, money."""
    instrument = _instrument(params)
    side, kind = _one_of(params, "side", SIDES), _one_of(params, "orderType", KINDS)
    in_force = _one_of(params, "timeInForce", IN_FORCE, "IOC" if kind == "Market" else "GTC")
    last = price_of(instrument)
    price = _price(params, instrument) if kind == "Limit" else _protected(instrument, side, last)
    quantity = _quantity(params, instrument, side, kind, last)
    reduces = bool(params.get("reduceOnly")) or bool(params.get("closeOnTrigger"))
    idx = _index(account, params, instrument)
    link_id = str(params.get("orderLinkId") or "")
    if len(link_id) > 45:
        raise Refused(10001, "params error: orderLinkId is longer than 45")
    if link_id and any(order.link_id == link_id for order in account.open_orders):
        raise Refused(110072, "OrderLinkedID is duplicate")
    if reduces and instrument.category != "spot":
        _check_reduces(account, instrument, side, idx)
    else:
        _check_money(account, instrument, side, price if kind == "Limit" else last, quantity)
    trigger, way = _trigger(params, instrument, last)
    given = {key: str(params[key]) for key in ECHOED if params.get(key) not in (None, "")}
    probe = Order(instrument, "", "", side, price, quantity, last, "", 0, 0, kind=kind)
    reject = "" if trigger is not None else _rejection(in_force, crossing=matching.crosses(probe, last))
    frames = account.place(
        instrument, side=side, price=price, quantity=quantity, last=last, link_id=link_id, kind=kind, in_force=in_force, idx=idx,
        reduce_only=reduces, trigger=trigger, trigger_way=way, matched=True, reject=reject, given=given, now_ms=now_ms,
    )  # fmt: skip
    order = next(reversed(account.orders.values()))
    if order.is_open and trigger is None and matching.crosses(order, last):
        frames += account.fill(order, quantity=quantity, price=last, taker=True, now_ms=now_ms)
    return _ids(order), frames


def amend(account: Account, params: Params, price_of: PriceOf, now_ms: int) -> Outcome:
    """qty is that of the whole order."""
    instrument = _instrument(params)
    order = _open(account, params, instrument, GONE_REPLACE)
    price = _price(params, instrument) if params.get("price") else None
    quantity = _steps(params, instrument) if params.get("qty") else None
    trigger = _decimal(params, "triggerPrice") if params.get("triggerPrice") and order.trigger is not None else None
    if (price or order.price, quantity or order.quantity, trigger or order.trigger) == (order.price, order.quantity, order.trigger):
        raise Refused(10001, "The order remains unchanged as the parameters entered match the existing ones.")
    if quantity is not None and quantity <= order.executed:
        raise Refused(10001, "Qty invalid")
    frames = account.amend(order, price=price, quantity=quantity, trigger=trigger, now_ms=now_ms)
    last = price_of(instrument)
    if order.status != "Untriggered" and matching.crosses(order, last):
        frames += account.fill(order, quantity=order.left, price=last, taker=True, now_ms=now_ms)
    return _ids(order), frames


def cancel(account: Account, params: Params, _price_of: PriceOf, now_ms: int) -> Outcome:
    order = _open(account, params, _instrument(params), GONE_CANCEL)
    return _ids(order), account.cancel(order, now_ms=now_ms)


def cancel_all(account: Account, params: Params, _price_of: PriceOf, now_ms: int) -> Outcome:
    category = category_of(params)
    names = ("symbol", "baseCoin", "settleCoin")
    if category == "linear" and not any(params.get(name) for name in names):
        raise Refused(10001, "params error: symbol, settleCoin or baseCoin is needed")
    frames: list[Message] = []
    gone = []
    for order in account.open_orders:
        of = order.instrument
        has = {"symbol": of.symbol, "baseCoin": of.base, "settleCoin": of.settle}
        if of.category == category and all(params.get(name) in (None, "", has[name]) for name in names):
            gone.append(order)
            frames += account.cancel(order, now_ms=now_ms)
    return {"list": [_ids(order) for order in gone], "success": "1"}, frames


def switch_mode(account: Account, params: Params, _price_of: PriceOf, _now_ms: int) -> Outcome:
    """Of one symbol, or of all that settle in a coin: mode 0 one-way, 3 hedge. Linear contracts only."""
    category, symbol, coin = category_of(params, ("linear", "inverse")), params.get("symbol"), params.get("coin")
    mode = _one_of({"mode": str(params.get("mode"))}, "mode", ("0", "3"))
    of = [row for row in INSTRUMENTS if row.category == category and (row.symbol == symbol if symbol else row.settle == coin)]
    if not of or category != "linear":
        raise Refused(10001, "params error: symbol or coin invalid")
    keys = {(row.category, row.symbol) for row in of}
    if all((key in account.hedged) == (mode == "3") for key in keys):
        raise Refused(110025, "Position mode is not modified")
    if any((each.instrument.category, each.instrument.symbol) in keys for each in account.open_orders):
        raise Refused(110028, "You have existing open orders, so position mode cannot be switched.")
    if any(each.size and (each.instrument.category, each.instrument.symbol) in keys for each in account.positions.values()):
        raise Refused(110024, "You have an existing position, so position mode cannot be switched.")
    account.set_hedged(of, mode == "3")
    return {}, []


def set_leverage(account: Account, params: Params, _price_of: PriceOf, now_ms: int) -> Outcome:
    """One figure for both sides: cross margin allows no other."""
    instrument = _instrument(params, ("linear", "inverse"))
    leverage = _decimal(params, "buyLeverage")
    if not 1 <= leverage <= MOST_LEVERAGE or _decimal(params, "sellLeverage") != leverage:
        raise Refused(10001, "params error: buyLeverage and sellLeverage invalid")
    if account.leverages.get((instrument.category, instrument.symbol), LEVERAGE) == leverage:
        raise Refused(110043, "leverage not modified")
    return {}, account.set_leverage(instrument, leverage, now_ms)


CALLS: dict[str, PostCall] = {
    "/v5/order/create": create,
    "/v5/order/amend": amend,
    "/v5/order/cancel": cancel,
    "/v5/order/cancel-all": cancel_all,
    "/v5/position/switch-mode": switch_mode,
    "/v5/position/set-leverage": set_leverage,
}


def _ids(order: Order) -> Row:
    return {"orderId": order.order_id, "orderLinkId": order.link_id}


def _instrument(params: Params, among: tuple[str, ...] = CATEGORIES) -> Instrument:
    instrument = find(category_of(params, among), str(params.get("symbol", "")))
    if instrument is None:
        raise Refused(10001, "params error: symbol invalid")
    return instrument


def _one_of(params: Params, name: str, among: tuple[str, ...], default: str = "") -> str:
    word = params.get(name) or default
    if word not in among:
        raise Refused(10001, f"params error: {name} invalid")
    return str(word)


def _decimal(params: Params, name: str) -> Decimal:
    """Texts, and numbers as some clients send them."""
    try:
        found = Decimal(str(params.get(name, "")))
    except InvalidOperation:
        found = ZERO
    if not (found.is_finite() and 0 < found < 10**12):
        raise Refused(10001, f"params error: {name} invalid")
    return found


def _price(params: Params, instrument: Instrument) -> Decimal:
    price = _decimal(params, "price")
    if price % instrument.tick:
        raise Refused(110003, "price is invalid")
    return price


def _protected(instrument: Instrument, side: str, last: Decimal) -> Decimal:
    """The limit that the exchange gives a market order."""
    edge = last * (1 + PROTECTION if side == "Buy" else 1 - PROTECTION)
    return max(instrument.tick, edge // instrument.tick * instrument.tick)


def _steps(params: Params, instrument: Instrument) -> Decimal:
    quantity = _decimal(params, "qty")
    if quantity % instrument.step:
        raise Refused(10001, "Qty invalid")
    return quantity


def _quantity(params: Params, instrument: Instrument, side: str, kind: str, last: Decimal) -> Decimal:
    """In base coin. A market bid on spot names an amount of quote coin, unless it says otherwise."""
    unit = params.get("marketUnit") or ("quoteCoin" if side == "Buy" else "baseCoin")
    if (instrument.category, kind, unit) != ("spot", "Market", "quoteCoin"):
        return _steps(params, instrument)
    quantity = _decimal(params, "qty") / last // instrument.step * instrument.step
    if not quantity:
        raise Refused(10001, "Qty invalid")
    return quantity


def _index(account: Account, params: Params, instrument: Instrument) -> int:
    idx, hedged = params.get("positionIdx") or 0, (instrument.category, instrument.symbol) in account.hedged
    if str(idx) not in (("1", "2") if hedged else ("0",)):
        raise Refused(10001, "position idx not match position mode")
    return int(idx)


def _trigger(params: Params, instrument: Instrument, last: Decimal) -> tuple[Decimal | None, int]:
    """Spot names no direction: the one towards the trigger."""
    if not params.get("triggerPrice"):
        return None, 0
    price = _decimal(params, "triggerPrice")
    way = str(params.get("triggerDirection") or (1 if price > last else 2))
    if way not in ("1", "2") or (instrument.category != "spot" and not params.get("triggerDirection")):
        raise Refused(10001, "params error: triggerDirection invalid")
    return price, int(way)


def _rejection(in_force: str, *, crossing: bool) -> str:
    """What ends an order at once; "" for nothing."""
    if in_force == "PostOnly" and crossing:
        return "EC_PostOnlyWillTakeLiquidity"
    return "EC_NoImmediateQtyToFill" if in_force in ("IOC", "FOK") and not crossing else ""


def _check_reduces(account: Account, instrument: Instrument, side: str, idx: int) -> None:
    position = account.positions.get((instrument.category, instrument.symbol, idx))
    if position is None or not position.size or (position.size > 0) == (side == "Buy"):
        raise Refused(110017, "current position is zero, cannot fix reduce-only order qty")


def _check_money(account: Account, instrument: Instrument, side: str, price: Decimal, quantity: Decimal) -> None:
    """Spot pays with the coin itself, options with their premium, contracts with their margin in any coin."""
    if instrument.category == "spot":
        held = account.holding(instrument.quote if side == "Buy" else instrument.base)
        enough = held.balance - held.locked >= (quantity * price if side == "Buy" else quantity)
    else:
        leverage = account.leverages.get((instrument.category, instrument.symbol), LEVERAGE)
        needed = worth(instrument, quantity, price) / (1 if instrument.category == "option" else leverage)
        available = Decimal(account.wallet_row()["totalAvailableBalance"] or 0)
        enough = needed * account.holding(instrument.settle).usd <= available
    if not enough:
        raise Refused(110007, "ab not enough for new order")


def _open(account: Account, params: Params, instrument: Instrument, gone: str) -> Order:
    """By id or link id."""
    if not params.get("orderId") and not params.get("orderLinkId"):
        raise Refused(10001, "params error: orderId or orderLinkId is needed")
    for order in account.open_orders:
        if order.instrument is instrument and (
            order.order_id == params["orderId"] if params.get("orderId") else order.link_id == params["orderLinkId"]
        ):
            return order
    raise Refused(110001, gone)
