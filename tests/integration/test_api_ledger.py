"""/gaps and /events over the control API: newest first, by topic or kind and time, paged; the same refusals as everywhere."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from asking import assert_error, call, make_client
from flask.testing import FlaskClient
from ledgers import GAP, closes, opens, store_all, told

from gateway.database import db
from gateway.models import Record
from gateway.servers.server import free_ports

GAPS, EVENTS = "/api/v1/gaps", "/api/v1/events"


@pytest.fixture
def client(tmp_path: Path, database_url: str) -> FlaskClient:
    """These routes need no broker."""
    return make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")


def gap(number: int, *, begins: int, ends: int | None, **given: Any) -> list[Record]:
    """The tellings of a gap, in seconds of 2026-01-01."""
    gap_id = str(UUID(int=number))
    tellings = [opens(f"o{number}", gap_id=gap_id, begins=begins, second=begins, **given)]
    if ends is not None:
        tellings.append(closes(f"c{number}", gap_id=gap_id, begins=begins, ends=ends, second=ends, **given))
    return tellings


def found(client: FlaskClient, query: str = "") -> tuple[list[int], int]:
    """The gaps' numbers, and how many match."""
    status, body = call(client, "GET", f"{GAPS}?{query}")
    assert status == 200, body
    return [UUID(row["id"]).int for row in body["gaps"]], body["total"]


def test_the_ledger_is_empty_before_anything_happens(client: FlaskClient) -> None:
    assert call(client, "GET", GAPS) == (200, {"gaps": [], "total": 0})
    assert call(client, "GET", EVENTS) == (200, {"events": [], "total": 0})


def test_a_gap_says_when_it_was_why_and_whether_it_was_filled(client: FlaskClient, connection: db.Connection) -> None:
    store_all(connection, [opens(topic="publicTrade.BTCUSDT", detail="cut")])
    row = {
        "id": GAP, "endpoint": "linear", "worker": "linear_00", "topic": "publicTrade.BTCUSDT", "from": "2026-01-01T00:00:00.000000Z",
        "to": None, "cause": "disconnected", "recovered": None, "detail": "cut",
    }  # fmt: skip
    assert call(client, "GET", GAPS) == (200, {"gaps": [row], "total": 1})
    store_all(connection, [closes(topic="publicTrade.BTCUSDT", recovered=False, detail="12 of 80 trades")])
    row |= {"to": "2026-01-01T00:00:10.000000Z", "recovered": False, "detail": "12 of 80 trades"}
    status, body = call(client, "GET", GAPS)
    assert (status, body, list(body["gaps"][0])) == (200, {"gaps": [row], "total": 1}, list(row))


def test_gaps_come_newest_first_and_in_pages(client: FlaskClient, connection: db.Connection) -> None:
    store_all(connection, [telling for number in (2, 5, 1, 4, 3) for telling in gap(number, begins=number, ends=20)])
    assert found(client) == ([5, 4, 3, 2, 1], 5)
    assert found(client, "limit=2") == ([5, 4], 5)
    assert found(client, "limit=2&offset=4") == ([1], 5)
    assert found(client, "offset=9") == ([], 5)


def test_a_gap_matches_when_it_overlaps_the_time_and_both_ends_belong_to_it(client: FlaskClient, connection: db.Connection) -> None:
    store_all(
        connection, [*gap(1, begins=10, ends=20), *gap(2, begins=30, ends=40), *gap(3, begins=35, ends=None)]
    )  # the last one is still open

    def within(start: str, end: str) -> list[int]:
        return found(client, "&".join(f"{key}={value}" for key, value in (("from", start), ("to", end)) if value))[0]

    day = "2026-01-01T00:00"
    assert within(f"{day}:20Z", f"{day}:30Z") == [2, 1]
    assert within(f"{day}:20.001Z", f"{day}:29.999Z") == []
    assert within(f"{day}:15Z", f"{day}:16Z") == [1]
    assert within(f"{day}:41Z", "") == [3]
    assert within("", f"{day}:10Z") == [1]
    assert within("", f"{day}:09.999Z") == []
    assert within("2026-01-01", "2026-01-01") == [3, 2, 1]
    assert within("2027-01-01", "") == [3]
    assert within("2026-01-01T02:00:20%2B02:00", "2026-01-01T02:00:20+02:00") == [1]


