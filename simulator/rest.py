"""The REST calls that a gateway needs, signed and checked. Source: protocol notes, section 9."""

import re
import time
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from simulator import signing
from simulator.dialect import compact, now_ms
from simulator.exchange import Exchange
from simulator.instruments import INSTRUMENTS
from simulator.records import Fill, Order
from simulator.signing import Refused

Result = dict[str, Any]
Answer = Callable[[Exchange, web.Request], Result]

CATEGORIES = ("spot", "linear", "inverse", "option")
#: The longest span between startTime and endTime; milliseconds.
WEEK_MS = 7 * 86_400_000


def routes(exchange: Exchange) -> list[web.RouteDef]:
    """One row a call: path, whether it is signed, and what answers it."""
    calls: tuple[tuple[str, bool, Answer], ...] = (
        ("/v5/market/time", False, _time),
        ("/v5/market/instruments-info", False, _instruments),
        ("/v5/spread/instrument", False, _spread_instruments),
        ("/v5/account/wallet-balance", True, _wallet),
        ("/v5/order/realtime", True, _open_orders),
        ("/v5/order/history", True, _order_history),
        ("/v5/execution/list", True, _executions),
        ("/v5/position/list", True, _positions),
    )
    known = [web.get(path, _call(exchange, answer, signed=signed)) for path, signed, answer in calls]
    return [*known, web.route("*", "/v5/{rest:.*}", _no_route)]


def _call(exchange: Exchange, answer: Answer, *, signed: bool) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def respond(request: web.Request) -> web.StreamResponse:
        options = exchange.options
        try:
            if signed:
                query = request.raw_path.partition("?")[2]
                signing.check(request.headers, query, api_key=options.api_key, api_secret=options.api_secret, now_ms=now_ms())
            return _envelope(0, "OK", answer(exchange, request))
        except Refused as refusal:
            return _envelope(refusal.code, str(refusal), {})

    return respond


async def _no_route(_request: web.Request) -> web.StreamResponse:
    return _envelope(10017, "Route not found.", {}, status=404)


def _envelope(code: int, words: str, result: Result, *, status: int = 200) -> web.Response:
    body = {"retCode": code, "retMsg": words, "result": result, "retExtInfo": {}, "time": now_ms()}
    return web.Response(text=compact(body), content_type="application/json", status=status)


