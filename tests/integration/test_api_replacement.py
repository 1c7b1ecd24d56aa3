"""All subscriptions of a service, replaced by others: all or nothing, tried without effect, and whatever races."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from asking import BASE, HEADERS, WISH, ask, assert_error, call, make_client, subscribe
from flask.testing import FlaskClient
from running import Consumer

from gateway.database import db, store
from gateway.servers.server import free_ports
from gateway.wire import TopicReport

MINE = f"{BASE}/by-service/tester"
TRADES = {"channel_type": "trades", "symbol": "BTCUSDT", "category": "linear"}
BOOK = {"channel_type": "orderbook", "symbol": "BTCUSDT", "category": "linear"}
CANDLES = {"channel_type": "kline", "symbol": "BTCUSDT", "category": "linear"}
ORDERS: dict[str, Any] = {"channel_type": "order"}


def put(client: FlaskClient, *wishes: dict[str, Any], query: str = "") -> tuple[int, Any]:
    return call(client, "PUT", MINE + query, json={"subscriptions": list(wishes)})


def active(client: FlaskClient, service: str = "tester") -> list[dict[str, Any]]:
    return list(call(client, "GET", f"{BASE}?requesting_service={service}&is_active=true")[1]["subscriptions"])


def topics(rows: list[dict[str, Any]]) -> list[str]:
    return [row["topic"] for row in rows]


def test_a_service_holds_what_was_put_and_nothing_else_and_each_row_says_what_became_of_it(
    client: FlaskClient, consumer: Consumer, connection: db.Connection
) -> None:
    kept, gone = subscribe(client), subscribe(client, symbol="ETHUSDT")
    other = subscribe(client, requesting_service="other")
    status, answer = put(client, BOOK, TRADES, {**CANDLES, "requesting_service": "tester"})
    assert (status, list(answer)) == (200, ["added", "removed", "unchanged"])
    assert topics(answer["added"]) == ["orderbook.50.BTCUSDT", "kline.1.BTCUSDT"]
    assert [(row["id"], row["state"], row["is_active"]) for row in answer["removed"]] == [(gone["id"], "cancelled", False)]
    assert answer["unchanged"] == [kept]
    assert all(list(row) == list(kept) for rows in answer.values() for row in rows)
    assert active(client) == [kept, *answer["added"]]
    assert [(row["queue_state"], consumer.exists(row["queue"])) for row in answer["added"]] == [("ready", True)] * 2
    bindings = {binding for entry in store.service_queues(connection, kept["queue"]) for binding in entry.bindings}
    assert bindings == {"trade.linear.BTCUSDT.-"}
    assert active(client, "other") == [other]
    assert put(client, BOOK, TRADES, CANDLES)[1]["unchanged"] == [*answer["added"][:1], kept, *answer["added"][1:]]
    assert topics(put(client)[1]["removed"]) == ["publicTrade.BTCUSDT", "orderbook.50.BTCUSDT", "kline.1.BTCUSDT"]
    assert not any(consumer.exists(row["queue"]) for row in (kept, *answer["added"]))


def test_a_dry_run_answers_the_same_and_changes_nothing(client: FlaskClient, consumer: Consumer) -> None:
    held = [subscribe(client, ttl_seconds=60), subscribe(client, symbol="ETHUSDT")]
    status, tried = put(client, BOOK, {**TRADES, "ttl_seconds": 600}, query="?dry_run=true")
    assert status == 200
    assert active(client) == held
    assert not consumer.exists(tried["added"][0]["queue"])
    done = put(client, BOOK, {**TRADES, "ttl_seconds": 600})[1]
    own = ("id", "created_at", "updated_at", "expires_at", "trace_id")
    for name, rows in tried.items():
        assert [{**row, **dict.fromkeys(own)} for row in rows] == [{**row, **dict.fromkeys(own)} for row in done[name]]
    assert_error(put(client, query="?dry_run=maybe"), 400, "INVALID_REQUEST", "dry_run: found 'maybe'")


@pytest.mark.parametrize(
    ("wish", "status", "code", "words"),
    [
        ({**TRADES, "channel_type": "moon"}, 400, "INVALID_CHANNEL_TYPE", "subscriptions.1: found channel_type 'moon'"),
        ({**TRADES, "requesting_service": "other"}, 400, "INVALID_REQUEST",
         "subscriptions.1: found requesting_service 'other'; expected 'tester'"),
        ({**TRADES, "colour": "red"}, 400, "INVALID_REQUEST", "the field subscriptions.1.colour is unknown"),
        ({**TRADES, "depth": "50"}, 400, "INVALID_REQUEST", "subscriptions.1.depth: found '50'"),
        ({**TRADES, "ttl_seconds": 9}, 400, "INVALID_REQUEST", "subscriptions.1: found ttl_seconds 9; expected 10 to 604800"),
        ({**TRADES, "delivery": "pigeon"}, 400, "INVALID_REQUEST", "subscriptions.1: found delivery 'pigeon'; expected one of single, batch"),
        ({**BOOK, "symbol": "ETHUSDT", "delivery": "batch"}, 409, "CONFLICT",
         "subscriptions.1: found delivery 'batch' after 'single' for ws-gateway.orderbook.tester; expected one delivery"),
        ({**TRADES, "symbol": "a\0b"}, 400, "INVALID_REQUEST", "found a NUL character in the body"),
        ({"channel_type": "order", "topic": "order.linear"}, 409, "CONFLICT",
         "subscriptions.1: found topic 'order.linear' while 'order' is held"),
        ("trades", 400, "INVALID_REQUEST", "subscriptions.1: found 'trades'"),
    ],
)  # fmt: skip
def test_one_bad_element_is_named_and_nothing_has_changed(
    client: FlaskClient, wish: Any, status: int, code: str, words: str
) -> None:
    subscribe(client)
    ask(client, "order")
    held = active(client)
    answer = put(client, {**BOOK, "depth": 200}, wish, ORDERS)
    assert_error(answer, status, code, words)
    assert active(client) == held
    assert call(client, "GET", BASE)[1]["total"] == 2


@pytest.mark.parametrize("body", [{}, {"subscriptions": None}, {"subscriptions": {}}, {"subscriptions": [TRADES], "more": 1}])
def test_a_body_that_is_no_list_of_wishes_is_one_sentence(client: FlaskClient, body: dict[str, Any]) -> None:
    assert_error(call(client, "PUT", MINE, json=body), 400, "INVALID_REQUEST", "subscriptions" if "more" not in body else "more")


def test_as_many_wishes_as_anybody_may_have_are_taken_at_once(client: FlaskClient) -> None:
    full = {**BOOK, "depth": 50, "snapshot_seconds": 60.5, "ttl_seconds": 600, "delivery": "single"}
    wishes = [{**full, "symbol": f"MADEUPNAME{number}USDT"} for number in range(1000)]
    assert [len(rows) for rows in put(client, *wishes)[1].values()] == [1000, 0, 0]
    assert [len(rows) for rows in put(client, *wishes[:-1])[1].values()] == [0, 1, 999]


def test_more_wishes_than_anybody_has_are_refused(client: FlaskClient) -> None:
    assert_error(put(client, *[{"channel_type": "order"}] * 1001), 400, "INVALID_REQUEST", "at most 1000 items")


def test_two_that_are_the_same_are_one_and_the_later_counts(client: FlaskClient) -> None:
    answer = put(client, {**BOOK, "snapshot_seconds": 5}, TRADES, {**BOOK, "depth": 50, "snapshot_seconds": 60})[1]
    assert [(row["channel_type"], row["snapshot_seconds"]) for row in answer["added"]] == [("orderbook", 60), ("trades", None)]


def test_settings_are_as_put_and_what_is_not_named_is_off(client: FlaskClient) -> None:
    [row] = put(client, {**BOOK, "snapshot_seconds": 5, "ttl_seconds": 60})[1]["added"]
    [other] = put(client, {**BOOK, "ttl_seconds": 600})[1]["unchanged"]
    assert (other["id"], other["snapshot_seconds"], other["ttl_seconds"]) == (row["id"], None, 600)
    assert other["updated_at"] > row["updated_at"]
    assert other["expires_at"] > row["expires_at"]
    [last] = put(client, BOOK)[1]["unchanged"]
    assert (last["id"], last["ttl_seconds"], last["expires_at"]) == (row["id"], None, None)
    assert put(client, BOOK)[1]["unchanged"] == [last]


def test_a_form_of_a_private_topic_gives_way_to_another_unless_somebody_else_holds_it(client: FlaskClient) -> None:
    narrow = {"channel_type": "order", "topic": "order.linear"}
    assert topics(put(client, ORDERS)[1]["added"]) == ["order"]
    answer = put(client, narrow)[1]
    assert (topics(answer["added"]), topics(answer["removed"])) == (["order.linear"], ["order"])
    subscribe(client, channel_type="order", symbol=None, category=None, topic="order.spot", requesting_service="other")
    assert_error(put(client, TRADES, ORDERS), 409, "CONFLICT", "subscriptions.1: found topic 'order' while 'order.spot' is held")
    assert topics(active(client)) == ["order.linear"]


def test_a_pattern_is_put_as_it_is_posted(client: FlaskClient) -> None:
    [row] = put(client, {"channel_type": "ticker", "symbol": "BTC*", "category": "linear"})[1]["added"]
    assert (row["topic"], row["queue_state"]) == ("tickers.BTC*", "ready")


def test_without_the_broker_queues_wait_and_subscriptions_do_not(tmp_path: Path, database_url: str) -> None:
    client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    for query in ("?dry_run=true", ""):
        assert {row["queue_state"] for row in put(client, TRADES, BOOK, query=query)[1]["added"]} == {"pending"}


def test_whoever_races_one_of_the_requested_states_is_the_end(client: FlaskClient, consumer: Consumer) -> None:
    """Two that replace, one that adds, one that cancels all: each all at once, or not yet."""
    sets = [[TRADES, BOOK], [CANDLES, {**TRADES, "symbol": "ETHUSDT"}]]
    start = threading.Barrier(8)

    def client_of() -> FlaskClient:
        return client.application.test_client()

    def put_set(wishes: list[dict[str, Any]]) -> int:
        return client_of().put(MINE, json={"subscriptions": wishes}, headers=HEADERS).status_code

    def add() -> int:
        return client_of().post(BASE, json={**WISH, "symbol": "SOLUSDT"}, headers=HEADERS).status_code

    def cancel() -> int:
        return client_of().delete(MINE, headers=HEADERS).status_code

    turns: list[Callable[[], int]] = [lambda: put_set(sets[0]), lambda: put_set(sets[1]), add, cancel] * 2

    def run(turn: Callable[[], int]) -> set[int]:
        start.wait()
        return {turn() for _ in range(5)}

    with ThreadPoolExecutor(len(turns)) as threads:
        assert set().union(*threads.map(run, turns)) <= {200, 201}
    added = "publicTrade.SOLUSDT"
    ends = [set(), {"publicTrade.BTCUSDT", "orderbook.50.BTCUSDT"}, {"kline.1.BTCUSDT", "publicTrade.ETHUSDT"}]
    left = topics(active(client))
    assert len(left) == len(set(left))
    assert set(left) - {added} in ends
    done = put(client, *sets[0])[1]
    assert set(topics(active(client))) == ends[1]
    assert all(consumer.exists(row["queue"]) for rows in (done["added"], done["unchanged"]) for row in rows)


def test_who_replaces_renews_and_reports_at_once_waits_for_the_others_and_for_nothing_else(
    client: FlaskClient, database_url: str
) -> None:
    """Rows are locked in one order by all of them: a deadlock would be a 503, and RabbitMQ's or a worker's trouble."""
    wishes = [{**TRADES, "symbol": f"NUMBER{number}USDT", "ttl_seconds": 600} for number in range(30)]
    assert put(client, *wishes)[0] == 200
    start, dice = threading.Barrier(5), Random(7)

    def replace() -> set[int]:
        start.wait()
        found = set()
        for _ in range(15):
            mine = dice.sample(wishes, dice.randint(20, 30))
            found.add(client.application.test_client().put(MINE, json={"subscriptions": mine}, headers=HEADERS).status_code)
        return found

    def renew() -> set[int]:
        start.wait()
        asking = client.application.test_client()
        return {asking.post(f"{MINE}/heartbeat", headers=HEADERS).status_code for _ in range(60)}

    def report() -> set[int]:
        connection = db.connect(database_url, name="test")
        start.wait()
        for number in range(60):
            said = [TopicReport(f"publicTrade.NUMBER{each}USDT", "live", None, number) for each in dice.sample(range(30), 30)]
            store.report_topics(connection, "linear", said)
        connection.close()
        return {200}

    with ThreadPoolExecutor(5) as threads:
        done = [threads.submit(each) for each in (replace, replace, renew, renew, report)]
        assert set().union(*(each.result() for each in done)) == {200}


def test_nobody_without_the_key_replaces_anything(client: FlaskClient) -> None:
    answer = client.put(MINE, json={"subscriptions": []})
    assert_error((answer.status_code, answer.get_json()), 401, "AUTHENTICATION_FAILED")
    assert_error(call(client, "PUT", f"{BASE}/by-service/-a", json={"subscriptions": []}), 400, "INVALID_REQUEST", "service")
