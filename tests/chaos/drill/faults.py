"""What is done to a stage so that one alert fires, where the suite of faults does not do it. Each waits for the harm to be over."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pika
import urllib3

from tests.chaos import faults
from tests.chaos.stage import SERVICE, Stage
from tests.integration.running import KEY

#: Who subscribes in vain.
NOBODY = "nobody"
#: Within this somebody who reads has read all, and the router has seen it; seconds.
READ_S = 6.0
#: Between two questions to the control API; seconds.
ASKED_EVERY_S = 0.2
#: What anybody asks it.
ASKED = "/api/v1/balances"


def api_stopped(stage: Stage, *, seconds: float) -> None:
    """An operator stops the control API."""
    with stage.trouble():
        stage.gateway.control("stop", "api:*")
        stage.pass_time(seconds)
    stage.gateway.control("start", "api:*")
    stage.gateway.wait_until_healthy(faults.RESTORED_S)


def exchange_wrong(stage: Stage, *, wrongs: tuple[dict[str, Any], ...], cut: tuple[str, ...] = (), seconds: float) -> None:
    """The exchange has these faults for so long; the connections of `cut` are ended first, so that they meet them."""
    with stage.trouble():
        numbers = [stage.simulator.fault(**wrong) for wrong in wrongs]
        for endpoint in cut:
            stage.simulator.cut(endpoint, "abort")
        stage.pass_time(seconds)
        for number in numbers:
            stage.simulator.lift(number)


def topic_refused(stage: Stage, *, seconds: float) -> None:
    """Somebody wants what the exchange does not take, and gives it up."""
    with stage.trouble():
        refusal = stage.simulator.fault("refuse_topic", endpoint="linear", topic="tickers.SOLUSDT")
        row = stage.gateway.subscribe("ticker", service=SERVICE, symbol="SOLUSDT", category="linear")
        stage.pass_time(seconds)
        stage.gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")
        stage.simulator.lift(refusal)


def pushed(stage: Stage, *, endpoint: str, frames: Callable[[], tuple[str, ...]]) -> None:
    """The exchange pushes these texts."""
    with stage.trouble():
        for text in frames():
            assert stage.simulator.send(endpoint, text) == 1


def new_field() -> tuple[str, ...]:
    """A trade with a key that no table knows."""
    now_ms = time.time_ns() // 1_000_000
    trade = {"i": f"drill-{now_ms}", "T": now_ms, "p": "1", "v": "1", "S": "Buy", "s": "BTCUSDT", "BT": False, "brandNew": 1}
    return (json.dumps({"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": now_ms, "data": [trade]}),)


def no_json() -> tuple[str, ...]:
    return ("<html>502 Bad Gateway</html>",)


def negative_balance() -> tuple[str, ...]:
    return (_wallet("-1"),)


def balance_in_words() -> tuple[str, ...]:
    return (_wallet("a lot"),)


def _wallet(balance: str) -> str:
    now_ms = time.time_ns() // 1_000_000
    row = {"accountType": "UNIFIED", "totalEquity": "1", "coin": [{"coin": "ABC", "walletBalance": balance, "equity": "1"}]}
    return json.dumps({"id": f"drill-{now_ms}", "topic": "wallet", "creationTime": now_ms, "data": [row]})


def while_asked(stage: Stage, *, act: Callable[..., None], **given: Any) -> None:
    """Another fault, while somebody asks the control API again and again."""
    with _asking(f"http://127.0.0.1:{stage.gateway.port}{ASKED}"):
        act(stage, **given)


@contextmanager
def _asking(url: str) -> Iterator[None]:
    over, http = threading.Event(), urllib3.PoolManager(timeout=10.0, retries=False)

    def ask() -> None:
        while not over.wait(ASKED_EVERY_S):
            with suppress(urllib3.exceptions.HTTPError):  # no answer is one, too
                http.request("GET", url, headers={"X-API-Key": KEY})

    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    try:
        yield
    finally:
        over.set()
        asker.join(20.0)


def during_a_burst(stage: Stage, *, times: float, burst_s: float, act: Callable[..., None], **given: Any) -> None:
    """Another fault, while the market trades so many times as much for so long."""
    stage.simulator.fault("rate", amount=times, seconds=burst_s)
    act(stage, **given)


def nobody_listens_to_the_gateway(stage: Stage) -> None:
    """Nobody subscribes to what the gateway tells of itself, and a connection is cut, of which it tells."""
    query = f"requesting_service={SERVICE}&channel_type=system"
    for row in stage.gateway.call("GET", f"/api/v1/subscriptions?{query}")[1]["subscriptions"]:
        stage.gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")
    faults.exchange_cut(stage, hows=("abort",), times=1)


def queue_unread(stage: Stage, *, seconds: float) -> None:
    """A service subscribes and does not read for so long; then it reads all, and leaves."""
    with stage.trouble():
        row = stage.gateway.subscribe("trades", service=NOBODY, symbol="BTCUSDT", category="linear")
        stage.pass_time(seconds)
    with pika.BlockingConnection(pika.URLParameters(stage.broker.url_of(stage.host))) as connection:
        connection.channel().basic_consume(row["queue"], lambda *_: None, auto_ack=True)
        stage.until(lambda: connection.process_data_events(time_limit=0.1), READ_S)
        stage.gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")
        stage.until(lambda: connection.process_data_events(time_limit=0.1), READ_S)