def _time(_exchange: Exchange, _request: web.Request) -> Result:
    nanoseconds = time.time_ns()
    return {"timeSecond": str(nanoseconds // 10**9), "timeNano": str(nanoseconds)}


def _instruments(_exchange: Exchange, request: web.Request) -> Result:
    """Spot answers all at once whatever the limit; options go by base coin, BTC where none is named."""
    category, symbol = _category(request), request.query.get("symbol")
    base = request.query.get("baseCoin", "BTC" if category == "option" and not symbol else None)
    status = request.query.get("status", "Trading")
    rows = [
        row.row() for row in INSTRUMENTS if row.category == category and symbol in (None, row.symbol) and base in (None, row.base)
    ]
    rows = [row for row in rows if row["status"] == status]
    if category == "spot":
        return {"category": category, "list": rows}
    return {"category": category, **_page(request, rows, most=1000, default=500)}


def _spread_instruments(_exchange: Exchange, request: web.Request) -> Result:
    symbol, base = request.query.get("symbol"), request.query.get("baseCoin")
    rows = [
        row.row() for row in INSTRUMENTS if row.category == "spread" and symbol in (None, row.symbol) and base in (None, row.base)
    ]
    return _page(request, rows, most=500, default=200)


def _wallet(exchange: Exchange, request: web.Request) -> Result:
    if request.query.get("accountType") != "UNIFIED":
        raise Refused(10001, "params error: accountType invalid")
    coins = request.query.get("coin")
    return {"list": [exchange.account.wallet_row(coins.split(",") if coins else None)]}


def _open_orders(exchange: Exchange, request: web.Request) -> Result:
    """Open ones; with openOnly=1 the last 500 closed ones instead; an id finds its order either way."""
    category = _category(request)
    named = request.query.get("orderId") or request.query.get("orderLinkId")
    if category == "linear" and not named and not any(key in request.query for key in ("symbol", "baseCoin", "settleCoin")):
        raise Refused(10001, "params error: symbol, settleCoin or baseCoin is needed")
    wants_open = request.query.get("openOnly", "0") == "0"
    found = [order for order in _orders(exchange, request, category) if named or order.is_open == wants_open]
    return {**_page(request, [order.row() for order in found[:500]], most=50, default=20), "category": category}


def _order_history(exchange: Exchange, request: web.Request) -> Result:
    """Orders of every status: what the notes leave open."""
    category, status, (start, end) = _category(request), request.query.get("orderStatus"), _span(request)
    found = [
        order.row()
        for order in _orders(exchange, request, category)
        if start <= order.created_ms <= end and status in (None, order.status)
    ]
    return {**_page(request, found, most=50, default=20), "category": category}


def _executions(exchange: Exchange, request: web.Request) -> Result:
    """Newest first. An id overrides every other filter."""
    category, (start, end) = _category(request), _span(request)
    kinds = request.query.get("execType")

    def wanted(fill: Fill) -> bool:
        return _is_wanted(request, fill.order) and start <= fill.at_ms <= end and kinds in (None, "Trade")

    by_id = _names_one(request)
    rows = [
        fill.row()
        for fill in reversed(exchange.account.fills)
        if fill.order.instrument.category == category and (_is_named(request, fill.order) if by_id else wanted(fill))
    ]
    return {**_page(request, rows, most=100, default=50), "category": category}


def _positions(exchange: Exchange, request: web.Request) -> Result:
    """With a symbol also when flat, else those that are open."""
    category, symbol, settle = _category(request), request.query.get("symbol"), request.query.get("settleCoin")
    if category == "spot":
        raise Refused(10001, "params error: category invalid")
    if category == "linear" and not symbol and not settle:
        raise Refused(10001, "params error: symbol or settleCoin is needed")
    rows = []
    for position in exchange.account.positions.values():
        of = position.instrument
        if of.category == category and (of.symbol == symbol if symbol else position.size and settle in (None, of.settle)):
            rows.append(position.rest_row(exchange.price(of)))
    return {**_page(request, rows, most=200, default=20), "category": category}


def _orders(exchange: Exchange, request: web.Request, category: str) -> list[Order]:
    """Newest first; an id goes before every other filter."""
    judge = _is_named if _names_one(request) else _is_wanted
    of_category = (order for order in reversed(exchange.account.orders.values()) if order.instrument.category == category)
    return [order for order in of_category if judge(request, order)]


def _names_one(request: web.Request) -> bool:
    return "orderId" in request.query or "orderLinkId" in request.query


def _is_named(request: web.Request, order: Order) -> bool:
    if "orderId" in request.query:
        return request.query["orderId"] == order.order_id
    return request.query["orderLinkId"] == order.link_id


def _is_wanted(request: web.Request, order: Order) -> bool:
    """The symbol goes before the base coin. Options without either: BTC."""
    query, of = request.query, order.instrument
    if "symbol" in query:
        return query["symbol"] == of.symbol
    base = query.get("baseCoin", "BTC" if of.category == "option" and "settleCoin" not in query else of.base)
    return base == of.base and query.get("settleCoin", of.settle) == of.settle


def _category(request: web.Request) -> str:
    category = request.query.get("category", "")
    if category not in CATEGORIES:
        raise Refused(10001, "params error: category invalid")
    return category


def _span(request: web.Request) -> tuple[int, int]:
    """startTime and endTime, milliseconds. A missing end is a week after the start; without a start everything until the end counts."""
    start, end = _number(request, "startTime"), _number(request, "endTime")
    if start is None:
        return 0, now_ms() + WEEK_MS if end is None else end
    end = start + WEEK_MS if end is None else end
    if not 0 <= end - start <= WEEK_MS:
        raise Refused(10001, "params error: the time span is at most 7 days")
    return start, end


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refused(10001, f"params error: {name} invalid")
    return int(text)


def _page(request: web.Request, rows: list[Any], *, most: int, default: int) -> Result:
    """The rows from the cursor on, and the next page's cursor, "" at the end.

    A cursor comes percent-encoded, and clients send it as it is or encoded once more: both are read (protocol notes, section 9.1).
    """
    limit = _number(request, "limit")
    limit = default if limit is None else limit
    if not 1 <= limit <= most:
        raise Refused(10001, f"params error: limit is from 1 to {most}")
    cursor = urllib.parse.unquote(request.query.get("cursor", ""))
    place = re.fullmatch(r"page_token=(\d{1,9})&", cursor) if cursor else None
    if cursor and place is None:
        raise Refused(10001, "params error: cursor invalid")
    start = int(place[1]) if place else 0
    following = start + limit
    mark = urllib.parse.quote(f"page_token={following}&") if following < len(rows) else ""
    return {"list": rows[start:following], "nextPageCursor": mark}
