"""The router's own events, and when a spool without room is told of."""

import json
from typing import Any

from gateway.lanes.announcements import RECOVERED_AFTER_S, Announcements, Fullness, tell_of_damage
from gateway.lanes.damage import Hole
from gateway.occurrences import Gap
from gateway.wire import Stamp


def announcements() -> Announcements:
    stamp = Stamp(worker="router_00", account="main", include_raw="off", started_ms=1_700_000_000_000)
    return Announcements(stamp, lambda: None)


def payloads(said: Announcements) -> list[dict[str, Any]]:
    return [json.loads(record.body)["payload"] for record in said.taken()]


def test_what_was_told_is_taken_once_as_numbered_system_events() -> None:
    said = announcements()
    said.tell("gap", "ws-gateway.trade", Gap("g", "queue_missing", 1, 2, recovered=False))
    said.tell("recovered", "room")
    first, second = said.taken()
    assert said.taken() == []
    assert (first.routing_key, first.event_type) == ("system.-.-.-", "system")
    body = json.loads(first.body)
    assert body["payload"] == {
        "kind": "gap", "endpoint": "router", "worker": "router_00", "topic": None, "gap_id": "g", "detail": "ws-gateway.trade",
        "cause": "queue_missing", "from": 1, "to": 2, "recovered": False,
    }  # fmt: skip
    assert body["epoch"].endswith("-router_00")
    assert [json.loads(record.body)["sequence"] for record in (first, second)] == [1, 2]
    assert first.event_id != second.event_id


def test_telling_wakes_whoever_takes() -> None:
    woken: list[None] = []
    Announcements(Stamp(worker="w", account="", include_raw="off", started_ms=1), lambda: woken.append(None)).tell("gap", "")
    assert len(woken) == 1


def test_a_spool_without_room_is_told_once_and_once_again_when_it_has_had_room_for_a_while() -> None:
    said = announcements()
    fullness = Fullness("broker", said)
    fullness.look(None, 0.0, 1000)
    assert payloads(said) == []
    fullness.look("no space", 1.0, 2000)
    for tenth in range(50):  # room comes back file by file, and is taken at once
        fullness.look("no space" if tenth % 2 else None, 1.0 + tenth / 10, 2000 + tenth * 100)
    [opened] = payloads(said)
    assert (opened["kind"], opened["cause"], opened["from"], opened["to"]) == ("gap", "disk_full", 2000, None)
    assert opened["detail"] == "no space; nothing is taken from the workers, which keep what they have"
    fullness.look(None, 5.9 + RECOVERED_AFTER_S - 0.1, 9000)
    assert payloads(said) == []
    fullness.look(None, 5.9 + RECOVERED_AFTER_S, 9100)
    fullness.look(None, 99.0, 99_000)
    [closed] = payloads(said)
    assert (closed["kind"], closed["gap_id"], closed["from"], closed["to"]) == ("recovered", opened["gap_id"], 2000, 9100)
    assert closed["recovered"] is True
    fullness.look("no space", 100.0, 100_000)
    assert payloads(said)[0]["gap_id"] != opened["gap_id"]


def test_a_gap_that_an_earlier_process_left_open_is_closed_by_the_next() -> None:
    said = announcements()
    fullness = Fullness("broker", said, Gap("left", "disk_full", from_ms=2000))
    fullness.look(None, 50.0, 60_000)
    assert payloads(said) == []
    fullness.look(None, 50.0 + RECOVERED_AFTER_S, 62_000)
    [closed] = payloads(said)
    assert (closed["kind"], closed["gap_id"], closed["from"], closed["to"]) == ("recovered", "left", 2000, 62_000)
    assert fullness.gap is None
    still = Fullness("broker", said, Gap("left", "disk_full", from_ms=2000))
    still.look("no space", 50.0, 60_000)
    assert payloads(said) == [], "it goes on"


def test_what_a_spool_lost_on_its_disk_is_a_gap_and_the_same_one_when_the_next_process_finds_it() -> None:
    records = []
    for before_ns in (2_000_000, None):  # what was before it may be gone
        said = announcements()
        tell_of_damage(said, "broker", Hole(6, 7, 15, from_ns=before_ns, to_ns=9_000_000), 1000)
        records += said.taken()
    gaps = [json.loads(record.body)["payload"] for record in records]
    assert records[0].event_id == records[1].event_id
    assert gaps[0]["gap_id"] == gaps[1]["gap_id"]
    assert [(gap["cause"], gap["from"], gap["to"], gap["recovered"]) for gap in gaps] == [
        ("damaged", 2, 9, False), ("damaged", 9, 9, False),
    ]  # fmt: skip
    assert gaps[0]["detail"] == "2 parts in the spool of broker, 6 to 7, are damaged or missing: 15 records"


def test_damage_of_another_lane_is_another_gap_and_without_a_time_it_is_dated_now() -> None:
    said = announcements()
    for lane in ("broker", "postgres"):
        tell_of_damage(said, lane, Hole(6, None, bytes_cut=3), 1000)
    first, second = payloads(said)
    assert first["gap_id"] != second["gap_id"]
    assert (first["from"], first["to"]) == (1000, 1000)
