"""The worker's own books, behind its delivery: published whole only while they are what the exchange's are."""

from typing import Any

import pytest
from book_bench import BEGAN_MS, FULL, QUEUE, TOPIC, Bench, answer, frame

from gateway.models import Json
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Ack
from gateway.protocol.subscriptions import Subscriptions


def whole(events: list[dict[str, Any]]) -> list[int]:
    """`u` of the snapshots that left for the queue of the service."""
    assert all(event["payload"]["in_sync"] for event in events if event["queue"])
    return [event["payload"]["update_id"] for event in events if event["queue"]]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["payload"]["kind"] for event in events if event["event_type"] == "system"]


def test_a_book_whose_connection_is_lost_is_not_published() -> None:
    bench = Bench(TOPIC)
    bench.take("snapshot", 5, 0.0)
    assert whole(bench.tend(0.0)) == [5]
    bench.out.lost(0.5)
    assert [whole(bench.tend(now)) for now in (2.0, 4.0)] == [[], []], "even where the exchange would still hold its topic"
    bench.out.new_connection(5.0)
    bench.take("snapshot", 9, 5.0)
    assert whole(bench.tend(5.0)) == [9]


def test_a_book_whose_topic_is_left_is_not_published_before_its_next_snapshot() -> None:
    bench = Bench(TOPIC)
    bench.take("snapshot", 5, 0.0)
    assert whole(bench.tend(0.0)) == [5]
    bench.held = False
    assert whole(bench.tend(2.0)) == []
    bench.held, bench.live = True, False
    assert whole(bench.tend(3.0)) == []
    assert bench.renewed == 0, "its snapshot is on its way"
    bench.live = True
    bench.take("snapshot", 9, 4.0)
    assert whole(bench.tend(4.0)) == [9]


def test_a_whole_book_is_taken_from_rest_only_while_its_topic_is_held() -> None:
    bench = Bench(FULL, wishes=True)
    assert bench.tend(0.0) == []
    assert bench.answers.asked == [FULL]
    bench.out.lost(0.5)
    bench.held = False
    bench.answers.ready = [(FULL, answer(7))]
    assert bench.tend(1.0) == []
    bench.held = True
    bench.answers.ready = [(FULL, answer(8))]
    assert [(event["source"], event["payload"]["update_id"]) for event in bench.tend(2.0)] == [("rest", 8), ("derived", 8)]


@pytest.mark.parametrize("continuity", [True, False])
@pytest.mark.parametrize(("update_id", "changed"), [("x", {}), (6, {"s": "B"}), (6, {"s": "X" * 300}), (6, {"b": None})], ids=str)
def test_a_frame_that_cannot_be_read_is_a_hole(update_id: Any, changed: dict[str, Any], continuity: bool) -> None:
    bench = Bench(TOPIC, continuity=continuity)
    bench.take("snapshot", 5, 0.0)
    assert whole(bench.tend(0.0)) == [5]
    assert bench.take("delta", update_id, 1.0, **changed), "its topic is to be subscribed anew"
    bench.take("delta", 7, 1.1)
    events = bench.tend(3.0)
    assert whole(events) == []
    assert kinds(events) == ["dead_letter", "gap"]
    assert [event["payload"]["in_sync"] for event in events if event["event_type"] == "orderbook"] == [False]
    assert len(bench.letters.reasons) == 1
    assert not bench.take("snapshot", 7, 4.0)
    events = bench.tend(4.0)
    assert (kinds(events), whole(events)) == (["recovered"], [7])


def test_a_frame_of_a_whole_book_that_cannot_be_read_has_it_fetched_again() -> None:
    bench = Bench(FULL)
    bench.tend(0.0)
    bench.answers.ready = [(FULL, answer(7))]
    assert whole(bench.tend(1.0)) == [7]
    assert not bench.take("delta", "x", 20.0)
    assert kinds(bench.tend(20.0)) == ["dead_letter", "gap"]
    assert bench.answers.asked == [FULL, FULL]
    bench.answers.ready = [(FULL, answer(9))]
    assert kinds(bench.tend(21.0)) == ["recovered"]


