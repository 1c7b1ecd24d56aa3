"""The REST calls that a gateway needs, signed and checked. Source: protocol notes, section 9."""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from simulator.dialect import compact, now_ms
from simulator.exchange import Exchange
from simulator.instruments import INSTRUMENTS

Result = dict[str, Any]

#: A request dated this far ahead of our clock is refused; milliseconds.
AHEAD_MS = 1000
CATEGORIES = ("spot", "linear", "inverse", "option")


class Refused(Exception):
    """An answer with a code other than 0."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def routes(exchange: Exchange) -> list[web.RouteDef]:
    """One row a call: path, whether it is signed, and what answers it."""
    calls: tuple[tuple[str, bool, Callable[[Exchange, web.Request], Result]], ...] = (
        ("/v5/market/time", False, _time),
        ("/v5/market/instruments-info", False, _instruments),
        ("/v5/spread/instrument", False, _spread_instruments),
        ("/v5/account/wallet-balance", True, _wallet),
        ("/v5/order/realtime", True, _open_orders),
        ("/v5/order/history", True, _order_history),
        ("/v5/execution/list", True, _executions),
        ("/v5/position/list", True, _positions),
    )
    return [web.get(path, _call(exchange, answer, signed=signed)) for path, signed, answer in calls]


def _call(
    exchange: Exchange, answer: Callable[[Exchange, web.Request], Result], *, signed: bool
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            if signed:
                _check_signature(exchange, request)
            body = {"retCode": 0, "retMsg": "OK", "result": answer(exchange, request), "retExtInfo": {}, "time": now_ms()}
        except Refused as refusal:
            body = {"retCode": refusal.code, "retMsg": str(refusal), "result": {}, "retExtInfo": {}, "time": now_ms()}
        return web.Response(text=compact(body), content_type="application/json")

    return handler


def _check_signature(exchange: Exchange, request: web.Request) -> None:
    headers, options = request.headers, exchange.options
    if headers.get("X-BAPI-API-KEY") != options.api_key:
        raise Refused(10003, "API key is invalid.")
    stamp, window = headers.get("X-BAPI-TIMESTAMP", ""), headers.get("X-BAPI-RECV-WINDOW", "5000")
    if not stamp.isdigit() or not window.isdigit():
        raise Refused(10001, "params error: timestamp or recv_window invalid")
    now = now_ms()
    if not now - int(window) <= int(stamp) < now + AHEAD_MS:
        raise Refused(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{now}],recv_window[{window}]",
        )
    origin = f"{stamp}{options.api_key}{window}{request.rel_url.raw_query_string}"
    expected = hmac.new(options.api_secret.encode(), origin.encode(), hashlib.sha256).hexdigest()
    if headers.get("X-BAPI-SIGN") != expected:
        raise Refused(10004, f"error sign! origin_string[{origin}]")


def _time(_exchange: Exchange, _request: web.Request) -> Result:
    nanoseconds = time.time_ns()
    return {"timeSecond": str(nanoseconds // 10**9), "timeNano": str(nanoseconds)}


def _instruments(_exchange: Exchange, request: web.Request) -> Result:
    category, symbol = _category(request), request.query.get("symbol")
    base = request.query.get("baseCoin", "BTC" if category == "option" and not symbol else None)
    rows = [row for row in INSTRUMENTS if row.category == category and symbol in (None, row.symbol) and base in (None, row.base)]
    return {"category": category, **_page(request, [row.row() for row in rows], most=1000, default=500)}


def _spread_instruments(_exchange: Exchange, request: web.Request) -> Result:
    rows = [row.row() for row in INSTRUMENTS if row.category == "spread"]
    return _page(request, rows, most=500, default=200)


def _wallet(exchange: Exchange, request: web.Request) -> Result:
    if request.query.get("accountType") != "UNIFIED":
        raise Refused(10001, "params error: accountType invalid")
    coins = request.query.get("coin")
    return {"list": [exchange.account.wallet_row(coins.split(",") if coins else None)]}


def _open_orders(exchange: Exchange, request: web.Request) -> Result:
    return _orders(exchange, request, only_open=request.query.get("openOnly", "0") == "0")


def _order_history(exchange: Exchange, request: web.Request) -> Result:
    return _orders(exchange, request, only_open=False)


def _orders(exchange: Exchange, request: web.Request, *, only_open: bool) -> Result:
    category = _category(request)
    if category == "linear" and not any(key in request.query for key in ("symbol", "baseCoin", "settleCoin", "orderId")):
        raise Refused(10001, "params error: symbol, settleCoin or baseCoin is needed")
    rows = [
        order.row()
        for order in sorted(exchange.account.orders.values(), key=lambda order: -order.created_ms)
        if order.instrument.category == category
        and (order.is_open or not only_open)
        and request.query.get("symbol") in (None, order.instrument.symbol)
        and request.query.get("orderId") in (None, order.order_id)
    ]
    return {"category": category, **_page(request, rows, most=50, default=20)}


def _executions(exchange: Exchange, request: web.Request) -> Result:
    category, symbol = _category(request), request.query.get("symbol")
    start, end = int(request.query.get("startTime", 0)), int(request.query.get("endTime", 2**62))
    rows = [
        row
        for row in sorted(exchange.account.executions, key=lambda row: -int(row["execTime"]))
        if row["category"] == category and symbol in (None, row["symbol"]) and start <= int(row["execTime"]) <= end
    ]
    return {"category": category, **_page(request, rows, most=100, default=50)}


def _positions(exchange: Exchange, request: web.Request) -> Result:
    category, symbol = _category(request), request.query.get("symbol")
    rows = []
    for position in exchange.account.positions.values():
        if position.instrument.category == category and (position.instrument.symbol == symbol if symbol else position.size):
            row = position.row(exchange.market.feeds[category, position.instrument.symbol].last_price)
            row["avgPrice"] = row.pop("entryPrice")  # REST's name of the same figure
            rows.append(row)
    return {"category": category, **_page(request, rows, most=200, default=20)}


def _category(request: web.Request) -> str:
    category = request.query.get("category", "")
    if category not in CATEGORIES:
        raise Refused(10001, "params error: category invalid")
    return category


def _page(request: web.Request, rows: list[Any], *, most: int, default: int) -> Result:
    """The rows from the cursor on, and the cursor of the next page, "" at the end."""
    try:
        limit = min(most, max(1, int(request.query.get("limit", default))))
        start = int(request.query.get("cursor") or 0)
    except ValueError as fault:
        raise Refused(10001, "params error: limit or cursor invalid") from fault
    following = start + limit
    return {"list": rows[start:following], "nextPageCursor": str(following) if following < len(rows) else ""}
