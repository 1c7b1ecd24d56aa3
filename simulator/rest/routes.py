"""The REST side: which calls there are, and the gate before them all. Source: protocol notes, section 9.

address limit ──▶ faults ──▶ route ──▶ body of a GET ──▶ signature ──▶ UID limit ──▶ permission ──▶ the call itself
     403           any        404          403         401, 1000x        10006           10005
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

import msgspec
from aiohttp import web

from simulator.dialect import compact
from simulator.exchange import Exchange
from simulator.limits import PER_SECOND, Allowance, RestLimits
from simulator.market.market import Market
from simulator.rest import account_calls, market_calls, order_calls, signing
from simulator.rest.faults import STANDING, WORDS, Wrong
from simulator.rest.paging import Query
from simulator.rest.signing import Refused

Result = dict[str, Any]
PublicCall = Callable[[Market, Query, int], Result]

#: Paths whose success has a word of its own.
SUCCESS = market_calls.SUCCESS | {"/v5/spread/execution/list": "Success", "/v5/account/query-dcp-info": "success"}


def _time(_market: Market, _query: Query, now: int) -> Result:
    return {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)}


#: Path → what answers it: everybody may ask, only the address limit counts.
PUBLIC: dict[str, PublicCall] = {"/v5/market/time": _time, **market_calls.CALLS}


def routes(exchange: Exchange, limits: RestLimits | None = None) -> list[web.RouteDef]:
    """All of /v5."""
    return [web.route("*", "/v5/{rest:.*}", _gate(exchange, limits or RestLimits()))]


def _gate(exchange: Exchange, limits: RestLimits) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    traces = count(1)

    async def respond(request: web.Request) -> web.StreamResponse:
        body, headers = (await request.read()).decode(errors="replace"), dict[str, str]()
        if not limits.admit(request.remote or "", exchange.clock_ms()):
            return web.Response(status=403, text="access too frequent")
        now = exchange.now_ms()
        standing = exchange.faults.hit("rest", exchange.clock_ms(), endpoint=_endpoint(request), topic=request.path)
        if standing is not None and standing.how == "delay":
            await asyncio.sleep(standing.amount)
        elif standing is not None:
            return _wrong(STANDING[standing.how], now)
        headers |= {"Traceid": f"{next(traces):032x}", "Timenow": str(now)}
        try:
            result = _answer(exchange, limits, request, body, now, headers)
        except Refused as refusal:
            return _envelope(refusal.code, str(refusal), {}, now, status=refusal.http_status, headers=headers)
        return _envelope(0, SUCCESS.get(request.path, "OK"), result, now, headers=headers)

    return respond


def _endpoint(request: web.Request) -> str:
    """The stream that a call belongs to: faults may be of one endpoint only."""
    public = request.path.startswith("/v5/market/")
    return request.query.get("category", "spot") if public else "spread" if request.path in PUBLIC else "private"


def _answer(exchange: Exchange, limits: RestLimits, request: web.Request, body: str, now: int, headers: dict[str, str]) -> Result:
    """The result of a call; headers gets those of signed answers. Raises Refused."""
    path, method, query = request.path, request.method, request.query
    public, signed, post = PUBLIC.get(path), account_calls.CALLS.get(path), order_calls.CALLS.get(path)
    if method != ("POST" if post else "GET") or not (public or signed or post):
        raise Refused(10017, WORDS[10017], http_status=404)
    if method == "GET" and body:
        raise Refused(10001, "params error: a GET has no body", http_status=403)
    if public:
        return public(exchange.market, query, now)
    payload = body if post else request.raw_path.partition("?")[2]
    signing.check(request.headers, payload, key_pairs=exchange.key_pairs, now_ms=now)
    allowance = limits.call(exchange.account.uid, path, now)
    headers |= allowance.headers()
    if not allowance.ok:
        raise Refused(10006, WORDS[10006])
    if post is None:
        return account_calls.CALLS[path](exchange, query, now)
    if exchange.faults.hit("key", exchange.clock_ms(), endpoint="private", how="read_only"):
        raise Refused(10005, WORDS[10005])
    result, frames = post(exchange.account, _params(body), exchange.price, now)
    exchange.publish_private(frames)
    return result


def _params(body: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(body or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Refused(10001, "params error: the body is no JSON object") from fault


def _wrong(wrong: Wrong, now: int) -> web.Response:
    if wrong.code is None:
        return web.Response(status=wrong.http_status, text=wrong.words)
    spent = Allowance(ok=False, most=PER_SECOND, left=0, reset_ms=now + 1000).headers() if wrong.code == 10006 else {}
    return _envelope(wrong.code, wrong.words, {}, now, status=wrong.http_status, headers=spent)


def _envelope(
    code: int, words: str, result: Result, now: int, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    body = {"retCode": code, "retMsg": words, "result": result, "retExtInfo": {}, "time": now}
    return web.Response(text=compact(body), content_type="application/json", status=status, headers=headers)
