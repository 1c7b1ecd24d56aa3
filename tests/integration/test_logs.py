"""What the logs say: how a REST call, its row, the request on the wire, the events it brought and their publication hang together."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from running import KEY, Consumer, RunningGateway, consuming, healthy_gateway, wait_for

from simulator import remote
from simulator.remote import RunningSimulator

TOPIC = "publicTrade.BTCUSDT"


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, steps_per_s=5)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def talkative(
    tmp_path_factory: pytest.TempPathFactory,
    new_empty_database: Callable[[], str],
    new_broker: Callable[[], str],
    exchange: RunningSimulator,
) -> Iterator[RunningGateway]:
    """It logs all it can."""
    folder = tmp_path_factory.mktemp("gateway")
    with healthy_gateway(folder, new_empty_database(), new_broker(), exchange, WS_GATEWAY_LOG_LEVEL="DEBUG") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def reader(talkative: RunningGateway) -> Iterator[Consumer]:
    with consuming(talkative.broker_url) as consumer:
        yield consumer


def lines(gateway: RunningGateway, name: str, *words: str, trace_id: str | None = None) -> list[dict[str, Any]]:
    """Of a process's log so far, those whose message has all these words. The last one may not be whole yet."""
    whole = gateway.log(name).rpartition("\n")[0].splitlines()
    found = [json.loads(line) for line in whole]
    return [
        line
        for line in found
        if all(word in line["message"] for word in words) and trace_id in (None, line.get("trace_id"))
    ]  # fmt: skip


def line(gateway: RunningGateway, name: str, *words: str, trace_id: str | None = None) -> dict[str, Any]:
    """The first such line, as soon as it is there."""
    found = wait_for(lambda: lines(gateway, name, *words, trace_id=trace_id), f"a line of {name} with {words}, {trace_id}")
    return dict(found[0])


def fields(message: str) -> dict[str, str]:
    """The `key=value` of a message."""
    return dict(word.split("=", 1) for word in message.split(" ") if "=" in word)


def call(gateway: RunningGateway, method: str, path: str, trace_id: str, body: Any = None) -> dict[str, Any]:
    headers = {"X-API-Key": KEY, "X-Trace-Id": trace_id, "Content-Type": "application/json"}
    answer = urllib3.request(method, f"http://127.0.0.1:{gateway.port}{path}", json=body, headers=headers, timeout=10.0)
    assert answer.headers["X-Trace-Id"] == trace_id
    assert answer.status in (200, 201, 202), answer.data
    return dict(answer.json())


def subscribe(gateway: RunningGateway, trace_id: str, service: str, **wish: Any) -> dict[str, Any]:
    return call(gateway, "POST", "/api/v1/subscriptions", trace_id, {"requesting_service": service, **wish})


TRADES = {"channel_type": "trades", "symbol": "BTCUSDT", "category": "linear"}


def test_a_call_its_row_the_request_on_the_wire_its_events_and_their_publication_hang_together(
    talkative: RunningGateway, reader: Consumer
) -> None:
    row = subscribe(talkative, "call-one", "first", **TRADES)
    assert row["trace_id"] == "call-one"
    made = line(talkative, "api_00", "api subscribed service=first", trace_id="call-one")
    assert made["level"] == "INFO"
    assert {"category": "linear", "category_source": "given", "id": row["id"]}.items() <= fields(made["message"]).items()

    held = line(talkative, "linear_00", "subscribed topic=", trace_id="call-one")
    said = fields(held["message"])
    assert (held["level"], said["topic"], said["calls"]) == ("INFO", TOPIC, "call-one")
    sent = line(talkative, "linear_00", " > ", f'"req_id":"{said["req_id"]}"')
    assert json.loads(sent["message"].partition(" > ")[2])["args"] == [TOPIC]

    [event, *_] = reader.take_until(row["queue"], bool)
    assert (event["topic"], event["epoch"]) == (TOPIC, said["epoch"])
    assert event["trace_id"].startswith(said["epoch"])
    frame = line(talkative, "linear_00", " < ", trace_id=event["trace_id"])
    assert json.loads(frame["message"].partition(" < ")[2])["topic"] == TOPIC
    published = line(talkative, "router_00", "broker published", f"event_id={event['event_id']}", trace_id=event["trace_id"])
    assert fields(published["message"])["routing_key"] == "trade.linear.BTCUSDT.-"
    assert {line["level"] for line in (sent, frame, published)} == {"DEBUG"}


