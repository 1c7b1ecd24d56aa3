"""Plain clients of the simulated exchange, which share no code with the gateway: a WebSocket, and a signed call over REST."""

import hashlib
import hmac
import json
import time
from typing import Any

import urllib3
import websocket

from simulator.dialect import DIALECTS
from simulator.remote import RunningSimulator

KEY, SECRET = RunningSimulator.api_key, RunningSimulator.api_secret
PING, PING_ID = '{"op":"ping"}', '{"req_id":"100001","op":"ping"}'


class Client:
    """One line to an endpoint, in texts as they are on the wire or in what they mean.

    ws     the socket itself
    texts  all that `hear` received
    """

    def __init__(self, exchange: RunningSimulator, endpoint: str) -> None:
        self.ws = websocket.create_connection(exchange.ws_url + DIALECTS[endpoint].path, timeout=5)
        self.texts: list[str] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.ws.close()

    def answer(self, text: str) -> str:
        """The text that comes next."""
        self.ws.send(text)
        return str(self.ws.recv())

    def subscribe(self, *topics: str) -> str:
        """The text that comes next."""
        return self.answer(json.dumps({"op": "subscribe", "args": topics}))

    def say(self, **message: Any) -> None:
        self.ws.send(json.dumps(message))

    def hear(self) -> dict[str, Any]:
        text = self.ws.recv()
        self.texts.append(text)
        return dict(json.loads(text))

    def ask(self, **message: Any) -> dict[str, Any]:
        """The answer, which comes before or after pushes."""
        self.say(**message)
        while "topic" in (answer := self.hear()):
            pass
        return answer

    def frames(self, topic: str, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < count:
            frame = self.hear()
            if frame.get("topic") == topic:
                found.append(frame)
        return found

    def login(
        self, *, key: str = KEY, secret: str = SECRET, ahead_ms: int = 5_000, form: type[int] | type[str] = int
    ) -> dict[str, Any]:
        """The answer to a login that expires so much later, which is said as a number or as a text."""
        expires = form(int(time.time() * 1000) + ahead_ms)
        return self.ask(op="auth", args=[key, expires, _signature(f"GET/realtime{expires}", secret)])


def signed(exchange: RunningSimulator, path: str, query: str = "", *, secret: str = SECRET, skew_ms: int = 0) -> dict[str, Any]:
    """The answer to a call over REST by a client whose clock is so much ahead."""
    stamp = str(int(time.time() * 1000) + skew_ms)
    headers = {
        "X-BAPI-API-KEY": KEY,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": _signature(f"{stamp}{KEY}5000{query}", secret),
    }
    return dict(urllib3.request("GET", f"{exchange.rest_url}{path}{query and '?'}{query}", headers=headers).json())


def _signature(text: str, secret: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
