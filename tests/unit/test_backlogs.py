"""Queues that fill up, and queues that nobody reads: told once each, and only of those that somebody wants."""

import msgspec

from gateway.health.words import QueueState
from gateway.lanes.backlogs import NOBODYS_MS, UNREAD_MS, Alarm, Backlogs, Head, Limits
from tests.scraping import NOW_MS, known, meter, router

MINE, CLASS = "ws-gateway.trade.mine", "ws-gateway.trade"
TTL_MS = 3_600_000


class Watch:
    """Looks every five seconds, until told otherwise."""

    def __init__(self, states: dict[str, QueueState] | None = None) -> None:
        self.backlogs = Backlogs(Limits(100, TTL_MS), states or {})
        self.now_ms = NOW_MS

    def look(self, messages: int, consumers: int = 0, queue: str = MINE, after_s: float = 5, **heads: Head) -> list[Alarm]:
        self.now_ms += round(after_s * 1000)
        return self.backlogs.look({queue: QueueState(messages, consumers)}, {CLASS}, heads, self.now_ms)

    def levels(self, *messages: int) -> list[str]:
        """How full each new alarm says it is."""
        found = [alarm for count in messages for alarm in self.look(count, consumers=1)]
        assert {alarm.kind for alarm in found} <= {"overflow"}
        return [alarm.detail.split(", ")[1].split(" ")[0] for alarm in found]

    @property
    def state(self) -> QueueState:
        return self.backlogs.states[MINE]


def test_a_queue_is_as_full_as_its_bytes_where_those_are_its_nearest_limit() -> None:
    watch = Watch()
    [alarm] = watch.look(3, consumers=1, **{MINE: Head(Limits(100, TTL_MS, 1000), NOW_MS, 850)})
    assert (alarm.kind, "85% of its limits" in alarm.detail) == ("overflow", True)
    assert watch.look(3, consumers=1, **{MINE: Head(Limits(100, TTL_MS, 1000), NOW_MS, 20)}) == []


def test_each_level_is_told_when_it_is_reached_and_not_again() -> None:
    assert Watch().levels(79, 80, 90, 95, 99, 100, 100, 99) == ["80%", "95%", "100%"]


def test_a_queue_at_the_edge_of_a_level_tells_it_once_and_again_after_it_was_calm() -> None:
    assert Watch().levels(80, 79, 80, 75, 81, 70, 80) == ["80%", "80%"]


def test_a_queue_that_fills_at_once_tells_the_highest_level_alone() -> None:
    assert Watch().levels(100) == ["100%"]


def test_the_words_say_whether_something_is_lost() -> None:
    watch = Watch()
    [alarm] = watch.look(80, consumers=1)
    assert alarm == Alarm(
        "overflow", MINE, f"{MINE} holds 80 messages, 80% of its limits; at 100 % its oldest messages are dropped"
    )
    [alarm] = watch.look(100, consumers=1)
    assert alarm.detail.endswith("its oldest messages are dropped now")


def test_age_fills_a_queue_too_where_somebody_says_how_old_its_oldest_message_is() -> None:
    watch = Watch()
    head = Head(Limits(100, TTL_MS), NOW_MS)
    assert watch.look(1, consumers=1, **{MINE: head}) == []
    [alarm] = watch.look(1, consumers=1, after_s=0.9 * TTL_MS / 1000, **{MINE: head})
    assert "90% of its limits" in alarm.detail
    assert watch.state.oldest_ms == head.oldest_ms


def test_a_fact_of_long_ago_that_came_just_now_fills_nothing() -> None:
    watch = Watch()
    last_month = Head(Limits(100, TTL_MS), NOW_MS - 30 * 86_400_000)
    assert watch.look(1, consumers=1, **{MINE: last_month}) == []
    assert watch.state.oldest_ms == last_month.oldest_ms
    watch.look(0, consumers=1, after_s=0.9 * TTL_MS / 1000, **{MINE: Head(Limits(100, TTL_MS), None)})
    assert watch.look(1, consumers=1, **{MINE: last_month}) == [], "it was empty in between"
    assert watch.state.fill == 0.01


def test_a_queue_that_is_read_and_never_seen_empty_is_as_old_as_its_oldest_message() -> None:
    watch = Watch()
    for _ in range(3):
        head = Head(Limits(100, TTL_MS), watch.now_ms)
        assert watch.look(10, consumers=1, after_s=0.7 * TTL_MS / 1000, **{MINE: head}) == []


def test_an_empty_queue_has_no_oldest_message() -> None:
    watch = Watch()
    watch.look(0, **{MINE: Head(Limits(100, TTL_MS), NOW_MS)})
    assert (watch.state.oldest_ms, watch.state.fill) == (None, 0)


