"""Queues behind subscriptions of the control API: bound when the answer comes, kept while needed, made later where the broker was away."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pika
from asking import BASE, HEADERS, WISH, call, make_client, subscribe
from flask.testing import FlaskClient
from running import Consumer

from gateway import names, queues
from gateway.database import db, store
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy, Topology

POLICY = QueuePolicy("classic", 60_000, 100)


def publish(broker_url: str, key: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        connection.channel().basic_publish(names.EXCHANGE, key, b"1")


def bodies(consumer: Consumer, queue: str) -> list[Any]:
    """What waits in the queue, whatever it is."""
    return list(consumer.take(queue))


def test_the_queue_is_bound_when_the_answer_comes(client: FlaskClient, consumer: Consumer, broker_url: str) -> None:
    rows = [subscribe(client), subscribe(client, requesting_service="other"), subscribe(client, symbol="BTC", category="option")]
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        for key in ("trade.linear.BTCUSDT.-", "trade.linear.ETHUSDT.-", "trade.spot.BTCUSDT.-", "trade.option.BTC-1JAN27-1-C.BTC"):
            channel.basic_publish(names.EXCHANGE, key, json.dumps(key).encode())
    assert bodies(consumer, rows[0]["queue"]) == ["trade.linear.BTCUSDT.-", "trade.option.BTC-1JAN27-1-C.BTC"]
    assert bodies(consumer, rows[1]["queue"]) == ["trade.linear.BTCUSDT.-"]


def test_cancelling_takes_the_binding_and_the_empty_queue_away_and_leaves_others_alone(
    client: FlaskClient, consumer: Consumer
) -> None:
    first, second, other = subscribe(client), subscribe(client, symbol="ETHUSDT"), subscribe(client, requesting_service="other")
    answer = call(client, "DELETE", f"{BASE}/{first['id']}")
    assert answer == (200, {"message": "cancelled", "subscription_id": first["id"]})
    assert consumer.exists(first["queue"]), "the other topic still needs it"
    assert call(client, "GET", f"{BASE}/{first['id']}")[1]["state"] == "cancelled"
    assert call(client, "DELETE", f"{BASE}/{first['id']}")[0] == 200
    assert call(client, "DELETE", f"{BASE}/by-service/tester") == (200, {"message": "cancelled", "cancelled_count": 1})
    assert not consumer.exists(second["queue"])
    assert consumer.exists(other["queue"])


def test_a_queue_that_still_holds_messages_stays_until_it_is_read(client: FlaskClient, consumer: Consumer, broker_url: str) -> None:
    row = subscribe(client)
    publish(broker_url, "trade.linear.BTCUSDT.-")
    call(client, "DELETE", f"{BASE}/{row['id']}")
    assert bodies(consumer, row["queue"]) == [1]


def test_a_queue_left_with_messages_lets_nothing_more_in_and_goes_when_it_is_empty(
    client: FlaskClient, connection: db.Connection, broker_url: str, consumer: Consumer
) -> None:
    row = subscribe(client)
    publish(broker_url, "trade.linear.BTCUSDT.-")
    call(client, "DELETE", f"{BASE}/{row['id']}")
    publish(broker_url, "trade.linear.BTCUSDT.-")
    assert len(consumer.take(row["queue"])) == 1
    with Topology(broker_url, POLICY) as topology:
        queues.keep(connection, topology, row["queue"])
    assert not consumer.exists(row["queue"])


def test_a_wish_made_again_after_it_was_cancelled_is_a_new_one_with_its_queue(
    client: FlaskClient, broker_url: str, consumer: Consumer
) -> None:
    first = subscribe(client)
    call(client, "DELETE", f"{BASE}/{first['id']}")
    second = subscribe(client)
    assert second["id"] != first["id"]
    publish(broker_url, "trade.linear.BTCUSDT.-")
    assert len(consumer.take(second["queue"])) == 1


def test_whoever_subscribes_and_cancels_at_once_the_last_wish_has_its_queue(
    client: FlaskClient, broker_url: str, consumer: Consumer
) -> None:
    start = threading.Barrier(4)

    def turn(number: int) -> set[int]:
        mine = client.application.test_client()
        start.wait()
        statuses = set()
        for _ in range(6):
            if number % 2:
                statuses.add(mine.post(BASE, json=WISH, headers=HEADERS).status_code)
            else:
                statuses.add(mine.delete(f"{BASE}/by-service/tester", headers=HEADERS).status_code)
        return statuses

    with ThreadPoolExecutor(4) as threads:
        assert set().union(*threads.map(turn, range(4))) <= {200, 201}
    status, row = call(client, "POST", BASE, json=WISH)
    assert status in (200, 201)
    publish(broker_url, "trade.linear.BTCUSDT.-")
    assert len(consumer.take(row["queue"])) == 1
    assert call(client, "GET", f"{BASE}?is_active=true")[1]["total"] == 1


def test_without_the_broker_a_subscription_waits_for_it(tmp_path: Path, database_url: str) -> None:
    client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    row = subscribe(client)
    assert row["queue_state"] == "pending"
    assert call(client, "DELETE", f"{BASE}/{row['id']}")[0] == 200


def test_a_queue_that_waited_for_the_broker_is_made_when_it_is_back(
    tmp_path: Path, database_url: str, connection: db.Connection, broker_url: str, consumer: Consumer
) -> None:
    client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    row = subscribe(client)
    assert (row["queue_state"], consumer.exists(row["queue"])) == ("pending", False)
    assert queues.troubled(store.service_queues(connection), {}) == [row["queue"]]
    with Topology(broker_url, POLICY) as topology:
        topology.declare_base([])
        queues.keep(connection, topology, row["queue"])
        assert call(client, "GET", f"{BASE}/{row['id']}")[1]["queue_state"] == "ready"
        publish(broker_url, "trade.linear.BTCUSDT.-")
        assert len(consumer.take(row["queue"])) == 1
        call(client, "DELETE", f"{BASE}/{row['id']}")
        assert consumer.exists(row["queue"]), "the API could not reach it"
        queues.keep(connection, topology, row["queue"])
    assert not consumer.exists(row["queue"])
    assert store.service_queues(connection) == []


def test_a_broker_that_never_answers_makes_nobody_wait_for_another(tmp_path: Path, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as mute:
        client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{mute.getsockname()[1]}/")

        def post(number: int) -> tuple[int, Any]:
            wish = {**WISH, "symbol": f"A{number}USDT"}  # all in one queue
            answer = client.application.test_client().post(BASE, json=wish, headers=HEADERS)
            return answer.status_code, answer.get_json()

        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(post, range(6)))
        assert [(status, body.get("queue_state")) for status, body in answers] == [(201, "pending")] * 6
        assert call(client, "POST", BASE, json={**WISH, "symbol": "A1USDT"})[0] == 200
