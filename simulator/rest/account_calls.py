"""The signed GET calls: account, orders, executions, positions, spread trading, the key itself. Source: protocol notes, section 9.3.

Rows are REST's, which differ from the stream's; lists come newest first, equal times in no particular order.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Any

from simulator.account import spreads
from simulator.account.account import FEES, TAKER_FEES
from simulator.account.records import Order
from simulator.dialect import plain
from simulator.exchange import Exchange
from simulator.market.instruments import INSTRUMENTS
from simulator.rest.paging import DAY_MS, WEEK_MS, Listed, Query, category_of, page, span
from simulator.rest.signing import Refused

Result = dict[str, Any]
SignedCall = Callable[[Exchange, Query, int], Result]

#: How many closed orders openOnly=1 remembers of a category.
CLOSED_KEPT = 500
#: Statuses that are forgotten after a day where nothing was filled.
SOON_FORGOTTEN = ("Cancelled", "Rejected", "Deactivated")


def newest_first(rows: Iterable[Listed]) -> list[Listed]:
    """Equal times are in an order of their own, not in that of their events."""
    return sorted(rows, key=lambda row: (-row[0], zlib.crc32(row[1].encode())))


def _wallet(exchange: Exchange, query: Query, _now: int) -> Result:
    if query.get("accountType") != "UNIFIED":
        raise Refused(10001, "params error: accountType invalid")
    coins = query.get("coin")
    return {"list": [exchange.account.wallet_row(coins.split(",") if coins else None)]}


def _info(exchange: Exchange, _query: Query, now: int) -> Result:
    return {
        "marginMode": exchange.account.margin_mode, "updatedTime": str(now - DAY_MS), "unifiedMarginStatus": 6, "dcpStatus": "OFF",
        "timeWindow": 10, "smpGroup": 0, "isMasterTrader": False, "spotHedgingStatus": "OFF",
    }  # fmt: skip


def _dcp(_exchange: Exchange, _query: Query, _now: int) -> Result:
    products = ("SPOT", "DERIVATIVES")
    return {"dcpInfos": [{"product": product, "dcpStatus": "OFF", "timeWindow": "10"} for product in products]}


def _fee_rate(_exchange: Exchange, query: Query, _now: int) -> Result:
    category, symbol, base = category_of(query), query.get("symbol"), query.get("baseCoin")
    rates = {"takerFeeRate": plain(TAKER_FEES[category]), "makerFeeRate": plain(FEES[category])}
    of = [row for row in INSTRUMENTS if row.category == category and symbol in (None, row.symbol) and base in (None, row.base)]
    if category == "option":
        rows = [{"baseCoin": coin, **rates} for coin in dict.fromkeys(row.base for row in of)]
    else:
        rows = [{"symbol": row.symbol, **rates} for row in of]
    return {"category": category, "list": rows}


def _greeks(exchange: Exchange, query: Query, _now: int) -> Result:
    held = {
        each.instrument.base for each in exchange.account.positions.values() if each.instrument.category == "option" and each.size
    }
    named = [query["baseCoin"]] if query.get("baseCoin") else sorted(held)
    return {"list": [exchange.account.greeks_row(base) for base in named if base in held]}


def _open_orders(exchange: Exchange, query: Query, _now: int) -> Result:
    """Open ones; with openOnly=1 the last closed ones instead; an id finds its order either way."""
    category = category_of(query)
    named = names_one(query)
    if category == "linear" and not named and not any(query.get(key) for key in ("symbol", "baseCoin", "settleCoin")):
        raise Refused(10001, "params error: symbol, settleCoin or baseCoin is needed")
    only = query.get("openOnly", "0")
    if only not in ("0", "1", "2"):
        raise Refused(10001, "params error: openOnly invalid")
    if named:
        pool = [order for order in exchange.account.orders.values() if order.instrument.category == category]
    elif only == "0":
        pool = [order for order in exchange.account.open_orders if order.instrument.category == category]
    else:
        closed = [row for row in exchange.account.orders.values() if row.instrument.category == category and not row.is_open]
        pool = closed[-CLOSED_KEPT:]
    rows = [(order.created_ms, order.order_id, order.rest_row()) for order in pool if _is_asked(query, order)]
    return {**page(query, newest_first(rows), most=50, default=20), "category": category}


def _order_history(exchange: Exchange, query: Query, now: int) -> Result:
    """What is over. It lags; what was never filled is gone after a day."""
    category, status, (start, end) = category_of(query), query.get("orderStatus"), span(query, now)
    lag = int(exchange.options.history_lag_s * 1000)
    rows = []
    for order in exchange.account.orders.values():
        age = now - order.updated_ms
        if order.is_open or order.instrument.category != category or age < lag > 0:
            continue
        if not order.executed and age > (DAY_MS if order.status in SOON_FORGOTTEN else WEEK_MS):
            continue
        if (names_one(query) or start <= order.created_ms <= end) and status in (None, order.status) and _is_asked(query, order):
            rows.append((order.created_ms, order.order_id, order.rest_row(history=True)))
    return {**page(query, newest_first(rows), most=50, default=20), "category": category}


def _executions(exchange: Exchange, query: Query, now: int) -> Result:
    """An id overrides every other filter."""
    category, (start, end) = category_of(query), span(query, now)
    kind, by_id = query.get("execType"), names_one(query)
    rows = [
        (fill.at_ms, fill.execution_id, fill.rest_row())
        for fill in exchange.account.fills
        if fill.order.instrument.category == category
        and (by_id or (start <= fill.at_ms <= end and kind in (None, fill.kind)))
        and (is_named(query, fill.order) if by_id else is_wanted(query, fill.order))
    ]
    return {**page(query, newest_first(rows), most=100, default=50), "category": category}


def _positions(exchange: Exchange, query: Query, _now: int) -> Result:
    """With a symbol also when flat, a row a side in hedge mode; else those that are open."""
    category, symbol, settle = category_of(query, ("linear", "inverse", "option")), query.get("symbol"), query.get("settleCoin")
    if category == "linear" and not symbol and not settle:
        raise Refused(10001, "params error: symbol or settleCoin is needed")
    account, base = exchange.account, query.get("baseCoin")
    if symbol:
        instrument = exchange.market.find(category, symbol)
        if instrument is None:
            raise Refused(10001, "params error: symbol invalid")
        found = account.sides(instrument)
    else:
        found = [
            each
            for each in account.positions.values()
            if each.size and each.instrument.category == category and settle in (None, each.instrument.settle)
            and (category != "option" or base in (None, each.instrument.base))
        ]  # fmt: skip
    rows = [
        (
            each.updated_ms,
            f"{each.instrument.symbol}-{each.idx}",
            each.rest_row(exchange.price(each.instrument), margin_mode=account.margin_mode),
        )
        for each in found
    ]
    rows = rows if symbol else newest_first(rows)
    return {**page(query, rows, most=200, default=20), "category": category}


def _spread_orders(exchange: Exchange, query: Query, _now: int) -> Result:
    return _spread_page(query, (order for order in exchange.account.spread_orders.values() if order.is_open))


def _spread_history(exchange: Exchange, query: Query, now: int) -> Result:
    start, end = span(query, now)
    closed = (order for order in exchange.account.spread_orders.values() if not order.is_open)
    return _spread_page(query, (order for order in closed if start <= order.created_ms <= end))


def _spread_page(query: Query, orders: Iterable[Order]) -> Result:
    asked = (
        order
        for order in orders
        if (is_named(query, order) if names_one(query) else query.get("symbol") in (None, order.instrument.symbol))
    )
    rows = [(order.created_ms, order.order_id, spreads.rest_row(order)) for order in asked]
    return page(query, newest_first(rows), most=50, default=20)


def _spread_executions(exchange: Exchange, query: Query, now: int) -> Result:
    start, end = span(query, now)
    rows = [
        (int(row["execTime"]), row["execId"], row)
        for row in exchange.account.spread_fills
        if start <= int(row["execTime"]) <= end
        and all(query.get(name) in (None, row[name]) for name in ("symbol", "orderId", "orderLinkId"))
    ]
    return page(query, newest_first(rows), most=50, default=20)


def _key(exchange: Exchange, _query: Query, _now: int) -> Result:
    """The key that asked, of a unified account that is its own master."""
    read_only = "read_only" in exchange.faults.forms("key", exchange.clock_ms())
    rights: dict[str, list[str]] = {
        "ContractTrade": ["Position"] if read_only else ["Order", "Position"], "Spot": [] if read_only else ["SpotTrade"],
        "Wallet": [], "Options": [] if read_only else ["OptionsTrade"], "Derivatives": ["DerivativesTrade"], "Exchange": [], "Earn": [],
    }  # fmt: skip
    return {
        "id": "1", "note": "simulated", "apiKey": exchange.options.api_key, "readOnly": int(read_only), "secret": "",
        "permissions": rights, "ips": ["*"], "type": 1, "deadlineDay": 90, "expiredAt": "2099-01-01T00:00:00Z",
        "createdAt": "2026-01-01T00:00:00Z", "unified": 0, "uta": 1, "userID": int(exchange.account.uid), "inviterID": 0,
        "vipLevel": "No VIP", "mktMakerLevel": "0", "affiliateID": 0, "rsaPublicKey": "", "isMaster": True, "parentUid": "0",
        "kycLevel": "LEVEL_DEFAULT", "kycRegion": "",
    }  # fmt: skip


def _coins(_exchange: Exchange, _query: Query, _now: int) -> Result:
    """Chains of coins: none, there are no transfers."""
    return {"rows": []}


def names_one(query: Query) -> bool:
    return bool(query.get("orderId") or query.get("orderLinkId"))


def is_named(query: Query, order: Order) -> bool:
    """orderId goes before orderLinkId."""
    if query.get("orderId"):
        return query["orderId"] == order.order_id
    return query["orderLinkId"] == order.link_id


def is_wanted(query: Query, order: Order) -> bool:
    """The symbol goes before the base coin. Options without either: BTC."""
    of = order.instrument
    if query.get("symbol"):
        return query["symbol"] == of.symbol
    base = query.get("baseCoin", "BTC" if of.category == "option" and "settleCoin" not in query else of.base)
    return base == of.base and query.get("settleCoin", of.settle) == of.settle


def _is_asked(query: Query, order: Order) -> bool:
    """By id alone, or by the filters. Spot lists conditional orders only when asked for them."""
    if names_one(query):
        return is_named(query, order)
    wish = query.get("orderFilter") or ("Order" if order.instrument.category == "spot" else None)
    return is_wanted(query, order) and (wish is None or (wish == "StopOrder") == (order.trigger is not None))


CALLS: dict[str, SignedCall] = {
    "/v5/account/wallet-balance": _wallet,
    "/v5/account/info": _info,
    "/v5/account/fee-rate": _fee_rate,
    "/v5/account/query-dcp-info": _dcp,
    "/v5/asset/coin-greeks": _greeks,
    "/v5/asset/coin/query-info": _coins,
    "/v5/order/realtime": _open_orders,
    "/v5/order/history": _order_history,
    "/v5/execution/list": _executions,
    "/v5/position/list": _positions,
    "/v5/spread/order/realtime": _spread_orders,
    "/v5/spread/order/history": _spread_history,
    "/v5/spread/execution/list": _spread_executions,
    "/v5/user/query-api": _key,
}
