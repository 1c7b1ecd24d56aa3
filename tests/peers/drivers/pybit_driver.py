"""pybit, unmodified: its addresses are replaced, everything else goes through its own methods and options.

Job: ws_url, rest_url, api_key, api_secret, and topics as [endpoint, topic].
Question {}: what it has built. Question {call, given}: the answer of a method of its REST client.
"""

from threading import Lock
from typing import Any

from pybit import _v5_spread, unified_trading
from pybit.exceptions import FailedRequestError, InvalidRequestError
from talk import hear, say

#: Private topic → the method that subscribes it.
PRIVATE = {
    "order": "order_stream",
    "execution": "execution_stream",
    "execution.fast": "fast_execution_stream",
    "position": "position_stream",
    "wallet": "wallet_stream",
    "greeks": "greek_stream",
    "spread.order": "spread_order_stream",
    "spread.execution": "spread_execution_stream",
}


class Streams:
    """One pybit WebSocket an endpoint, and what its callbacks were given.

    pybit writes a subscription down after it has sent it, and an answer that is quicker than that kills its reading thread.
    So the reading side enters through `callback_function`, an option of pybit, under a lock that is held while subscribing.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self._keys = {"api_key": job["api_key"], "api_secret": job["api_secret"]}
        self._lock = Lock()
        self._streams: dict[str, Any] = {}
        self._state: dict[str, dict[str, Any]] = {"books": {}, "trades": {}, "tickers": {}, "klines": {}, "rows": {}}

    def subscribe(self, endpoint: str, topic: str) -> None:
        stream = self._streams.get(endpoint) or self._connect(endpoint)
        family, _, rest = topic.partition(".")
        variant, _, symbol = rest.partition(".")
        with self._lock:
            if endpoint == "private":
                getattr(stream, PRIVATE[topic])(self._rows)
            elif endpoint == "misc/status":
                stream.system_status_stream(self._rows)
            elif endpoint == "spread":  # its class has this method only
                stream.subscribe(topic, self._taking(endpoint, family), [""])
            elif family == "orderbook":
                stream.orderbook_stream(int(variant), symbol, self._taking(endpoint, family))
            elif family == "kline":
                stream.kline_stream(variant, symbol, self._taking(endpoint, family))
            elif family == "tickers":
                stream.ticker_stream(rest, self._taking(endpoint, family))
            else:
                stream.trade_stream(rest, self._taking(endpoint, family))

    def state(self) -> dict[str, dict[str, Any]]:
        with self._lock:
            return {kind: dict(found) for kind, found in self._state.items()}

    def _connect(self, endpoint: str) -> Any:
        def receive(message: dict[str, Any]) -> None:
            with self._lock:
                self._streams[endpoint]._handle_incoming_message(message)

        with self._lock:
            if endpoint == "spread":
                stream = unified_trading._V5WebSocketSpreadTrading(testnet=False, callback_function=receive)
            else:
                stream = unified_trading.WebSocket(endpoint, testnet=False, callback_function=receive, **self._keys)
            self._streams[endpoint] = stream
        return stream

    def _taking(self, endpoint: str, family: str) -> Any:
        take = {"orderbook": self._book, "publicTrade": self._trades, "tickers": self._ticker, "kline": self._kline}[family]
        return lambda message: take(f"{endpoint} {message['topic']}", message["data"])

    def _book(self, key: str, data: dict[str, Any]) -> None:
        """pybit hands out its whole book, with new levels at the end."""
        self._state["books"][key] = {"bids": dict(data["b"]), "asks": dict(data["a"]), "update_id": data["u"], "seq": data["seq"]}

    def _trades(self, key: str, data: list[dict[str, Any]]) -> None:
        rows = [[row["i"], row["p"], row["v"], row["S"], row["T"]] for row in data]
        self._state["trades"].setdefault(key, []).extend(rows)

    def _ticker(self, key: str, data: dict[str, Any]) -> None:
        """pybit hands out the merged ticker."""
        self._state["tickers"][key] = dict(data)

    def _kline(self, key: str, data: list[dict[str, Any]]) -> None:
        self._state["klines"][key] = data[-1]

    def _rows(self, message: dict[str, Any]) -> None:
        self._state["rows"].setdefault(message["topic"], []).extend(message["data"])


def called(http: unified_trading.HTTP, method: str, given: dict[str, Any]) -> dict[str, Any]:
    """What a method answered, or pybit's exception: its kind, the exchange's code or HTTP's, and the words."""
    try:
        return {"answer": getattr(http, method)(**given)}
    except (InvalidRequestError, FailedRequestError) as fault:
        return {"fault": type(fault).__name__, "code": fault.status_code, "words": fault.message}


def main() -> None:
    job = hear()
    assert job is not None
    unified_trading.PUBLIC_WSS = job["ws_url"] + "/v5/public/{CHANNEL_TYPE}"
    unified_trading.PRIVATE_WSS = job["ws_url"] + "/v5/private"
    _v5_spread.PUBLIC_WSS = job["ws_url"] + "/v5/public/spread"
    http = unified_trading.HTTP(api_key=job["api_key"], api_secret=job["api_secret"])
    http.endpoint = job["rest_url"]
    streams = Streams(job)
    for endpoint, topic in job["topics"]:
        streams.subscribe(endpoint, topic)
    while (question := hear()) is not None:
        say(called(http, question["call"], question["given"]) if "call" in question else streams.state())


main()
