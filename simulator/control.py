"""The control interface under /simulator/: look into the ledger, have a fault, pause, step, send, make the account do something."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from simulator.account.account import FEES
from simulator.account.records import Order
from simulator.dialect import DIALECTS, Message, compact
from simulator.exchange import Exchange
from simulator.faults import KINDS, BadFault, Fault
from simulator.ledger import KEPT
from simulator.market.instruments import Instrument

Answer = dict[str, Any] | list[Any]

#: Decimals that are taken: below 10 to this power, with at most so many places, and where it must be above 0 no less than the least.
#: Products of two of them fit the 28 digits that the account counts with; what does not would stop it for good.
_MOST_DIGITS, _MOST_PLACES, _LEAST = 9, 18, Decimal("1e-8")


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


class Do(msgspec.Struct, forbid_unknown_fields=True):
    """One occurrence of the account.

    place    a limit order: category, symbol, side, price (else the market's), quantity (else ten steps), link_id
    fill     of order_id: quantity (else all that is left)
    amend    of order_id: price
    cancel   of order_id
    lose_cancel  of order_id: it is filled, and a cancel that came too late makes a second Filled
    hedge    `side` Buy: hedge mode for the linear symbol, Sell: one-way mode
    fund     the symbol's funding is settled at `price` (else the market's) with the rate `quantity` (else 0.0001)
    greeks   a push for the base coin of the symbol
    wallet   a push that names `coins`, else all; or `balances`, coin → wallet balance, which become so
    """

    action: str
    category: str = "linear"
    symbol: str = "BTCUSDT"
    side: Literal["Buy", "Sell"] = "Buy"
    price: str = ""
    quantity: str = ""
    order_id: str = ""
    link_id: str = ""
    coins: list[str] = []
    balances: dict[str, str] = {}


class BadRequest(Exception):
    """One sentence: what was found and what was expected."""


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
        web.post("/simulator/system_status", _answering(exchange, _system_status)),
    ]


def _answering(exchange: Exchange, act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            body = await act(exchange, request, await request.read())
        except (BadRequest, BadFault, msgspec.DecodeError, RecursionError) as fault:
            return web.json_response({"error": str(fault)}, status=400)
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
        limit=_whole(query, "limit", KEPT),
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
    wish = msgspec.json.decode(body, type=Do)
    if wish.action not in ACTIONS:
        raise BadRequest(f"found action {wish.action!r}; expected one of {', '.join(ACTIONS)}")
    return {"frames": exchange.publish_private(ACTIONS[wish.action](exchange, wish))}


def _place(exchange: Exchange, wish: Do) -> list[Message]:
    instrument = _instrument(exchange, wish)
    last = exchange.price(instrument)
    price = _positive("price", wish.price) if wish.price else last
    quantity = _positive("quantity", wish.quantity) if wish.quantity else instrument.step * 10
    return exchange.account.place(
        instrument, side=wish.side, price=price, quantity=quantity, last=last, now_ms=exchange.now_ms(), link_id=wish.link_id
    )


def _fill(exchange: Exchange, wish: Do) -> list[Message]:
    order = _order(exchange, wish)
    quantity = _positive("quantity", wish.quantity) if wish.quantity else order.left
    return exchange.account.fill(order, quantity=quantity, now_ms=exchange.now_ms())


def _amend(exchange: Exchange, wish: Do) -> list[Message]:
    return exchange.account.amend(_order(exchange, wish), price=_positive("price", wish.price), now_ms=exchange.now_ms())


def _cancel(exchange: Exchange, wish: Do) -> list[Message]:
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
}


def _instrument(exchange: Exchange, wish: Do) -> Instrument:
    instrument = exchange.market.find(wish.category, wish.symbol)
    if instrument is None or instrument.category not in FEES:
        raise BadRequest(f"found {wish.category} {wish.symbol}; expected an instrument of {', '.join(FEES)}")
    return instrument


def _order(exchange: Exchange, wish: Do) -> Order:
    order = exchange.account.orders.get(wish.order_id)
    if order is None or not order.is_open:
        raise BadRequest(f"found order_id {wish.order_id!r}; expected an open order")
    return order


def _endpoint(name: str) -> str:
    if name not in DIALECTS:
        raise BadRequest(f"found endpoint {name!r}; expected one of {', '.join(DIALECTS)}")
    return name


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


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest(f"found {name} {text!r}; expected a whole number")
    return int(text)