def test_a_fetched_book_is_dated_by_its_answer_and_has_the_same_id_whatever_frame_came_before() -> None:
    found = []
    for before in (BEGAN_MS, BEGAN_MS + 50):
        bench = Bench(FULL)
        old = frame(FULL, "delta", 3)
        old.frame["ts"] = old.frame["cts"] = before
        bench.out.take(old, 1, 0.0)
        bench.out.new_connection(600.0)
        bench.tend(600.0)
        bench.answers.ready = [(FULL, answer(900))]
        [event] = [event for event in bench.tend(601.0) if event["source"] == "rest"]
        found.append((event["event_id"], event["payload"]["matched_at"], event["payload"]["pushed_at"]))
    assert found == [(found[0][0], BEGAN_MS + 599_995, BEGAN_MS + 600_000)] * 2


def test_a_fetched_book_is_dated_by_the_frame_that_brought_it_there_and_keeps_its_id() -> None:
    found = []
    for frames in ([5, 6, 7], [6, 7]):
        bench = Bench(FULL)
        for update_id in frames:
            bench.take("delta", update_id, 0.0)
        bench.tend(0.0)
        bench.answers.ready = [(FULL, answer(6))]
        [event] = [event for event in bench.tend(1.0) if event["source"] == "rest"]
        assert (event["payload"]["update_id"], event["payload"]["matched_at"]) == (7, BEGAN_MS)
        found.append(event["event_id"])
    assert found[0] == found[1]


@pytest.mark.parametrize("odd", [None, "x", [1], {"a": 1}, True, 1.5, 10**400])
def test_a_fetched_book_with_an_odd_time_is_delivered(odd: Json) -> None:
    bench = Bench(FULL)
    bench.tend(0.0)
    bench.answers.ready = [(FULL, answer(6) | {"ts": odd, "cts": odd})]
    [event] = [event for event in bench.tend(1.0) if event["source"] == "rest"]
    assert event["payload"]["update_id"] == 6


def test_a_wish_that_comes_while_its_topic_is_asked_for_is_not_lost() -> None:
    bench = Bench(TOPIC, wishes=False)
    subscriptions = Subscriptions(ENDPOINTS["linear"])
    subscriptions.want({TOPIC: True})
    [request] = subscriptions.to_send(0.0)
    subscriptions.frame(TOPIC, 0.1)
    bench.take("snapshot", 5, 0.1)
    bench.wish()
    assert bench.out.tend(subscriptions, 0.15, 1) == [], "while it is asked for there is nothing to renew"
    subscriptions.heard(Ack("subscribe", True, request.req_id, ""), 0.2)
    bench.take("delta", 6, 0.3)
    [topic] = bench.out.tend(subscriptions, 0.3, 1)
    subscriptions.renew(topic)
    [request] = subscriptions.to_send(0.4)
    assert (request.op, request.topics) == ("unsubscribe", (TOPIC,))


def test_what_no_frame_brought_counts_as_an_event_of_its_topic() -> None:
    bench = Bench(FULL)
    bench.tend(0.0)
    bench.answers.ready = [(FULL, answer(7))]
    bench.tend(1.0)
    assert bench.out.counts.events == 2
    assert bench.out.readers.last_event_ms(FULL) == BEGAN_MS
    bench.take("delta", 7, 1.5)
    assert (bench.out.counts.events, bench.out.counts.stale) == (2, 1)


def test_a_shorter_pause_counts_from_the_last_whole_book() -> None:
    bench = Bench(TOPIC, wishes=False)
    bench.books.want(bench.rows, {TOPIC: {QUEUE: 3600.0}})
    bench.take("snapshot", 5, 0.0)
    assert whole(bench.tend(0.0)) == [5]
    bench.books.want(bench.rows, {TOPIC: {QUEUE: 10.0}})
    assert [whole(bench.tend(now)) for now in (9.0, 10.0, 19.0, 20.0)] == [[], [5], [], [5]]
