"""The control interface under /simulator/: look into the ledger, cut, refuse, pause, send, and make the account do something."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec
from aiohttp import web

from simulator.dialect import DIALECTS, now_ms
from simulator.exchange import Exchange
from simulator.instruments import Instrument, find

Answer = dict[str, Any] | list[Any]


class Cut(msgspec.Struct, forbid_unknown_fields=True):
    """End the connections of an endpoint: without a word, or with a close code."""

    endpoint: str
    how: Literal["abort", "1000", "1001"]


class Refuse(msgspec.Struct, forbid_unknown_fields=True):
    """Answer new connections of an endpoint with HTTP 503."""

    endpoint: str
    on: bool


class Pause(msgspec.Struct, forbid_unknown_fields=True):
    """Stop market and account from moving by themselves."""

    on: bool


class Send(msgspec.Struct, forbid_unknown_fields=True):
    """Push any text to all connections of an endpoint."""

    endpoint: str
    text: str


class Do(msgspec.Struct, forbid_unknown_fields=True):
    """One occurrence of the account. order_id: of an order placed before; quantity: of the order or the fill."""

    action: Literal["place", "fill", "amend", "cancel", "wallet"]
    category: str = "linear"
    symbol: str = "BTCUSDT"
    side: Literal["Buy", "Sell"] = "Buy"
    price: str = ""
    quantity: str = ""
    order_id: str = ""
    coins: list[str] = []


class BadRequest(Exception):
    """One sentence: what was found and what was expected."""


def routes(exchange: Exchange) -> list[web.RouteDef]:
    return [
        web.get("/simulator/ledger", _answering(exchange, _ledger)),
        web.get("/simulator/connections", _answering(exchange, _connections)),
        web.post("/simulator/cut", _answering(exchange, _cut)),
        web.post("/simulator/refuse", _answering(exchange, _refuse)),
        web.post("/simulator/pause", _answering(exchange, _pause)),
        web.post("/simulator/send", _answering(exchange, _send)),
        web.post("/simulator/account", _answering(exchange, _account)),
        web.post("/simulator/system_status", _answering(exchange, _system_status)),
    ]


def _answering(
    exchange: Exchange, answer: Callable[[Exchange, web.Request, bytes], Awaitable[Answer]]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            body = await answer(exchange, request, await request.read())
        except (BadRequest, msgspec.DecodeError, msgspec.ValidationError, ValueError, InvalidOperation) as fault:
            return web.json_response({"error": str(fault)}, status=400)
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    return handler


async def _ledger(exchange: Exchange, request: web.Request, _body: bytes) -> Answer:
    query = request.query
    direction = query.get("direction")
    if direction not in (None, "sent", "received"):
        raise BadRequest(f"found direction {direction!r}; expected sent or received")
    entries = exchange.ledger.read(
        endpoint=query.get("endpoint"),
        topic=query.get("topic"),
        direction=direction,  # type: ignore[arg-type] # checked above
        after=int(query.get("after", 0)),
        limit=int(query.get("limit", 100_000)),
    )
    return {"entries": [asdict(entry) for entry in entries], "forgotten": exchange.ledger.forgotten}


async def _connections(exchange: Exchange, request: web.Request, _body: bytes) -> Answer:
    return [
        {
            "number": entry.number,
            "endpoint": entry.dialect.endpoint,
            "topics": list(entry.topics),
            "authenticated": entry.authenticated,
        }
        for entry in exchange.on_endpoint(request.query.get("endpoint"))
    ]


async def _cut(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    wish = msgspec.json.decode(body, type=Cut)
    cut = exchange.on_endpoint(_endpoint(wish.endpoint))
    for connection in cut:
        if wish.how == "abort":
            connection.abort()
        else:
            await connection.socket.close(code=int(wish.how), message=b"going away" if wish.how == "1001" else b"")
    return {"cut": len(cut)}


async def _refuse(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    wish = msgspec.json.decode(body, type=Refuse)
    (exchange.refusing.add if wish.on else exchange.refusing.discard)(_endpoint(wish.endpoint))
    return {"refusing": sorted(exchange.refusing)}


async def _pause(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    exchange.paused = msgspec.json.decode(body, type=Pause).on
    return {"paused": exchange.paused}


async def _send(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    wish = msgspec.json.decode(body, type=Send)
    connections = exchange.on_endpoint(_endpoint(wish.endpoint))
    for connection in connections:
        connection.push("", wish.text)
    return {"sent_to": len(connections)}


async def _account(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    wish = msgspec.json.decode(body, type=Do)
    account, now = exchange.account, now_ms()
    if wish.action == "wallet":
        return {"frames": exchange.publish_private([account.wallet(wish.coins or list(account.coins), now)])}
    if wish.action == "place":
        instrument = _instrument(wish)
        price = Decimal(wish.price) if wish.price else exchange.price(instrument)
        quantity = Decimal(wish.quantity) if wish.quantity else instrument.step * 10
        frames = account.place(instrument, side=wish.side, price=price, quantity=quantity, now_ms=now)
        return {"frames": exchange.publish_private(frames)}
    order = account.orders.get(wish.order_id)
    if order is None or not order.is_open:
        raise BadRequest(f"found order_id {wish.order_id!r}; expected an open order")
    if wish.action == "cancel":
        frames = account.cancel(order, now_ms=now)
    elif wish.action == "amend":
        frames = account.amend(order, price=Decimal(wish.price), now_ms=now)
    else:
        frames = account.fill(order, quantity=Decimal(wish.quantity) if wish.quantity else order.quantity, now_ms=now)
    return {"frames": exchange.publish_private(frames)}


async def _system_status(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    return {"frames": exchange.announce(**msgspec.json.decode(body, type=dict[str, Any]))}


def _endpoint(name: str) -> str:
    if name not in DIALECTS:
        raise BadRequest(f"found endpoint {name!r}; expected one of {', '.join(DIALECTS)}")
    return name


def _instrument(wish: Do) -> Instrument:
    instrument = find(wish.category, wish.symbol)
    if instrument is None:
        raise BadRequest(f"found {wish.category} {wish.symbol}; expected an instrument of the simulated exchange")
    return instrument
