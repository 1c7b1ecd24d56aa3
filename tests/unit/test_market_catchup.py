"""The market's catch-up: topics that come back are asked for, those that do not have their verdict, and the gap waits for all of them."""

from collections.abc import Callable, Iterable
from pathlib import Path

from test_account_catchup import NOW_NS
from test_delivery import make, trades, waiting

from gateway.models import Event
from gateway.occurrences import Gap as Told
from gateway.protocol.answers import Fact
from gateway.protocol.frames import Ack
from gateway.protocol.subscriptions import Subscriptions
from tests.zeromq import Context
from workers.backfill import Filled, Gap
from workers.catchup import Frame
from workers.delivery import Delivery
from workers.market_catchup import MarketCatchup
from workers.refill import Refill

A, B = "publicTrade.A", "publicTrade.B"
NOW_MS = NOW_NS // 1_000_000
#: When the trades of `trades` were.
LIVE_MS = 1_700_000_000_000


class KeepingBackfill:
    """In the place of the threads: keeps what it was asked for, and tells what it was given."""

    def __init__(self) -> None:
        self.asked: list[Gap] = []
        self.filled: list[Filled] = []
        self.after_s = 0.0

    def begin(self, gaps: Iterable[Gap], *, after_s: float = 0.0) -> None:
        self.asked += gaps
        self.after_s = after_s

    def forget(self, is_wanted: Callable[[str], bool]) -> None:
        self.asked = [gap for gap in self.asked if is_wanted(gap.topic)]

    def taken(self) -> list[Filled]:
        found, self.filled = self.filled, []
        return found


class Loop:
    """As much of the link as the catch-up needs."""

    def __init__(self, folder: Path, context: Context) -> None:
        self.out: Delivery = make("linear", folder, context)
        self.out.want({A: frozenset(["trade"]), B: frozenset(["trade"])})
        self.backfill = KeepingBackfill()
        self.catchup = MarketCatchup(Refill[Frame](self.backfill), self.out)  # type: ignore[arg-type] # stands in for it
        self.out.passes = self.catchup.passes
        self.subscriptions = self.catchup.subscriptions = Subscriptions(self.out.endpoint)
        self.subscriptions.want({A: False, B: False})
        self.gap_id = ""

    def lose(self) -> None:
        self.catchup.lost()
        self.subscriptions.lost()
        self.out.ledger.connection_lost("disconnected", (A, B), from_ms=1_700_000_000_000, now_ns=NOW_NS, detail="cut")
        gap = self.out.gaps.connection
        assert gap is not None
        self.gap_id = gap.gap.id

    def open(self, *, refused: str = "") -> None:
        self.catchup.opened()
        self.subscribe(refused)

    def subscribe(self, refused: str = "") -> None:
        for request in self.subscriptions.to_send(0.0):
            failed = [refused] if refused else []
            held = [topic for topic in request.topics if topic not in failed]
            self.subscriptions.heard(
                Ack(op="subscribe", req_id=request.req_id, success=not failed, message="no", succeeded=held, failed=failed), 0.0
            )

    def turn(self) -> Told | None:
        """One turn of the link; the gap, once it is closed."""
        self.catchup.tend(0.0, NOW_NS)
        subscriptions = self.subscriptions
        self.out.ledger.look(self.out.endpoint, subscriptions, now_ns=NOW_NS)
        closed = [kept.gap for kept in self.out.gaps.ended if kept.gap.id == self.gap_id]
        self.out.flush()
        return closed[0] if closed else None

    def told(self) -> list[str]:
        return [event["payload"]["trade_id"] for event in waiting(self.out) if event["event_type"] == "trade"]

    def asked(self, topic: str) -> list[Gap]:
        return [gap for gap in self.backfill.asked if gap.topic == topic]

    def fill(self, topic: str, *ids: str, recovered: bool = True, gap: Gap | None = None, newest_ms: int = NOW_MS) -> None:
        """REST answers the newest question about a topic, or an older one."""
        facts = [fact(topic, identity) for identity in ids]
        answered = gap or self.asked(topic)[-1]
        self.backfill.filled.append(Filled(answered, facts, recovered, "" if recovered else "deeper", newest_ms))


