"""A wish that names many, through a whole gateway whose linear topics are shared by two processes: topics, state, queue, listings."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from running import Consumer, RunningGateway, healthy_gateway, wait_for

from gateway.database import db, instruments, store
from gateway.exchange.rest import Rest
from gateway.protocol.instruments import catalog
from simulator.remote import RunningSimulator
from workers.told import NONE_MATCHES


@pytest.fixture(scope="module")
def database_url(new_empty_database: Callable[[], str]) -> str:
    return new_empty_database()


@pytest.fixture(scope="module")
def broker_url(new_broker: Callable[[], str]) -> str:
    return new_broker()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, database_url: str, broker_url: str, shared_simulator: RunningSimulator
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with healthy_gateway(folder, database_url, broker_url, shared_simulator, processes={"linear": 2}) as running:
        yield running


def cancel(gateway: RunningGateway, *rows: dict[str, Any]) -> None:
    for row in rows:
        status, body = gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")
        assert status == 200, body


def held(exchange: RunningSimulator, part: str) -> list[str]:
    """Topics of linear that the exchange sends to the gateway and that contain this."""
    return [topic for entry in exchange.connections("linear") for topic in entry.topics if part in topic]


def look_again(connection: db.Connection, exchange: RunningSimulator) -> None:
    """What the reader does every five minutes."""
    instruments.write(connection, "linear", catalog("linear", Rest(exchange.rest_url).instruments("linear")))


def until(connection: db.Connection, row: dict[str, Any], claim: Callable[[db.Row], Any], what: str) -> db.Row:
    def found() -> db.Row | None:
        now = store.find(connection, row["id"])
        return now if now is not None and claim(now) else None

    return dict(wait_for(found, f"{what}, found {store.find(connection, row['id'])}"))


def is_gone(consumer: Consumer, queue: str) -> bool:
    """Whether the queue is deleted; it is emptied first, for it is kept as long as something waits in it."""
    if consumer.exists(queue):
        consumer.take(queue)
    return not consumer.exists(queue)


def test_every_category_is_read_when_the_gateway_starts(gateway: RunningGateway, connection: db.Connection) -> None:
    categories = {"spot", "linear", "inverse", "option", "spread"}
    wait_for(lambda: instruments.categories_read(connection) == categories, "all catalogs")
    assert "BTC-25DEC26-65000-C" in instruments.names(connection, "option")


def test_a_pattern_is_live_with_its_topics_and_brings_only_them(
    gateway: RunningGateway, connection: db.Connection, consumer: Consumer
) -> None:
    row = gateway.subscribe("ticker", "many", symbol="BTC*", category="linear")
    other = gateway.subscribe("ticker", "other", symbol="ETHUSDT")
    status, listed = gateway.call("GET", "/api/v1/subscriptions?requesting_service=many")
    assert (status, listed["total"]) == (200, 1)
    [shown] = listed["subscriptions"]
    assert (shown["id"], shown["symbol"], shown["category"], shown["queue_state"]) == (row["id"], "BTC*", "linear", "ready")
    live = until(connection, row, lambda now: now["state"] == "live" and now["last_event_at"] is not None, "live")
    assert live["last_error"] is None
    assert datetime.now(UTC) - live["last_event_at"] < timedelta(seconds=20)
    gateway.wait_until_held(other["id"])
    events = consumer.take_until(row["queue"], lambda found: len({event["symbol"] for event in found}) == 3)
    assert {event["symbol"] for event in events} == {"BTCUSDT", "BTCPERP", "BTCUSDT-25DEC26"}
    consumer.take_until(other["queue"], lambda found: len(found) > 10)
    assert "ETHUSDT" not in {event["symbol"] for event in consumer.take(row["queue"])}
    cancel(gateway, row, other)


def test_trades_of_a_pattern_come_into_its_queue_from_the_listing_to_the_delisting_and_no_others(
    gateway: RunningGateway, shared_simulator: RunningSimulator, connection: db.Connection, consumer: Consumer
) -> None:
    other = gateway.subscribe("trades", "other", symbol="ETHUSDT", category="linear")
    row = gateway.subscribe("trades", "many", symbol="BTC*", category="linear")
    consumer.take_until(row["queue"], lambda found: "BTCUSDT" in {event["symbol"] for event in found})
    consumer.take_until(other["queue"], lambda found: len(found) > 5)
    shared_simulator.list_instrument("linear", "BTCNEWUSDT")
    look_again(connection, shared_simulator)
    events = consumer.take_until(row["queue"], lambda found: "BTCNEWUSDT" in {event["symbol"] for event in found})
    assert next(event["sequence"] for event in events if event["symbol"] == "BTCNEWUSDT") == 1
    assert {event["symbol"][:3] for event in events} == {"BTC"}
    shared_simulator.delist("linear", "BTCNEWUSDT")
    look_again(connection, shared_simulator)
    wait_for(lambda: not held(shared_simulator, "BTCNEW"), "the delisted one left")
    assert held(shared_simulator, "publicTrade.BTCUSDT")
    cancel(gateway, row)
    wait_for(lambda: not held(shared_simulator, "publicTrade.BTC"), "nothing of the pattern held")
    wait_for(lambda: is_gone(consumer, row["queue"]), "the queue gone")
    assert consumer.take_until(other["queue"], bool), "the other service keeps its own"
    cancel(gateway, other)


def test_a_listing_is_followed_and_so_is_its_end(
    gateway: RunningGateway, shared_simulator: RunningSimulator, connection: db.Connection, consumer: Consumer
) -> None:
    row = gateway.subscribe("trades", "following", symbol="NEW*", category="linear")
    until(connection, row, lambda now: (now["state"], now["last_error"]) == ("requested", NONE_MATCHES), "nothing to hold")
    shared_simulator.list_instrument("linear", "NEWUSDT")
    look_again(connection, shared_simulator)
    until(connection, row, lambda now: (now["state"], now["last_error"]) == ("acknowledged", None), "the new one held")
    [first, *_] = consumer.take_until(row["queue"], bool)
    assert (first["symbol"], first["topic"], first["sequence"]) == ("NEWUSDT", "publicTrade.NEWUSDT", 1)
    shared_simulator.delist("linear", "NEWUSDT")
    look_again(connection, shared_simulator)
    until(connection, row, lambda now: (now["state"], now["last_error"]) == ("requested", NONE_MATCHES), "nothing left to hold")
    wait_for(lambda: not held(shared_simulator, "NEW"), "it left")
    cancel(gateway, row)
    wait_for(lambda: is_gone(consumer, row["queue"]), "the queue gone")


def test_a_refused_topic_among_others_is_named_and_the_others_count(
    gateway: RunningGateway, shared_simulator: RunningSimulator, connection: db.Connection
) -> None:
    number = shared_simulator.fault("refuse_topic", endpoint="linear", topic="publicTrade.SOLUSDT")
    row = gateway.subscribe("trades", "partly", symbol="*USDT", category="linear")
    found = until(connection, row, lambda now: now["state"] == "acknowledged", "the others held")
    assert found["last_error"].startswith("1 of 3 refused, such as publicTrade.SOLUSDT: ")
    health = gateway.health()
    assert health["status"] in ("healthy", "degraded")
    shared_simulator.lift(number)
    cancel(gateway, row)
