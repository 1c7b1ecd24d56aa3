"""Leases on a real PostgreSQL and RabbitMQ: ended once, told once, renewed in many ways, and never ended because nobody could renew."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from asking import BASE, assert_error, call, make_client, subscribe
from flask.testing import FlaskClient
from running import Consumer
from stored import add

from gateway.database import db, ledger, migrate, store
from gateway.database.ledger import Span
from gateway.database.statements import query
from gateway.errors import StoreAway
from gateway.lanes.announcements import Announcements
from gateway.servers import Postgres
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.wire import Stamp
from workers.leases import LeaseKeeper

POLICY = QueuePolicy("classic", 60_000, 1000)


def announcements() -> Announcements:
    return Announcements(Stamp(worker="router_00", account="main", include_raw="off", started_ms=1), lambda: None)


def keeper(database_url: str, broker_url: str, told: Announcements) -> LeaseKeeper:
    return LeaseKeeper(database_url, lambda: Topology(broker_url, POLICY), told)


def pass_time(connection: db.Connection, seconds: float, *, looked: bool = True) -> None:
    """Every lease is that much older; `looked`: somebody looked after them all the time."""
    with db.transaction(connection) as cursor:
        cursor.execute("update subscriptions set expires_at = expires_at - make_interval(secs => %s)", (seconds,))
        cursor.execute(
            "update lease_looks set looked_at = clock_timestamp() - make_interval(secs => %s)", (0 if looked else seconds,)
        )


def lasts_s(connection: db.Connection, row: dict[str, Any]) -> float:
    with db.transaction(connection) as cursor:
        cursor.execute(
            "select extract(epoch from expires_at - clock_timestamp())::float from subscriptions where id = %s", (row["id"],)
        )
        return float(db.value(cursor))


def state_of(connection: db.Connection, row: dict[str, Any]) -> tuple[str, bool]:
    found = store.find(connection, row["id"])
    assert found is not None
    return found["state"], found["is_active"]


def occurrences(connection: db.Connection) -> list[db.Row]:
    return ledger.find_occurrences(connection, kind="expired", span=Span(), limit=10, offset=0)[0]


@pytest.fixture
def told() -> Announcements:
    return announcements()


def test_a_lease_that_ran_out_is_a_cancelled_wish_an_occurrence_and_an_event_and_its_queue_goes(
    client: FlaskClient, connection: db.Connection, database_url: str, broker_url: str, told: Announcements, consumer: Consumer
) -> None:
    row, other = subscribe(client, ttl_seconds=60), subscribe(client, symbol="ETHUSDT", requesting_service="other")
    looking = keeper(database_url, broker_url, told)
    pass_time(connection, 59)
    looking.look()
    assert told.taken() == []
    pass_time(connection, 1)
    looking.look()
    shown = call(client, "GET", f"{BASE}/{row['id']}")[1]
    assert (shown["state"], shown["is_active"], shown["last_error"]) == ("cancelled", False, "its lease of 60 s ran out")
    assert (consumer.exists(row["queue"]), consumer.exists(other["queue"])) == (False, True)
    assert [str(wanted.id) for wanted in store.wanted(connection, "linear")] == [other["id"]]
    [record] = told.taken()
    [occurrence] = occurrences(connection)
    payload = json.loads(record.body)["payload"]
    assert (payload["kind"], payload["topic"]) == ("expired", "publicTrade.BTCUSDT")
    assert payload["detail"] == f"the lease of tester ran out after 60 s: subscription {row['id']} is cancelled"
    assert (str(occurrence["event_id"]), occurrence["detail"]) == (record.event_id, payload["detail"])
    ledger.insert_occurrences(connection, [record.body], lambda *_: None)
    assert occurrences(connection) == [occurrence], "the event itself adds no second row"
    looking.look()
    assert told.taken() == []


def test_many_who_look_at_once_end_each_lease_once(database_url: str, connection: db.Connection, broker_url: str) -> None:
    for number in range(20):
        add(connection, f"A{number}USDT", ttl_seconds=10)
    pass_time(connection, 10)
    lookers = [(keeper(database_url, broker_url, told), told) for told in (announcements() for _ in range(4))]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda looker: looker[0].look(), lookers))
    ended = [json.loads(record.body)["payload"]["detail"] for _, told in lookers for record in told.taken()]
    assert len(ended) == len(set(ended)) == 20
    assert store.count_active(connection) == 0


@pytest.mark.parametrize("how", ["heartbeat", "heartbeat of all", "post", "put"])
def test_a_lease_is_renewed_in_every_way_there_is(client: FlaskClient, connection: db.Connection, how: str) -> None:
    row, other = subscribe(client, ttl_seconds=60), subscribe(client, requesting_service="other", ttl_seconds=60)
    lasting = subscribe(client, symbol="ETHUSDT")
    pass_time(connection, 50)
    wish = {"channel_type": "trades", "symbol": "BTCUSDT", "category": "linear"}
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        "heartbeat": ("POST", f"{BASE}/{row['id']}/heartbeat", {}),
        "heartbeat of all": ("POST", f"{BASE}/by-service/tester/heartbeat", {}),
        "post": ("POST", BASE, {"json": {**wish, "requesting_service": "tester"}}),
        "put": ("PUT", f"{BASE}/by-service/tester", {"json": {"subscriptions": [{**wish, "ttl_seconds": 60}]}}),
    }
    method, path, given = calls[how]
    status, answer = call(client, method, path, **given)
    assert status == 200
    assert 55 < lasts_s(connection, row) <= 60
    assert 5 < lasts_s(connection, other) <= 10
    now = call(client, "GET", f"{BASE}/{row['id']}")[1]
    assert now["expires_at"] > row["expires_at"]
    assert (now["id"], now["ttl_seconds"], now["updated_at"]) == (row["id"], 60, row["updated_at"])
    assert (lasting["ttl_seconds"], lasting["expires_at"]) == (None, None)
    if how.startswith("heartbeat"):
        assert answer == (now if how == "heartbeat" else {"message": "renewed", "renewed_count": 1})


def test_the_last_word_about_a_lease_counts_and_no_word_leaves_it(client: FlaskClient) -> None:
    row = subscribe(client)
    wish = {key: row[key] for key in ("channel_type", "symbol", "category", "requesting_service")}
    for given, expected in (({"ttl_seconds": 10.5}, 10.5), ({}, 10.5), ({"ttl_seconds": 604_800}, 604_800)):
        status, again = call(client, "POST", BASE, json={**wish, **given})
        assert (status, again["id"], again["ttl_seconds"]) == (200, row["id"], expected)
        assert again["expires_at"] is not None


@pytest.mark.parametrize("ttl", [0, -1, 9.99, 604_800.1, 1e308])
def test_a_lease_out_of_bounds_is_refused_in_words(client: FlaskClient, ttl: float) -> None:
    wish = {"channel_type": "trades", "symbol": "BTCUSDT", "category": "linear", "requesting_service": "tester"}
    answer = call(client, "POST", BASE, json={**wish, "ttl_seconds": ttl})
    assert_error(answer, 400, "INVALID_REQUEST", f"found ttl_seconds {ttl}; expected 10 to 604800")


def test_a_heartbeat_for_what_has_no_lease_changes_nothing_and_for_what_has_ended_says_so(client: FlaskClient) -> None:
    row = subscribe(client)
    beat = f"{BASE}/{row['id']}/heartbeat"
    assert call(client, "POST", beat) == (200, row)
    assert call(client, "POST", beat, json={}) == (200, row)
    assert call(client, "POST", f"{BASE}/by-service/tester/heartbeat") == (200, {"message": "renewed", "renewed_count": 0})
    call(client, "DELETE", f"{BASE}/{row['id']}")
    assert_error(call(client, "POST", beat), 409, "CONFLICT", "found a cancelled subscription")
    assert_error(call(client, "POST", f"{BASE}/nobody/heartbeat"), 404, "SUBSCRIPTION_NOT_FOUND", "nobody")
    assert_error(call(client, "POST", f"{BASE}/by-service/-a/heartbeat"), 400, "INVALID_REQUEST", "service")
    assert_error(call(client, "POST", beat, data="{", content_type="application/json"), 400, "INVALID_REQUEST", "not JSON")


def test_a_lease_that_nobody_could_look_after_begins_anew_and_one_that_was_just_renewed_stays(
    connection: db.Connection, database_url: str, broker_url: str, told: Announcements
) -> None:
    old = add(connection, ttl_seconds=60)
    pass_time(connection, 300, looked=False)
    new = add(connection, "ETHUSDT", ttl_seconds=60)
    before = store.find(connection, new["id"])
    looking = keeper(database_url, broker_url, told)
    looking.look()
    assert (state_of(connection, old)[1], store.find(connection, new["id"])) == (True, before)
    assert 55 < lasts_s(connection, old) <= 60
    pass_time(connection, 60)
    looking.look()
    assert (state_of(connection, old), state_of(connection, new)) == (("cancelled", False),) * 2
    assert len(told.taken()) == 2


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


def test_no_lease_ends_because_postgresql_was_away(
    own_postgres: Postgres, tmp_path: Path, broker_url: str, told: Announcements
) -> None:
    db.create_database(own_postgres.url, "gateway")
    url = own_postgres.url.rsplit("/", 1)[0] + "/gateway"
    migrate.migrate(url)
    client = make_client(tmp_path, url, broker_url)
    row = subscribe(client, ttl_seconds=60)
    looking = keeper(url, broker_url, told)
    looking.look()
    own_postgres.stop()
    assert_error(call(client, "POST", f"{BASE}/{row['id']}/heartbeat"), 503, "SERVICE_UNAVAILABLE")
    with pytest.raises(StoreAway):
        looking.look()
    own_postgres.start()
    connection = db.connect(url, name="test")
    pass_time(connection, 60)  # however short it was away, the lost connection tells
    looking.look()
    assert state_of(connection, row)[1]
    assert 55 < lasts_s(connection, row) <= 60
    pass_time(connection, 60)
    looking.look()
    assert state_of(connection, row) == ("cancelled", False)
    connection.close()


def test_a_service_that_is_being_changed_is_looked_at_later(
    database_url: str, connection: db.Connection, broker_url: str, told: Announcements
) -> None:
    row = add(connection, ttl_seconds=10)
    pass_time(connection, 10)
    changing = db.connect(database_url, name="test")
    looking = keeper(database_url, broker_url, told)
    with db.transaction(changing) as cursor:
        cursor.execute(query("lock_service"), {"service": "one"})
        looking.look()
        assert state_of(connection, row)[1]
    looking.look()
    assert not state_of(connection, row)[1]
    changing.close()


def test_without_the_broker_a_lease_ends_all_the_same(database_url: str, connection: db.Connection, told: Announcements) -> None:
    row = add(connection, ttl_seconds=10)
    pass_time(connection, 10)
    keeper(database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/", told).look()
    assert state_of(connection, row) == ("cancelled", False)
    assert len(told.taken()) == 1
