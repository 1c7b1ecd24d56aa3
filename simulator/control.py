"""The control interface under /simulator/: look into the ledger, have a fault, pause, step, send, make the account do something."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from aiohttp import web

from simulator import account_control
from simulator.account_control import BadRequest, Do
from simulator.dialect import DIALECTS, compact
from simulator.exchange import Exchange
from simulator.faults import KINDS, BadFault, Fault
from simulator.ledger import PAGE
from simulator.listing import Delisting, Listing

Answer = dict[str, Any] | list[Any]


class Pause(msgspec.Struct, forbid_unknown_fields=True):
    """Stop market, account and announcements from moving by themselves."""

    on: bool


class Step(msgspec.Struct, forbid_unknown_fields=True):
    """Move the market now, also while it is paused."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class Send(msgspec.Struct, forbid_unknown_fields=True):
    """Push to all connections of an endpoint: any text as it is, or a frame as compact JSON."""

    endpoint: str
    text: str | None = None
    frame: dict[str, Any] | None = None


class Key(msgspec.Struct, forbid_unknown_fields=True):
    """An API key of the account that is good from now on; without a secret it ends, as one that was deleted."""

    api_key: str
    api_secret: str | None = None


Act = Callable[[Exchange, web.Request, bytes], Awaitable[Answer]]


def routes(exchange: Exchange) -> list[web.RouteDef]:
    return [
        web.get("/simulator/ledger", _answering(exchange, _ledger)),
        web.get("/simulator/connections", _answering(exchange, _connections)),
        web.get("/simulator/ledger/summary", _answering(exchange, _summary)),
        web.get("/simulator/faults", _answering(exchange, _faults)),
        web.post("/simulator/faults", _answering(exchange, _have_fault)),
        web.delete("/simulator/faults", _answering(exchange, _lift)),
        web.delete("/simulator/faults/{number}", _answering(exchange, _lift)),
        web.post("/simulator/pause", _answering(exchange, _pause)),
        web.post("/simulator/step", _answering(exchange, _step)),
        web.post("/simulator/send", _answering(exchange, _send)),
        web.post("/simulator/account", _answering(exchange, _account)),
        web.post("/simulator/key", _answering(exchange, _key)),
        web.post("/simulator/list", _answering(exchange, _list)),
        web.post("/simulator/delist", _answering(exchange, _delist)),
        web.post("/simulator/system_status", _answering(exchange, _system_status)),
    ]


def _answering(exchange: Exchange, act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            body = await act(exchange, request, await request.read())
        except (BadRequest, BadFault, msgspec.DecodeError, RecursionError) as fault:
            return web.json_response({"error": str(fault)}, status=400)
        except web.HTTPRequestEntityTooLarge as fault:
            return web.json_response({"error": f"found a body too large; {fault.text}"}, status=400)
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    return respond


async def _ledger(exchange: Exchange, request: web.Request, _body: bytes) -> Answer:
    query = request.query
    direction = query.get("direction")
    if direction not in (None, "sent", "received", "withheld"):
        raise BadRequest(f"found direction {direction!r}; expected sent, received or withheld")
    entries = exchange.ledger.read(
        endpoint=_endpoint(query["endpoint"]) if "endpoint" in query else None,
        connection=_whole(query, "connection", 0) or None,
        topic=query.get("topic"),
        direction=direction,  # type: ignore[arg-type] # checked above
        after=_whole(query, "after", 0),
        limit=min(_whole(query, "limit", PAGE), PAGE),
    )
    forgotten = exchange.ledger.forgotten
    return {"entries": [asdict(entry) for entry in entries], "forgotten": forgotten, "overflowed": forgotten > 0}


async def _connections(exchange: Exchange, request: web.Request, _body: bytes) -> Answer:
    endpoint = request.query.get("endpoint")
    return [
        {
            "number": entry.number,
            "endpoint": entry.endpoint,
            "topics": list(entry.topics),
            "conn_id": entry.conn_id,
            "authenticated": entry.authenticated,
        }
        for entry in exchange.on_endpoint(None if endpoint is None else _endpoint(endpoint))
    ]


async def _summary(exchange: Exchange, _request: web.Request, _body: bytes) -> Answer:
    return {"counts": exchange.ledger.summary(), "forgotten": exchange.ledger.forgotten}


async def _faults(exchange: Exchange, _request: web.Request, _body: bytes) -> Answer:
    standing = exchange.faults.standing(exchange.clock_ms())
    return [{"number": entry.number, "hits": entry.hits, "fault": msgspec.to_builtins(entry.fault)} for entry in standing]


async def _have_fault(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    fault = msgspec.json.decode(body, type=Fault)
    found = exchange.do(fault)
    return {"number": found} if KINDS[fault.kind].stands else {"touched": found}


async def _lift(exchange: Exchange, request: web.Request, _body: bytes) -> Answer:
    number = _whole(request.match_info, "number", 0) or None
    return {"lifted": exchange.faults.lift(number)}


async def _pause(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    exchange.paused = msgspec.json.decode(body, type=Pause).on
    return {"paused": exchange.paused}


async def _step(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    count = msgspec.json.decode(body, type=Step).count
    for _ in range(count):
        exchange.step()
    return {"stepped": count}


async def _send(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    wish = msgspec.json.decode(body, type=Send)
    if (wish.text is None) == (wish.frame is None):
        raise BadRequest("found both or neither of text and frame; expected one")
    topic = str(wish.frame.get("topic", "")) if wish.frame is not None else ""
    connections = exchange.on_endpoint(_endpoint(wish.endpoint))
    for connection in connections:
        connection.send(topic, compact(wish.frame) if wish.frame is not None else wish.text or "")
    return {"sent_to": len(connections)}


async def _system_status(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    return {"frames": exchange.announce(**msgspec.json.decode(body, type=dict[str, Any]))}


async def _account(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    return {"frames": account_control.act(exchange, msgspec.json.decode(body, type=Do))}


async def _key(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    wish = msgspec.json.decode(body, type=Key)
    if wish.api_secret is not None:
        exchange.key_pairs[wish.api_key] = wish.api_secret
    elif exchange.key_pairs.pop(wish.api_key, None) is None:
        raise BadRequest("found an API key that is not good anyway; expected one that is")
    return {"keys": len(exchange.key_pairs)}


async def _list(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    listing = msgspec.json.decode(body, type=Listing)
    instrument = listing.instrument(len(exchange.market.instruments) + 1)
    exchange.list_instrument(instrument, listing.stage)
    return {"status": exchange.market.status(instrument, exchange.now_ms())}


async def _delist(exchange: Exchange, _request: web.Request, body: bytes) -> Answer:
    wish = msgspec.json.decode(body, type=Delisting)
    if exchange.market.find(wish.category, wish.symbol) is None:
        raise BadRequest(f"found no {wish.symbol!r} in category {wish.category!r}; expected what is listed")
    # In silence, its last frames too: the fault `restart` tells them.
    exchange.market.delist(wish.category, wish.symbol, exchange.now_ms())
    return {"delisted": wish.symbol}


def _endpoint(name: str) -> str:
    if name not in DIALECTS:
        raise BadRequest(f"found endpoint {name!r}; expected one of {', '.join(DIALECTS)}")
    return name


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest(f"found {name} {text!r}; expected a whole number")
    return int(text)
