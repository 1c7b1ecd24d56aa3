"""The REST side over HTTP: what it demands, how often it may be asked, what it answers to orders, and what the stream then says."""

import asyncio
import base64
import hashlib
import hmac
import json
import urllib.parse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from yarl import URL

from simulator.account import spreads
from simulator.dialect import Message
from simulator.exchange import Exchange, Options
from simulator.faults import Fault
from simulator.limits import RestLimits
from simulator.market.instruments import find
from simulator.rest import routes

NOW = 1_795_000_000_000
KEY, SECRET = "simulator-key", "simulator-secret"
WALLET = ("/v5/account/wallet-balance", {"accountType": "UNIFIED"})
Sign = Callable[[str], str]


def by_secret(origin: str) -> str:
    return hmac.new(SECRET.encode(), origin.encode(), hashlib.sha256).hexdigest()


@dataclass
class Desk:
    """A client of one exchange whose clock stands until it is set."""

    client: TestClient[web.Request, web.Application]
    exchange: Exchange
    clock: list[int]
    sign: Sign = by_secret
    frames: list[Message] = field(default_factory=list)

    async def ask(
        self, method: str, path: str, params: dict[str, Any] | None = None, *, skew_ms: int = 0, drop: str = "", **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, body and headers of a signed call."""
        query = urllib.parse.urlencode(params or {}) if method == "GET" else ""
        body = json.dumps(params or {}) if method == "POST" else None
        stamp = str(self.clock[0] + skew_ms)
        signed = {
            "X-BAPI-API-KEY": KEY,
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": "5000",
            "X-BAPI-SIGN": self.sign(f"{stamp}{KEY}5000{body if method == 'POST' else query}"),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        signed.pop(drop, None)
        async with self.client.request(
            method, URL(f"{path}?{query}" if query else path, encoded=True), data=body, headers=signed
        ) as answer:
            text = await answer.text()
            found = json.loads(text) if text.startswith("{") else {"text": text}
            return answer.status, found, dict(answer.headers)

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        status, body, _ = await self.ask("GET", path, params)
        assert (status, body["retCode"]) == (200, 0), body
        return dict(body["result"])

    async def post(self, path: str, **params: Any) -> tuple[int, dict[str, Any]]:
        """retCode and result; a second later, so that limits do not count."""
        self.clock[0] += 1000
        _, body, _ = await self.ask("POST", path, params)
        return body["retCode"], body["result"] if body["retCode"] == 0 else {"words": body["retMsg"]}

    def heard(self, topic: str) -> list[dict[str, Any]]:
        return [row for frame in self.frames if frame["topic"] == topic for row in frame["data"]]


class Recorded(Exchange):
    """An exchange that notes what it gives to the private stream."""

    def __init__(self, options: Options, clock_ns: Callable[[], int]) -> None:
        super().__init__(options, clock_ns)
        self.told: list[Message] = []

    def publish_private(self, frames: Any) -> list[Message]:
        told = super().publish_private(frames)
        self.told += told
        return told


def at_desk(
    act: Callable[[Desk], Awaitable[None]],
    *,
    limits: RestLimits | None = None,
    secret: str = SECRET,
    sign: Sign = by_secret,
    history_lag_s: float = 0.0,
) -> None:
    async def run() -> None:
        clock = [NOW]
        exchange = Recorded(Options(paused=True, api_secret=secret, history_lag_s=history_lag_s), lambda: clock[0] * 1_000_000)
        app = web.Application()
        app.add_routes(routes.routes(exchange, limits))
        async with TestClient(TestServer(app)) as client:
            await act(Desk(client, exchange, clock, sign, exchange.told))

    asyncio.run(run())


@pytest.mark.parametrize("name", ["X-BAPI-API-KEY", "X-BAPI-TIMESTAMP", "X-BAPI-SIGN"])
def test_call_without_a_key_header_is_unauthorised(name: str) -> None:
    async def act(desk: Desk) -> None:
        status, _, headers = await desk.ask("GET", *WALLET, drop=name)
        assert status == 401
        assert "X-Bapi-Limit" not in headers

    at_desk(act)


def test_checks_have_their_codes_words_and_order() -> None:
    async def act(desk: Desk) -> None:
        async def code(**given: Any) -> tuple[int, str]:
            status, body, _ = await desk.ask("GET", *WALLET, **given)
            assert status == 200
            return body["retCode"], body["retMsg"]

        assert await code() == (0, "OK")
        assert await code(X_BAPI_API_KEY="other", X_BAPI_TIMESTAMP="soon") == (10003, "API key is invalid.")
        assert (await code(X_BAPI_TIMESTAMP="soon"))[0] == 10001
        refused = await code(skew_ms=1000, X_BAPI_SIGN="wrong")
        assert refused[0] == 10002
        assert f"req_timestamp[{NOW + 1000}],server_timestamp[{NOW}],recv_window[5000]" in refused[1]
        assert [(await code(skew_ms=skew))[0] for skew in (999, -5000, -5001)] == [0, 0, 10002]
        wrong = await code(X_BAPI_SIGN="wrong")
        assert wrong == (10004, f"error sign! origin_string[{NOW}{KEY}5000accountType=UNIFIED]")

    at_desk(act)


def test_post_is_signed_over_the_body_as_sent() -> None:
    async def act(desk: Desk) -> None:
        body = '{"category":  "linear", "symbol":"BTCUSDT"}'
        origin = f"{NOW}{KEY}5000{body}"
        headers = {
            "X-BAPI-API-KEY": KEY,
            "X-BAPI-TIMESTAMP": str(NOW),
            "X-BAPI-RECV-WINDOW": "5000",
            "X-BAPI-SIGN": by_secret(origin),
        }
        for text, code in ((body, 10001), (body + " ", 10004)):
            async with desk.client.post("/v5/order/create", data=text, headers=headers) as answer:
                assert (await answer.json())["retCode"] == code

    at_desk(act)


def test_rsa_key_signs_in_place_of_the_secret() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def sign(origin: str) -> str:
        return base64.b64encode(private.sign(origin.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()

    async def act(desk: Desk) -> None:
        assert (await desk.ask("GET", *WALLET))[1]["retCode"] == 0
        for wrong in (by_secret("x"), "%%", sign("other")):
            assert (await desk.ask("GET", *WALLET, X_BAPI_SIGN=wrong))[1]["retCode"] == 10004

    at_desk(act, secret=pem, sign=sign)


def test_get_with_a_body_is_forbidden_and_unknown_routes_are_not_found() -> None:
    async def act(desk: Desk) -> None:
        async with desk.client.get("/v5/market/time", json={"a": 1}) as answer:
            assert answer.status == 403
        for method, path in (
            ("GET", "/v5/nothing"),
            ("GET", "/v5/order/create"),
            ("POST", "/v5/order/realtime"),
            ("POST", "/v5/market/time"),
        ):
            status, body, _ = await desk.ask(method, path)
            assert (status, body["retCode"]) == (404, 10017)

    at_desk(act)


def test_address_is_kept_out_until_its_ban_is_over() -> None:
    async def act(desk: Desk) -> None:
        for _ in range(20):
            assert (await desk.ask("GET", "/v5/market/time"))[0] == 200
        for _ in range(2):
            status, body, _ = await desk.ask("GET", "/v5/market/time")
            assert (status, body) == (403, {"text": "access too frequent"})
        desk.clock[0] += 599_999
        assert (await desk.ask("GET", "/v5/market/time"))[0] == 403
        desk.clock[0] += 1
        assert (await desk.ask("GET", "/v5/market/time"))[0] == 200

    at_desk(act, limits=RestLimits(per_address=20))


def test_uid_may_ask_each_call_so_often_a_second_and_is_told_what_is_left() -> None:
    async def act(desk: Desk) -> None:
        path, params = "/v5/account/fee-rate", {"category": "linear"}
        for left in ("4", "3", "2", "1", "0"):
            _, body, headers = await desk.ask("GET", path, params)
            assert (body["retCode"], headers["X-Bapi-Limit"], headers["X-Bapi-Limit-Status"]) == (0, "5", left)
        status, body, headers = await desk.ask("GET", path, params)
        assert (status, body["retCode"], body["retMsg"]) == (200, 10006, "Too many visits! Exceeded the API Rate Limit.")
        assert headers["X-Bapi-Limit-Reset-Timestamp"] == str(NOW + 1000)
        assert (await desk.ask("GET", *WALLET))[2]["X-Bapi-Limit"] == "50"
        desk.clock[0] += 1000
        assert (await desk.ask("GET", path, params))[1]["retCode"] == 0

    at_desk(act)


def test_wrong_answers_come_in_bursts_of_one_call_or_of_all() -> None:
    async def act(desk: Desk) -> None:
        exchange = desk.exchange
        exchange.do(Fault(kind="rest", how="10006", topic=WALLET[0], times=2))
        exchange.do(Fault(kind="rest", how="10016", times=1))
        assert [(await desk.ask("GET", *WALLET))[1]["retCode"] for _ in range(4)] == [10006, 10006, 10016, 0]
        exchange.do(Fault(kind="rest", how="503", times=1))
        assert (await desk.ask("GET", *WALLET))[:2] == (503, {"text": "service unavailable"})
        clock = exchange.do(Fault(kind="clock", amount=60_000))
        _, body, _ = await desk.ask("GET", "/v5/market/time")
        assert (body["time"], body["result"]["timeSecond"]) == (NOW + 60_000, str((NOW + 60_000) // 1000))
        assert (await desk.ask("GET", *WALLET))[1]["retCode"] == 10002
        exchange.faults.lift(clock)
        exchange.do(Fault(kind="key", how="read_only"))
        assert (await desk.post("/v5/order/create", category="linear"))[0] == 10005
        assert (await desk.get("/v5/user/query-api"))["readOnly"] == 1

    at_desk(act)


LIMIT = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.010", "price": "50000"}
SPOT = {"category": "spot", "symbol": "ETHUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "3000"}


def test_order_goes_its_way_and_the_stream_tells_of_each_step() -> None:
    async def act(desk: Desk) -> None:
        code, ids = await desk.post("/v5/order/create", **LIMIT, orderLinkId="mine", takeProfit="90000")
        assert code == 0
        assert ids["orderLinkId"] == "mine"
        assert await desk.post("/v5/order/create", **LIMIT, orderLinkId="mine") == (110072, {"words": "OrderLinkedID is duplicate"})
        [row] = (await desk.get("/v5/order/realtime", category="linear", symbol="BTCUSDT"))["list"]
        assert (row["orderId"], row["orderStatus"], row["takeProfit"]) == (ids["orderId"], "New", "90000")
        path, name = "/v5/order/amend", {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "mine"}
        assert (await desk.post(path, **name, price="50000.55"))[0] == 110003
        assert (await desk.post(path, **name, price="50000"))[0] == 10001
        assert (await desk.post(path, **name, price="50001", qty="0.02"))[0] == 0
        assert await desk.post("/v5/order/cancel", **name) == (0, ids)
        assert await desk.post("/v5/order/cancel", **name) == (110001, {"words": "order not exists or too late to cancel"})
        assert (await desk.post(path, **name, price="50002"))[1] == {"words": "order not exists or too late to replace"}
        told = [(row["orderStatus"], row["price"], row["qty"]) for row in desk.heard("order")]
        assert told == [("New", "50000", "0.010"), ("New", "50001", "0.02"), ("Cancelled", "50001", "0.02")]
        assert [row["size"] for row in desk.heard("position")] == ["0", "0", "0"]
        [past] = (await desk.get("/v5/order/history", category="linear"))["list"]
        assert (past["orderId"], past["orderStatus"]) == (ids["orderId"], "Cancelled")

    at_desk(act)


def test_market_order_fills_at_once_and_a_limit_order_when_the_price_comes() -> None:
    async def act(desk: Desk) -> None:
        instrument = find("linear", "BTCUSDT")
        assert instrument is not None
        last = desk.exchange.price(instrument)
        code, ids = await desk.post("/v5/order/create", **{**LIMIT, "orderType": "Market", "price": None})
        assert code == 0
        [execution] = desk.heard("execution")
        assert (execution["orderId"], Decimal(execution["execPrice"]), execution["isMaker"]) == (ids["orderId"], last, False)
        assert (await desk.post("/v5/order/create", **LIMIT))[0] == 0
        desk.exchange.publish_private(desk.exchange.account.on_price(instrument, Decimal(49000), desk.exchange.now_ms()))
        [row] = (await desk.get("/v5/position/list", category="linear", symbol="BTCUSDT"))["list"]
        average = (last + 50000) / 2
        assert (row["size"], Decimal(row["avgPrice"])) == ("0.020", average)
        listed = (await desk.get("/v5/execution/list", category="linear"))["list"]
        assert [entry["execPrice"] for entry in listed] == ["50000", execution["execPrice"]]
        wallet = (await desk.get("/v5/account/wallet-balance", accountType="UNIFIED", coin="USDT"))["list"][0]["coin"]
        assert wallet == desk.heard("wallet")[-1]["coin"]

    at_desk(act)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"category": "moon"}, 10001, "params error: category invalid"),
        ({"symbol": "NOPE"}, 10001, "params error: symbol invalid"),
        ({"side": "buy"}, 10001, "params error: side invalid"),
        ({"orderType": "Stop"}, 10001, "params error: orderType invalid"),
        ({"qty": "0.0105"}, 10001, "Qty invalid"),
        ({"qty": "-1"}, 10001, "params error: qty invalid"),
        ({"qty": "NaN"}, 10001, "params error: qty invalid"),
        ({"price": "50000.05"}, 110003, "price is invalid"),
        ({"qty": "1000"}, 110007, "ab not enough for new order"),
        ({"positionIdx": 1}, 10001, "position idx not match position mode"),
        ({"reduceOnly": True}, 110017, "current position is zero, cannot fix reduce-only order qty"),
        ({"triggerPrice": "60000"}, 10001, "params error: triggerDirection invalid"),
        ({"timeInForce": "Soon"}, 10001, "params error: timeInForce invalid"),
        ({"category": "spot", "qty": "100", "price": "60000"}, 110007, "ab not enough for new order"),
        ({"category": "spot", "side": "Sell", "qty": "3"}, 110007, "ab not enough for new order"),
    ],
)
def test_bad_order_is_refused_and_nobody_hears_of_it(change: dict[str, Any], code: int, words: str) -> None:
    async def act(desk: Desk) -> None:
        assert await desk.post("/v5/order/create", **{**LIMIT, **change}) == (code, {"words": words})
        assert desk.frames == []
        assert desk.exchange.account.orders == {}

    at_desk(act)


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        ({"timeInForce": "PostOnly", "price": "70000"}, "Cancelled", "EC_PostOnlyWillTakeLiquidity"),
        ({"timeInForce": "IOC"}, "Cancelled", "EC_NoImmediateQtyToFill"),
        ({"timeInForce": "PostOnly"}, "New", "EC_NoError"),
        ({"timeInForce": "FOK", "price": "70000"}, "Filled", "EC_NoError"),
        ({"triggerPrice": "60000", "triggerDirection": 2}, "Untriggered", "EC_NoError"),
    ],
)
def test_order_may_be_over_before_it_began(given: dict[str, Any], status: str, reason: str) -> None:
    async def act(desk: Desk) -> None:
        assert (await desk.post("/v5/order/create", **{**LIMIT, **given}))[0] == 0
        row = desk.heard("order")[-1]
        assert (row["orderStatus"], row["rejectReason"]) == (status, reason)

    at_desk(act)


def test_hedge_mode_keeps_two_sides_and_is_left_only_when_both_are_flat() -> None:
    async def act(desk: Desk) -> None:
        mode = {"category": "linear", "symbol": "BTCUSDT"}
        path, market = "/v5/position/switch-mode", {**LIMIT, "orderType": "Market"}
        assert (await desk.post(path, **mode, mode=0))[0] == 110025
        assert (await desk.post(path, **mode, mode=3))[0] == 0
        assert (await desk.post("/v5/order/create", **market))[0] == 10001
        assert (await desk.post("/v5/order/create", **market, positionIdx=1))[0] == 0
        rows = (await desk.get("/v5/position/list", **mode))["list"]
        assert [(row["positionIdx"], row["side"], row["size"]) for row in rows] == [(1, "Buy", "0.010"), (2, "", "0")]
        assert [
            row["positionIdx"] for row in (await desk.get("/v5/position/list", category="linear", settleCoin="USDT"))["list"]
        ] == [1]
        assert (await desk.post(path, **mode, mode=0))[0] == 110024
        assert (await desk.post("/v5/order/create", **{**market, "side": "Sell"}, positionIdx=1, reduceOnly=True))[0] == 0
        assert (await desk.post("/v5/order/create", **LIMIT, positionIdx=1))[0] == 0
        assert (await desk.post(path, **mode, mode=0))[0] == 110028
        assert (await desk.post("/v5/order/cancel-all", category="linear"))[0] == 10001
        code, gone = await desk.post("/v5/order/cancel-all", category="linear", settleCoin="USDT")
        assert (code, len(gone["list"])) == (0, 1)
        assert (await desk.post(path, **mode, mode=0))[0] == 0

    at_desk(act)


def test_leverage_moves_the_margin_that_is_bound() -> None:
    async def act(desk: Desk) -> None:
        await desk.post("/v5/order/create", **LIMIT)
        wish = {"category": "linear", "symbol": "BTCUSDT", "buyLeverage": "5", "sellLeverage": "5"}
        assert (await desk.post("/v5/position/set-leverage", **wish))[0] == 0
        assert (await desk.post("/v5/position/set-leverage", **wish))[0] == 110043
        assert (await desk.post("/v5/position/set-leverage", **{**wish, "buyLeverage": "101"}))[0] == 10001
        assert desk.heard("position")[-1]["leverage"] == "5"
        assert [row["coin"][0]["totalOrderIM"] for row in desk.heard("wallet")] == ["50", "100"]

    at_desk(act)


def test_spot_locks_coins_and_a_market_bid_names_quote_coin() -> None:
    async def act(desk: Desk) -> None:
        await desk.post("/v5/order/create", **SPOT)
        assert [(row["coin"], row["locked"]) for row in desk.heard("wallet")[-1]["coin"]] == [("USDT", "3000")]
        bid = {"category": "spot", "symbol": "ETHUSDT", "side": "Buy", "orderType": "Market", "qty": "1000"}
        assert (await desk.post("/v5/order/create", **bid))[0] == 0
        [execution] = desk.heard("execution")
        assert 999 < Decimal(execution["execValue"]) <= 1000
        assert (await desk.post("/v5/order/create", **bid, marketUnit="baseCoin"))[0] == 110007

    at_desk(act)


def test_history_lags_and_forgets_what_was_never_filled_after_a_day() -> None:
    async def act(desk: Desk) -> None:
        _, ids = await desk.post("/v5/order/create", **LIMIT)
        await desk.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=ids["orderId"])

        async def known() -> int:
            return len((await desk.get("/v5/order/history", category="linear"))["list"])

        counts = [await known()]
        for later in (500, 86_400_000 - 1000, 1000):
            desk.clock[0] += later
            counts.append(await known())
        assert counts == [0, 1, 1, 0]

    at_desk(act, history_lag_s=0.5)


def test_pages_of_executions_stand_still_while_new_ones_come_in() -> None:
    async def act(desk: Desk) -> None:
        market = {**LIMIT, "orderType": "Market", "qty": "0.001"}
        for _ in range(7):
            await desk.post("/v5/order/create", **market)
        seen: list[str] = []
        cursor = ""
        while True:
            answer = await desk.get("/v5/execution/list", category="linear", limit=3, cursor=cursor)
            seen += [row["execId"] for row in answer["list"]]
            cursor = urllib.parse.unquote(answer["nextPageCursor"])
            if not cursor:
                break
            await desk.post("/v5/order/create", **market)
        assert len(seen) == len(set(seen)) == 7
        desk.clock[0] += 1000
        week, now = 7 * 86_400_000, desk.clock[0]
        _, body, _ = await desk.ask(
            "GET", "/v5/execution/list", {"category": "linear", "startTime": now - week - 1, "endTime": now}
        )
        assert body["retCode"] == 10001
        assert len((await desk.get("/v5/execution/list", category="linear", startTime=now - week, endTime=now))["list"]) == 9

    at_desk(act)


def test_spread_trading_is_listed_with_its_legs() -> None:
    async def act(desk: Desk) -> None:
        account, of = desk.exchange.account, find("spread", "BTCUSDT-25DEC26_BTCUSDT")
        assert of is not None
        for quantity in ("0.01", "0.02"):
            spreads.place(account, of, side="Buy", price=Decimal(890), quantity=Decimal(quantity), now_ms=NOW)
        first, second = account.spread_orders.values()
        spreads.fill(account, first, now_ms=NOW)
        [waiting] = (await desk.get("/v5/spread/order/realtime", symbol=of.symbol))["list"]
        assert (waiting["orderId"], waiting["orderStatus"], waiting["qty"]) == (second.order_id, "New", "0.02")
        [past] = (await desk.get("/v5/spread/order/history", orderId=first.order_id))["list"]
        assert past["orderStatus"] == "Filled"
        [execution] = (await desk.get("/v5/spread/execution/list"))["list"]
        assert set(execution) == {
            "symbol", "orderLinkId", "side", "orderId", "execPrice", "legs", "execTime", "execType", "execQty", "execId",
        }  # fmt: skip
        assert set(execution["legs"][0]) == {
            "symbol", "side", "execPrice", "execTime", "execValue", "execType", "category", "execQty", "execFee", "execId",
        }  # fmt: skip
        assert Decimal(execution["legs"][0]["execPrice"]) - Decimal(execution["legs"][1]["execPrice"]) == 890
        listed = (await desk.get("/v5/execution/list", category="linear", execType="FutureSpread"))["list"]
        assert {row["execId"] for row in listed} == {leg["execId"] for leg in execution["legs"]}
        assert (await desk.ask("GET", "/v5/spread/execution/list"))[1]["retMsg"] == "Success"

    at_desk(act)


def test_account_and_key_are_described() -> None:
    async def act(desk: Desk) -> None:
        info = await desk.get("/v5/account/info")
        assert (info["marginMode"], info["unifiedMarginStatus"]) == ("REGULAR_MARGIN", 6)
        desk.exchange.account.margin_mode = "PORTFOLIO_MARGIN"
        assert (await desk.get("/v5/account/info"))["marginMode"] == "PORTFOLIO_MARGIN"
        rates = (await desk.get("/v5/account/fee-rate", category="linear", symbol="BTCUSDT"))["list"]
        assert rates == [{"symbol": "BTCUSDT", "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}]
        assert (await desk.get("/v5/user/query-api"))["uta"] == 1
        option = {"category": "option", "symbol": "BTC-25DEC26-70000-C-USDT", "side": "Buy", "orderType": "Market", "qty": "0.1"}
        assert (await desk.get("/v5/asset/coin-greeks"))["list"] == []
        assert (await desk.post("/v5/order/create", **option))[0] == 0
        assert (await desk.get("/v5/asset/coin-greeks", baseCoin="BTC"))["list"] == desk.heard("greeks")
        _, _, headers = await desk.ask("GET", *WALLET)
        assert (headers["Timenow"], len(headers["Traceid"])) == (str(desk.clock[0]), 32)

    at_desk(act)


@pytest.mark.parametrize(
    ("how", "status", "code"), [("10006", 200, 10006), ("10016", 200, 10016), ("503", 503, None), ("not_json", 200, None)]
)
def test_standing_fault_of_the_exchange_counts_for_rest_too(how: str, status: int, code: int | None) -> None:
    async def act(desk: Desk) -> None:
        desk.exchange.do(Fault(kind="rest", how=how, times=1))
        found, body, headers = await desk.ask("GET", *WALLET)
        assert (found, body.get("retCode")) == (status, code)
        assert ("X-Bapi-Limit-Reset-Timestamp" in headers) == (code == 10006)
        assert (await desk.ask("GET", *WALLET))[1]["retCode"] == 0

    at_desk(act)