def test_a_topics_gaps_are_its_own_and_those_of_the_connections_that_could_carry_it(
    client: FlaskClient, connection: db.Connection
) -> None:
    store_all(
        connection,
        [
            *gap(1, begins=1, ends=None, topic="wallet", endpoint="private"), *gap(2, begins=2, ends=None, topic="order", endpoint="private"),
            *gap(3, begins=3, ends=None, endpoint="private"), *gap(4, begins=4, ends=None), *gap(5, begins=5, ends=None, endpoint="router"),
        ],
    )  # fmt: skip
    assert found(client, "topic=wallet") == ([5, 3, 1], 3)
    assert found(client, "topic=wallet&to=2026-01-01T00:00:02Z") == ([1], 1)
    assert found(client, "topic=publicTrade.BTCUSDT") == ([5, 4], 2)


def test_events_come_newest_first_by_kind_and_time(client: FlaskClient, connection: db.Connection) -> None:
    tellings = [
        told("connected", "a", second=1), opens("b", second=2, topic="t", detail="cut"), told("connected", "c", second=3),
        told("subscribed", "d", second=3),
    ]  # fmt: skip
    store_all(connection, tellings[::-1])

    def kinds(query: str) -> tuple[list[str], int]:
        status, body = call(client, "GET", f"{EVENTS}?{query}")
        assert status == 200, body
        return [row["kind"] for row in body["events"]], body["total"]

    assert kinds("") == (["subscribed", "connected", "disconnected", "connected"], 4)
    assert kinds("kind=connected") == (["connected", "connected"], 2)
    assert kinds("kind=connected&limit=1&offset=1&to=2026-01-01T00:00:02Z") == ([], 1)
    assert kinds("from=2026-01-01T00:00:02Z&to=2026-01-01T00:00:02Z") == (["disconnected"], 1)
    assert kinds("limit=1&offset=2") == (["disconnected"], 4)
    row = call(client, "GET", f"{EVENTS}?kind=disconnected")[1]["events"][0]
    assert row == {
        "event_id": tellings[1].event_id, "timestamp": "2026-01-01T00:00:02.000000Z", "kind": "disconnected", "endpoint": "linear",
        "worker": "linear_00", "topic": "t", "gap_id": GAP, "detail": "cut",
    }  # fmt: skip


@pytest.mark.parametrize("path", [GAPS, EVENTS])
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=never", "found from 'never'; expected ISO 8601"), ("to=", "found to ''; expected ISO 8601"),
        ("from=2026-01-02&to=2026-01-01", "expected from at or before to"),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_used_is_refused_in_one_sentence(client: FlaskClient, path: str, query: str, words: str) -> None:
    assert_error(call(client, "GET", f"{path}?{query}"), 400, "INVALID_TIME_RANGE", words)


@pytest.mark.parametrize("path", [GAPS, EVENTS])
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "offset=-1", "colour=red", "start=2026-01-01", "topic=", "kind=", "topic=" + "x" * 201]
)
def test_a_bad_query_of_the_ledger_is_400_and_names_the_field(client: FlaskClient, path: str, query: str) -> None:
    assert_error(call(client, "GET", f"{path}?{query}"), 400, "INVALID_REQUEST", query.partition("=")[0])


@pytest.mark.parametrize("path", [GAPS, EVENTS])
def test_without_a_database_the_answer_is_503(tmp_path: Path, path: str) -> None:
    ports = free_ports(2)
    client = make_client(tmp_path, f"postgresql://127.0.0.1:{ports[0]}/none", f"amqp://127.0.0.1:{ports[1]}/")
    assert_error(call(client, "GET", path), 503, "SERVICE_UNAVAILABLE")