def fact(topic: str, identity: str, at_ms: int = 1_700_000_000_000) -> Fact:
    symbol = topic.rpartition(".")[2]
    event = Event(
        event_type="trade", category="linear", symbol=symbol, topic=topic, timestamp_ms=at_ms, source="rest",
        identity=f"trade|linear|{symbol}|{identity}", payload={"trade_id": identity},
    )  # fmt: skip
    return Fact(event, None)


def make_lost(tmp_path: Path, context: Context) -> Loop:
    loop = Loop(tmp_path, context)
    loop.out.take(trades("A", "1"), NOW_NS)
    loop.lose()
    return loop


def test_the_gap_closes_once_all_that_was_promised_is_fetched(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    assert loop.turn() is None
    assert {gap.topic for gap in loop.backfill.asked} == {A, B}
    loop.fill(A, "2", "3")
    assert loop.turn() is None, "one is still to come"
    loop.fill(B)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered
    assert loop.told() == ["1", "2", "3"]


def test_a_remainder_that_could_not_be_fetched_makes_the_verdict(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    loop.fill(A, recovered=False)
    loop.fill(B)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered is False


def test_a_topic_that_is_refused_or_no_longer_wanted_holds_up_no_gap(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open(refused=B)
    loop.turn()
    assert [gap.topic for gap in loop.backfill.asked] == [A]
    loop.subscriptions.want({B: False})
    loop.catchup.want(lambda topic: topic == B)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered is False


def test_frames_wait_for_what_was_missed_and_what_rest_told_is_not_told_again(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    live = trades("A", "3", "4"), NOW_NS
    assert loop.catchup.holds(live, 0.0)
    loop.turn()
    loop.fill(A, "2", "3")
    loop.turn()
    assert loop.told() == ["1", "2", "3", "4"]


def test_a_connection_that_is_lost_again_meanwhile_is_asked_for_anew(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    loop.lose()
    loop.catchup.opened()
    loop.fill(A, "2")
    loop.fill(B)
    assert loop.turn() is None, "that was the first time away"
    loop.subscribe()
    assert loop.turn() is None
    loop.fill(A, "2", "3")
    loop.fill(B)
    assert loop.turn() is not None
    assert loop.told() == ["1", "2", "3"]


def test_what_nobody_has_answered_is_still_asked_for_after_another_loss(tmp_path: Path, context: Context) -> None:
    """What the first connection brought meanwhile is no proof that nothing is missing before it."""
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    [first] = loop.asked(A)
    assert loop.catchup.holds((trades("A", "5"), NOW_NS), 0.0)
    loop.lose()
    loop.open()
    loop.turn()
    again = loop.asked(A)[-1]
    assert again is not first
    assert again.edge == first.edge
    assert loop.told() == ["1"], "it waits for what was missed before it"
    loop.fill(A, "2", "5", "6")
    loop.fill(B)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered
    assert loop.told() == ["1", "2", "5", "6"]


def test_what_was_missed_between_frames_that_wait_is_told_between_them(tmp_path: Path, context: Context) -> None:
    """Of two connections, the first of which ended before REST answered; and its answer, which comes late, decides nothing."""
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    [first] = loop.asked(A)
    assert loop.catchup.holds((trades("A", "3", ms=LIVE_MS), NOW_NS), 0.0)
    loop.lose()
    loop.open()
    loop.turn()
    assert loop.catchup.holds((trades("A", "6", ms=LIVE_MS + 30), NOW_NS), 0.0)
    missed = [fact(A, "2", LIVE_MS - 1), fact(A, "3", LIVE_MS), fact(A, "4", LIVE_MS + 10)]
    loop.backfill.filled.append(Filled(first, missed, True, "", LIVE_MS + 10))
    loop.fill(B)
    assert loop.turn() is None
    assert loop.told() == ["1", "2", "3", "4"], "what is behind the newest that REST lists waits on"
    missed += [fact(A, "5", LIVE_MS + 20), fact(A, "6", LIVE_MS + 30), fact(A, "7", LIVE_MS + 40)]
    loop.backfill.filled.append(Filled(loop.asked(A)[-1], missed, True, "", LIVE_MS + 40))
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered
    assert loop.told() == ["1", "2", "3", "4", "5", "6", "7"]
    told = [event["payload"] for event in waiting(loop.out) if event["event_type"] == "system"]
    assert "publicTrade.A: 6 fetched" in told[-1]["detail"]


def test_what_waits_of_a_topic_that_the_exchange_refuses_now_goes_out(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    assert loop.catchup.holds((trades("B", "2"), NOW_NS), 0.0)
    loop.lose()
    loop.open(refused=B)
    loop.turn()
    assert loop.told() == ["1", "2"]


def test_what_waits_goes_out_when_the_process_ends_and_is_known_to_wait_until_then(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    assert loop.catchup.held_since_ms is None
    loop.open()
    assert loop.catchup.holds((trades("A", "3"), NOW_NS), 0.0)
    assert loop.catchup.held_since_ms == NOW_MS
    loop.catchup.lost()
    loop.catchup.release(0.0)
    loop.out.flush()
    assert loop.told() == ["1", "3"]
    assert loop.catchup.held_since_ms is None


def test_an_older_answer_tells_what_it_has_and_decides_nothing(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    [first] = loop.asked(A)
    loop.lose()
    loop.open()
    loop.turn()
    loop.fill(B)
    live = trades("A", "4"), NOW_NS
    assert loop.catchup.holds(live, 0.0)
    loop.fill(A, "2", gap=first)
    assert loop.turn() is None
    assert loop.told() == ["1", "2"], "the frame waits for the newer answer"
    loop.fill(A, "2", "3", recovered=False)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered is False
    assert loop.told() == ["1", "2", "3", "4"]


def test_what_was_lost_stays_lost_though_the_next_time_away_is_fetched(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    loop.fill(A, recovered=False)
    assert loop.turn() is None
    loop.lose()
    loop.open()
    loop.turn()
    loop.fill(A)
    loop.fill(B)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered is False


def test_a_topic_that_goes_and_comes_back_before_its_answer_holds_up_no_gap(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    [asked] = loop.asked(A)
    loop.catchup.want(lambda topic: topic == B)
    loop.catchup.want(lambda _topic: True)
    loop.fill(A, "2", gap=asked)
    loop.fill(B)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered is False
    assert loop.told() == ["1"], "nobody waited for it"


def test_a_list_that_begins_behind_the_frames_that_wait_is_not_told_before_them(tmp_path: Path, context: Context) -> None:
    """Sixty trades on spot are soon less than what waited."""
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    assert loop.catchup.holds((trades("A", "2", "3"), NOW_NS), 0.0)
    newer = [fact(A, "3", LIVE_MS + 1), fact(A, "4", LIVE_MS + 2)]
    loop.backfill.filled.append(Filled(loop.asked(A)[-1], newer, False, "deeper", NOW_MS))
    loop.turn()
    assert loop.told() == ["1", "2", "3", "4"]


def test_rest_that_lags_behind_the_stream_is_asked_once_more_and_the_frames_wait(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    assert loop.catchup.holds((trades("A", "4"), NOW_NS), 0.0)
    loop.fill(A, "2", newest_ms=LIVE_MS - 1)
    loop.fill(B)
    assert loop.turn() is None
    assert loop.told() == ["1", "2"]
    first, again = loop.asked(A)
    assert (again.edge.newest_ms, again.until) == (LIVE_MS - 1, first.until), "it is to reach back to what was listed"
    assert loop.backfill.after_s > 0.0
    loop.fill(A, "2", "3", "4", newest_ms=LIVE_MS)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered
    assert loop.told() == ["1", "2", "3", "4"]


def test_rest_that_goes_on_lagging_makes_the_verdict(tmp_path: Path, context: Context) -> None:
    loop = make_lost(tmp_path, context)
    loop.open()
    loop.turn()
    assert loop.catchup.holds((trades("A", "4"), NOW_NS), 0.0)
    loop.fill(A, "2", newest_ms=LIVE_MS - 2)
    loop.fill(B)
    loop.turn()
    loop.fill(A, "2", newest_ms=LIVE_MS - 1)
    gap = loop.turn()
    assert gap is not None
    assert gap.recovered is False
    assert len(loop.asked(A)) == 2
    assert loop.told() == ["1", "2", "4"]
    told = [event["payload"] for event in waiting(loop.out) if event["event_type"] == "system"]
    assert "publicTrade.A: 1 fetched; REST has not caught up with the stream" in told[-1]["detail"]