def test_a_queues_own_limits_count_before_the_usual_ones_and_without_any_nothing_is_full() -> None:
    watch = Watch()
    assert watch.look(99, consumers=1, **{MINE: Head(Limits(1000, None), None)}) == []
    assert watch.look(99, consumers=1, **{MINE: Head(Limits(None, None), None)}) == []
    assert watch.state.fill is None


def test_messages_that_nobody_reads_for_a_minute_are_told_once_until_somebody_does() -> None:
    watch = Watch()
    told = [alarm for second in range(0, 200, 5) for alarm in watch.look(10 + second // 5)]
    assert [alarm.kind for alarm in told] == ["unread"]
    assert watch.state.is_unread
    assert watch.look(50, consumers=1) == []
    assert not watch.state.is_unread
    assert [alarm.kind for second in range(0, 100, 5) for alarm in watch.look(50)] == ["unread"]


def test_whoever_takes_messages_without_staying_is_a_reader_too() -> None:
    watch = Watch()
    told = [alarm for turn in range(40) for alarm in watch.look(30 if turn % 2 else 20)]
    assert told == []


def test_messages_that_were_too_old_are_not_taken_for_read() -> None:
    watch = Watch()
    for _ in range(3):
        watch.look(50, after_s=TTL_MS / 1000)
    read_ms = watch.state.read_ms
    watch.look(40)
    assert watch.state.read_ms == read_ms


def test_messages_that_expire_after_their_reader_has_left_are_not_taken_for_read() -> None:
    watch = Watch()
    first, second = (Head(Limits(100, TTL_MS), NOW_MS + age_ms) for age_ms in (0, TTL_MS // 10))
    watch.look(50, consumers=1, **{MINE: first})
    watch.look(50, consumers=1, after_s=0.95 * TTL_MS / 1000, **{MINE: first})
    for _ in range(30):
        watch.look(50, **{MINE: first})
    assert watch.state.is_unread
    watch.look(40, after_s=0.01 * TTL_MS / 1000, **{MINE: second})
    assert watch.state.is_unread, "the first have expired, half a minute after their hour"
    watch.look(30, **{MINE: second})
    assert not watch.state.is_unread, "the oldest of these has time left: somebody took them"


def test_what_others_read_is_whole_while_it_is_made_anew() -> None:
    watch = Watch()
    watch.look(10)
    seen = []

    class Asked(dict[str, Head]):
        def get(self, _name: str, other: Head | None = None) -> Head | None:  # type: ignore[override] # as it is asked here
            seen.append(list(watch.backlogs.states))
            return other

    watch.backlogs.look({MINE: QueueState(10, 0)}, {CLASS}, Asked(), watch.now_ms)
    assert seen == [[MINE]]


def test_a_class_queue_that_nobody_has_read_for_a_day_is_a_hint_and_no_alarm() -> None:
    watch = Watch()
    told = [alarm for _ in range(20) for alarm in watch.look(100, queue=CLASS)]
    assert told == []
    assert watch.backlogs.hint is not None
    assert "WS_GATEWAY_CLASS_QUEUES" in watch.backlogs.hint
    assert CLASS in watch.backlogs.hint
    assert watch.backlogs.states[CLASS].level == 0


def test_a_class_queue_that_had_a_reader_is_watched_for_a_day() -> None:
    watch = Watch()
    watch.look(1, consumers=1, queue=CLASS)
    assert [alarm.kind for _ in range(20) for alarm in watch.look(100, queue=CLASS)] == ["overflow", "unread"]
    assert watch.backlogs.hint is None
    watch.look(100, queue=CLASS, after_s=NOBODYS_MS / 1000)
    assert watch.backlogs.hint is not None
    assert not watch.backlogs.states[CLASS].is_unread


def test_a_new_process_goes_on_with_what_was_told_and_with_who_read() -> None:
    first = Watch()
    first.levels(95)
    first.look(95, after_s=0)
    kept = msgspec.json.decode(msgspec.json.encode(first.backlogs.states), type=dict[str, QueueState])
    second = Watch(kept)
    second.now_ms = first.now_ms
    assert second.levels(95) == []
    assert second.levels(100) == ["100%"]
    assert second.state.read_ms == second.now_ms


def test_a_queue_that_has_gone_is_forgotten() -> None:
    watch = Watch()
    watch.levels(95)
    watch.backlogs.look({}, {CLASS}, {}, watch.now_ms)
    assert watch.levels(95) == ["95%"]


def test_alarms_are_metrics() -> None:
    watch = Watch()
    watch.look(10)
    read = meter(lambda: known(router=router(queues=watch.backlogs.states)))
    with read.moving("queue_unread", queue=MINE, to=lambda on: on == 1):
        watch.look(10, after_s=UNREAD_MS / 1000)
    with read.moving("queue_backlog_alarm", queue=MINE, to=lambda level: level == 0.95):
        watch.look(96)