def test_the_subscribed_line_names_all_calls_behind_a_topic_and_a_resync_the_call_that_asked_for_it(
    talkative: RunningGateway,
) -> None:
    wish = {"channel_type": "ticker", "symbol": "BTCUSDT", "category": "spot"}
    one = subscribe(talkative, "call-a", "one", **wish)
    talkative.wait_until_held(one["id"])
    two = subscribe(talkative, "call-b", "two", **wish)
    joined = line(talkative, "spot_00", "subscribed topic=tickers.BTCUSDT", "req_id=none calls=call-b", trace_id="call-b")
    assert "reason=held already" in joined["message"]
    began = time.monotonic()
    talkative.wait_until_held(two["id"])
    assert time.monotonic() - began < 2.5, "the topic is live, and so is who joins it"
    assert call(talkative, "POST", f"/api/v1/subscriptions/{one['id']}/resync", "call-c")["trace_id"] == "call-c"
    again = line(talkative, "spot_00", "subscribed topic=tickers.BTCUSDT", "calls=call-c,call-b")
    assert fields(again["message"])["req_id"] > fields(line(talkative, "spot_00", "calls=call-a")["message"])["req_id"]
    assert line(talkative, "spot_00", "unsubscribed topic=tickers.BTCUSDT")["level"] == "INFO"
    call(talkative, "DELETE", "/api/v1/subscriptions/by-service/two", "call-d")
    assert line(talkative, "api_00", "api cancelled service=two count=1", trace_id="call-d")["level"] == "INFO"


def test_a_refusal_is_a_line_with_the_exchanges_own_words(talkative: RunningGateway) -> None:
    raw = {"channel_type": "raw", "topic": "nonsense.BTCUSDT", "category": "linear"}
    subscribe(talkative, "call-bad", "first", **raw)
    refused = line(talkative, "linear_00", "refused topic=nonsense.BTCUSDT", trace_id="call-bad")
    assert "reason=" in refused["message"]


def test_connections_are_told_of_and_each_position_is_a_line_for_whoever_looks_closely(
    talkative: RunningGateway, exchange: RunningSimulator, reader: Consumer
) -> None:
    row = subscribe(talkative, "call-position", "first", channel_type="position")
    talkative.wait_until_held(row["id"])
    opened = line(talkative, "private_00", "connection_open number=1 url=ws://")
    assert (opened["level"], line(talkative, "private_00", "session_online")["level"]) == ("INFO", "INFO")
    assert lines(talkative, "router_00", "broker sink_open")
    [placed, *_] = exchange.account("place", side="Buy")
    exchange.account("fill", order_id=placed["data"][0]["orderId"])
    [event, *_] = reader.take_until(row["queue"], bool)
    told = line(talkative, "private_00", "told event_type=position", trace_id=event["trace_id"])
    assert told["level"] == "DEBUG"
    assert {"symbol": "BTCUSDT", "mode": "0", "topic": "position"}.items() <= fields(told["message"]).items()


def test_each_call_is_a_line_for_whoever_looks_closely(talkative: RunningGateway) -> None:
    call(talkative, "GET", "/api/v1/subscriptions", "call-look")
    answered = line(talkative, "api_00", "api answered method=GET path=/api/v1/subscriptions", trace_id="call-look")
    assert (answered["level"], fields(answered["message"])["status"]) == ("DEBUG", "200")
