"""The table of subscriptions on a real PostgreSQL: races, reports and notifications."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from select import select
from typing import Any
from uuid import uuid4

import pytest
from stored import wish

from gateway.database import db, leases, migrate, store
from gateway.errors import RequestError
from gateway.wire import TopicReport


def add(connection: db.Connection, **changes: Any) -> tuple[db.Row, bool]:
    return store.add_subscription(connection, wish(**changes), lambda: "ready")


def test_the_schema_is_current_only_after_all_migrations(empty_database_url: str) -> None:
    connection = db.connect(empty_database_url, name="test")
    assert not store.schema_is_current(connection)
    migrate.migrate(empty_database_url)
    assert store.schema_is_current(connection)
    migrate.rollback(empty_database_url, 1)
    assert not store.schema_is_current(connection)
    connection.close()


def test_the_same_wish_is_one_row_whatever_races(database_url: str) -> None:
    start = threading.Barrier(8)

    def race(_: int) -> tuple[str, bool]:
        connection = db.connect(database_url, name="test")
        start.wait()
        row, is_new = add(connection)
        connection.close()
        return str(row["id"]), is_new

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(race, range(8)))
    assert len({identity for identity, _ in found}) == 1
    assert [is_new for _, is_new in found].count(True) == 1


def test_a_cancelled_wish_can_be_made_again_and_keeps_its_old_row(connection: db.Connection) -> None:
    first, _ = add(connection)
    assert [row["id"] for row in store.cancel(connection, subscription_id=first["id"])] == [first["id"]]
    assert store.cancel(connection, subscription_id=first["id"]) == []
    second, is_new = add(connection)
    assert is_new
    assert second["id"] != first["id"]
    rows, total = store.find_all(connection, {}, limit=10, offset=0)
    assert ([row["state"] for row in rows], total) == (["cancelled", "requested"], 2)


def test_wishes_are_found_by_endpoint_and_filters_and_pages(connection: db.Connection) -> None:
    for service in ("one", "two", "three"):
        add(connection, requesting_service=service)
    add(connection, endpoint="spot", category="spot")
    assert {row.service for row in store.wanted(connection, "linear")} == {"one", "two", "three"}
    assert store.count_active(connection) == 4
    rows, total = store.find_all(connection, {"category": "linear"}, limit=2, offset=1)
    assert ([row["requesting_service"] for row in rows], total) == (["two", "three"], 3)
    assert store.find_all(connection, {"category": "linear"}, limit=2, offset=9) == ([], 3)
    assert len(store.cancel(connection, service="one")) == 2


def test_the_same_wish_with_another_rhythm_of_whole_books_is_the_same_row(database_url: str, connection: db.Connection) -> None:
    row, _ = add(connection, snapshot_seconds=5)
    listener = db.Listener(database_url, name="test", channel="ws_gateway_subscriptions")
    listener.open()
    for kept in (None, 5, 5.0):
        assert add(connection, snapshot_seconds=kept) == (row, False)
        assert store.held(connection, wish(snapshot_seconds=kept)) == row
    assert listener.drain() is False
    other, is_new = add(connection, snapshot_seconds=1.1)
    assert (other["id"], other["snapshot_seconds"], is_new) == (row["id"], 1.1, False)
    assert other["updated_at"] > row["updated_at"]
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    [wanted] = store.wanted(connection, "linear")
    assert (wanted.snapshot_seconds, wanted.queue, wanted.resyncs) == (1.1, "ws-gateway.trade.one", 0)
    listener.close()


def test_a_topic_asked_for_anew_counts_up_and_wakes_its_workers(database_url: str, connection: db.Connection) -> None:
    row, _ = add(connection)
    add(connection, requesting_service="two")
    listener = db.Listener(database_url, name="test", channel="ws_gateway_subscriptions")
    listener.open()
    for count in (1, 2):
        asked = store.resync(connection, row["id"])
        assert asked is not None
        assert (asked["resyncs"], asked["updated_at"]) == (count, row["updated_at"])
        assert select([listener.fileno()], [], [], 5.0)[0]
        assert listener.drain() is True
    assert [wanted.resyncs for wanted in store.wanted(connection, "linear")] == [2, 0]
    store.cancel(connection, subscription_id=row["id"])
    assert store.resync(connection, row["id"]) is None
    assert store.resync(connection, uuid4()) is None
    listener.close()


PRIVATE: dict[str, Any] = {"channel_type": "order", "symbol": None, "category": None, "topic": "order", "endpoint": "private"}


def test_two_forms_of_a_private_topic_never_meet_whatever_races(database_url: str) -> None:
    start = threading.Barrier(10)

    def race(number: int) -> str | None:
        connection = db.connect(database_url, name="test")
        topic = ("order", "order.linear")[number % 2]
        start.wait()
        try:
            row, _ = add(connection, **{**PRIVATE, "topic": topic}, requesting_service=f"s{number}", queue=f"q{number}")
        except RequestError as fault:
            assert (fault.code, fault.status) == ("CONFLICT", 409)  # noqa: PT017 # told apart by the thread that lost
            return None
        finally:
            connection.close()
        return str(row["topic"])

    with ThreadPoolExecutor(10) as threads:
        held = list(threads.map(race, range(10)))
    assert held.count(None) == 5
    assert len(set(held) - {None}) == 1


def test_a_private_topic_waits_for_nobody_who_waits_for_the_broker(database_url: str, connection: db.Connection) -> None:
    declaring, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        declaring.set()
        go_on.wait(10)
        return "ready"

    def add_slowly() -> db.Row:
        own = db.connect(database_url, name="test slow")
        row, _ = store.add_subscription(own, wish(**PRIVATE, requesting_service="slow", queue="q1"), slow)
        own.close()
        return row

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(add_slowly)
        try:
            assert declaring.wait(10)
            assert add(connection, **PRIVATE, requesting_service="quick", queue="q2")[0]["queue_state"] == "ready"
            with pytest.raises(RequestError, match="found topic 'order.linear' while 'order' is held"):
                add(connection, **{**PRIVATE, "topic": "order.linear"}, requesting_service="late", queue="q3")
        finally:
            go_on.set()
    assert waiting.result()["queue_state"] == "ready"
    assert {row.queue_state for row in store.service_queues(connection)} == {"ready"}


def test_a_private_wish_whose_queue_could_not_be_made_waits_for_the_router(connection: db.Connection) -> None:
    row, is_new = store.add_subscription(connection, wish(**PRIVATE), lambda: "pending")
    assert (row["queue_state"], is_new) == ("pending", True)
    with pytest.raises(ZeroDivisionError):
        store.add_subscription(connection, wish(**PRIVATE, queue="q2", requesting_service="two"), lambda: str(1 / 0))
    assert {entry.queue_state for entry in store.service_queues(connection)} == {"pending"}


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        ("order", "order.linear", True), ("order.linear", "order", True), ("execution.fast", "execution.fast.spot", True),
        ("order.linear", "order.spot", False), ("order", "execution.linear", False), ("execution", "execution.fast.spot", False),
        ("order.spot", "spread.order", False), ("order", "order", False),
    ],
)  # fmt: skip
def test_only_two_forms_of_the_same_topic_are_refused(connection: db.Connection, first: str, second: str, is_refused: bool) -> None:
    row, _ = add(connection, **{**PRIVATE, "topic": first}, requesting_service="two")
    if is_refused:
        with pytest.raises(RequestError, match=rf"found topic '{second}' while '{first}' is held") as caught:
            add(connection, **{**PRIVATE, "topic": second})
        assert (caught.value.code, caught.value.status) == ("CONFLICT", 409)
        assert store.count_active(connection) == 1
        store.cancel(connection, subscription_id=row["id"])
    assert add(connection, **{**PRIVATE, "topic": second})[1] is True


def test_a_public_topic_meets_no_form_of_a_private_one(connection: db.Connection) -> None:
    add(connection, **{**PRIVATE, "topic": "order"})
    assert add(connection, topic="order.linear", channel_type="raw")[1] is True


def test_a_report_moves_updated_at_only_with_the_state_and_last_event_at_never_back(connection: db.Connection) -> None:
    row, _ = add(connection)

    def report(state: str, last_event_ms: int | None, error: str | None = None) -> db.Row:
        store.report_topics(connection, "linear", [TopicReport("publicTrade.BTCUSDT", state, error, last_event_ms)])
        found = store.find(connection, row["id"])
        assert found is not None
        return found

    live = report("live", 1_700_000_000_123)
    assert (live["state"], live["last_event_at"]) == ("live", datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC))
    assert live["updated_at"] > row["updated_at"]
    later = report("live", 1_700_000_005_000)
    assert (later["updated_at"], later["last_event_at"]) == (live["updated_at"], datetime(2023, 11, 14, 22, 13, 25, tzinfo=UTC))
    assert report("live", None)["last_event_at"] == later["last_event_at"]
    assert report("live", 1)["last_event_at"] == later["last_event_at"]
    assert report("refused", None, "no such topic")["last_error"] == "no such topic"


def test_a_report_touches_no_other_endpoint_and_no_cancelled_row(connection: db.Connection) -> None:
    cancelled, _ = add(connection)
    store.cancel(connection, subscription_id=cancelled["id"])
    other, _ = add(connection, endpoint="spot", category="spot")
    store.report_topics(connection, "linear", [TopicReport("publicTrade.BTCUSDT", "live")])
    assert [store.find(connection, row["id"])["state"] for row in (cancelled, other)] == ["cancelled", "requested"]  # type: ignore[index]


def test_a_report_holds_whatever_the_exchange_said(connection: db.Connection) -> None:
    row, _ = add(connection)
    store.report_topics(connection, "linear", [TopicReport("publicTrade.BTCUSDT", "refused", "bad\0 word ‮ \U0001f4a9 ' %s")])
    found = store.find(connection, row["id"])
    assert found is not None
    assert found["last_error"] == "bad word ‮ \U0001f4a9 ' %s"


def test_many_who_write_the_same_rows_never_wait_for_each_other(database_url: str, connection: db.Connection) -> None:
    """A deadlock would be StoreAway: a report of a worker, a heartbeat, the keeper of queues, and the replacement of settings."""
    rows = [add(connection, topic=f"publicTrade.A{number}USDT", symbol=f"A{number}USDT", ttl_seconds=60)[0] for number in range(40)]
    topics, ids = [row["topic"] for row in rows], [row["id"] for row in rows]
    start = threading.Barrier(6)

    def report(own: db.Connection, turn: int) -> None:
        said = [TopicReport(topic, ("live", "stalled")[turn % 2]) for topic in random.sample(topics, len(topics))]
        store.report_topics(own, "linear", said)

    def hammer(write: Callable[[db.Connection, int], object]) -> None:
        own = db.connect(database_url, name="test")
        start.wait()
        for turn in range(60):
            write(own, turn)
        own.close()

    writes: list[Callable[[db.Connection, int], object]] = [
        report,
        report,
        lambda own, _: leases.renew(own, service="one"),
        lambda own, _: store.set_queue_state(own, random.sample(ids, len(ids)), "ready"),
        lambda own, _: store.add_subscription(own, wish(symbol="A7USDT", snapshot_seconds=random.random()), lambda: "ready"),
        lambda own, _: leases.end(own, was_away=True),
    ]
    with ThreadPoolExecutor(len(writes)) as threads:
        list(threads.map(hammer, writes))
    assert store.count_active(connection) == 40
