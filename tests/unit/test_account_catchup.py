"""The account's catch-up: what REST told goes out with the gap's id and verdict, an audit's finds are a gap, and the checkpoint waits for the router."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_delivery import make

from gateway.metrics.tally import Counted
from gateway.models import Event
from gateway.protocol.answers import Fact, facts_of
from gateway.protocol.checkpoint import Mark
from gateway.protocol.frames import Data, parse
from gateway.protocol.subscriptions import Subscriptions
from tests.scraping import known, meter, worker
from tests.zeromq import Context
from workers.account_catchup import MOST_LEFT, AccountCatchup
from workers.catchup import Frame
from workers.delivery import Delivery
from workers.reconcile import Found, Reason
from workers.reconciliation import Reconciliation
from workers.run_counts import counted

NOW_NS = 1_700_000_100_000_000_000
TOPICS = ("execution", "order")
#: When frames tell that something happened, and a moment before.
LIVE_MS, MISSED_MS = 1_700_000_000_000, 1_699_999_999_999


class KeepingReconciler:
    """In the place of the thread: tells what it was given to find, and keeps what it was asked and what was settled."""

    def __init__(self) -> None:
        self.asked: list[tuple[Reason, frozenset[str]]] = []
        self.found: list[Found] = []
        self.settled: list[Found] = []
        self.wanted: list[set[str]] = []
        self.is_blind = self.is_dead = False

    def want(self, topics: Collection[str]) -> None:
        self.wanted.append(set(topics))

    def begin(self, reason: Reason, topics: Collection[str], _believed: Mapping[str, frozenset[str]]) -> int | None:
        if self.is_blind:
            return None
        self.asked.append((reason, frozenset(topics)))
        return len(self.asked)

    def taken(self) -> list[Found]:
        found, self.found = self.found, []
        return found

    def settle(self, found: Found) -> None:
        self.settled.append(found)


class Loop:
    """As much of the link as the catch-up needs. now: monotonic seconds."""

    def __init__(self, folder: Path, context: Context, topics: Collection[str] = TOPICS, *, most_left: int = MOST_LEFT) -> None:
        self.out: Delivery = make("private", folder, context)
        self.out.gaps.is_judged = True
        self.out.want({topic: frozenset([topic]) for topic in topics})
        self.reconciler = KeepingReconciler()
        account = Reconciliation[Frame](self.reconciler)  # type: ignore[arg-type] # stands in for it
        self.catchup = AccountCatchup(account, self.out, most_left=most_left)
        self.out.passes = self.catchup.passes
        self.catchup.subscriptions = Subscriptions(self.out.endpoint)
        self.now = 0.0
        self._topics = topics

    def connect(self, refused: Collection[str] = ()) -> None:
        subscriptions = self.catchup.subscriptions
        self.catchup.opened()
        for is_taken, topics in ((True, [topic for topic in self._topics if topic not in refused]), (False, self._topics)):
            subscriptions.want(dict.fromkeys(topics, False))
            for request in subscriptions.to_send(self.now):
                ack = {"success": is_taken, "ret_msg": "" if is_taken else "no such topic", "op": "subscribe", "conn_id": "c"}
                subscriptions.heard(parse(json.dumps({**ack, "req_id": request.req_id}).encode()), self.now)  # type: ignore[arg-type]
        self.catchup.settled(self.now, NOW_NS)

    def turn(self, *found: Found) -> list[dict[str, Any]]:
        """One turn of the link; what went out with it."""
        self.reconciler.found += found
        before = self.out.bus.outbox.last
        self.catchup.tend(self.now, NOW_NS)
        self.out.flush()
        return [json.loads(record.body) for record in self.out.bus.outbox.left(before)]

    def hears(self, data: Data) -> None:
        if not self.catchup.holds((data, NOW_NS), self.now):
            self.out.take(data, NOW_NS, self.now)


def execution(identity: str, at_ms: int = LIVE_MS) -> dict[str, Any]:
    return {
        "category": "linear", "symbol": "BTCUSDT", "execId": identity, "execType": "Trade", "orderId": "o", "side": "Buy", "execPrice": "1",
        "execQty": "2", "execFee": "0", "isMaker": False, "execTime": str(at_ms), "orderLinkId": "", "seq": 7,
    }  # fmt: skip


def frame(*identities: str, at_ms: int = LIVE_MS) -> Data:
    rows = [execution(identity, at_ms) for identity in identities]
    data = parse(json.dumps({"topic": "execution", "id": "1", "creationTime": 1_700_000_000_001, "data": rows}).encode())
    assert isinstance(data, Data)
    return data


def fact(identity: str, at_ms: int = MISSED_MS) -> Fact:
    event = Event(
        event_type="execution", category="linear", symbol="BTCUSDT", topic="execution", timestamp_ms=at_ms,
        identity=f"execution|linear|BTCUSDT|{identity}", payload={"execution_id": identity}, private=True, source="rest",
    )  # fmt: skip
    return Fact(event, {"execId": identity})


def found(loop: Loop, *facts: Fact, reason: Reason = "connected", lacks: tuple[str, ...] = (), is_last: bool = True) -> Found:
    return Found(len(loop.reconciler.asked), reason, list(facts), [], [], 1_700_000_060_000, is_last, lacks, {})


def system(events: list[dict[str, Any]]) -> list[tuple[str, str | None, bool | None]]:
    return [(e["payload"]["kind"], e["payload"]["cause"], e["payload"]["recovered"]) for e in events if e["event_type"] == "system"]


def lose(loop: Loop, *more: str) -> str:
    loop.out.ledger.connection_lost("disconnected", (*TOPICS, *more), from_ms=1_700_000_000_000, now_ns=NOW_NS, detail="cut")
    loop.out.flush()
    gap = loop.out.gaps.connection
    assert gap is not None
    return gap.gap.id


def test_frames_wait_for_what_was_missed_which_carries_the_gap_and_closes_it(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    gap_id = lose(loop)
    loop.connect()
    assert loop.reconciler.asked == [("connected", frozenset(TOPICS))]
    loop.hears(frame("live"))
    assert loop.turn() == [], "it waits"
    assert loop.out.journal.is_withheld, "and nothing that was kept counts as handed on"
    events = loop.turn(found(loop, fact("missed-1"), fact("missed-2")))
    executions = [event for event in events if event["event_type"] == "execution"]
    assert [event["payload"]["execution_id"] for event in executions] == ["missed-1", "missed-2", "live"]
    assert [event["gap_id"] for event in executions] == [gap_id, None, None]
    assert system(events) == [("recovered", "disconnected", True)]
    assert not loop.out.journal.is_withheld


def order(status: str, executed: str, at_ms: int) -> dict[str, Any]:
    return {
        "category": "linear", "symbol": "BTCUSDT", "orderId": "o", "orderLinkId": "", "orderStatus": status, "side": "Buy", "price": "1",
        "qty": "2", "cumExecQty": executed, "leavesQty": "0", "orderType": "Limit", "timeInForce": "GTC", "createdTime": str(LIVE_MS),
        "updatedTime": str(at_ms), "positionIdx": 0,
    }  # fmt: skip


def order_frame(status: str, executed: str, at_ms: int) -> Data:
    data = parse(
        json.dumps({"topic": "order", "id": "1", "creationTime": at_ms, "data": [order(status, executed, at_ms)]}).encode()
    )
    assert isinstance(data, Data)
    return data


def order_fact(status: str, executed: str, at_ms: int) -> Fact:
    body = {"time": at_ms + 5, "result": {"category": "linear", "list": [order(status, executed, at_ms)]}}
    (told,) = facts_of("/v5/order/realtime", body, topic="order", endpoint="private", category=None)
    return told


def test_what_was_read_is_told_before_what_rest_tells_of_later_and_nothing_of_it_is_lost(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    loop.connect()
    loop.hears(order_frame("New", "0", LIVE_MS + 10))
    loop.hears(order_frame("PartiallyFilled", "1", LIVE_MS + 20))
    loop.hears(frame("e2", at_ms=LIVE_MS + 20))
    facts = [fact("e1", LIVE_MS + 15), fact("e2", LIVE_MS + 20), order_fact("Filled", "2", LIVE_MS + 30), fact("e3", LIVE_MS + 30)]
    events = loop.turn(found(loop, *facts))
    assert [(event["source"], event["payload"].get("execution_id") or event["payload"]["status"]) for event in events] == [
        ("stream", "New"), ("rest", "e1"), ("stream", "PartiallyFilled"), ("stream", "e2"), ("rest", "Filled"), ("rest", "e3"),
    ]  # fmt: skip
    loop.hears(order_frame("Filled", "2", LIVE_MS + 30))
    assert loop.turn() == [], "it was told"


def position(size: str, at_ms: int) -> dict[str, Any]:
    return {
        "category": "linear", "symbol": "BTCUSDT", "positionIdx": 0, "side": "Buy", "size": size, "updatedTime": str(at_ms), "seq": at_ms,
        "entryPrice": "1", "avgPrice": "1",
    }  # fmt: skip


def test_what_is_so_now_is_not_told_by_an_older_answer_before_frames_that_wait(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context, topics=("position",))
    loop.connect()
    text = json.dumps({"topic": "position", "id": "1", "creationTime": LIVE_MS, "data": [position("1", LIVE_MS)]}).encode()
    data = parse(text)
    assert isinstance(data, Data)
    loop.hears(data)
    body = {"time": LIVE_MS + 30, "result": {"category": "linear", "list": [position("2", LIVE_MS + 20)]}}
    facts = facts_of("/v5/position/list", body, topic="position", endpoint="private", category=None)
    marks = {"order.linear": Mark(1), "position.linear": Mark(1), "balance": Mark(1)}
    answer = replace(found(loop), states=facts, marks=marks)
    loop.catchup.lost()
    loop.connect()
    assert loop.turn(answer) == []
    loop.turn()
    assert [list(settled.marks) for settled in loop.reconciler.settled] == [["order.linear"]], "the newer one reads them again"
    events = loop.turn(replace(answer, number=2))
    assert [(event["source"], event["payload"]["size"]) for event in events if event["event_type"] == "position"] == [
        ("stream", "1"),
        ("rest", "2"),
    ]


def test_a_push_of_the_wallet_dates_nothing_that_happened(tmp_path: Path, context: Context) -> None:
    """It is dated when it was sent, which is behind what was read later."""
    loop = Loop(tmp_path, context, topics=(*TOPICS, "wallet"))
    loop.out.want({"wallet": frozenset(["balance"]), "execution": frozenset(["execution"])})
    loop.connect()
    coin = {"coin": "USDT", "walletBalance": "1", "equity": "1", "locked": "0"}
    row = {"accountType": "UNIFIED", "coin": [coin]}
    wallet = parse(json.dumps({"topic": "wallet", "id": "1", "creationTime": LIVE_MS + 10, "data": [row]}).encode())
    assert isinstance(wallet, Data)
    loop.hears(wallet)
    loop.hears(frame("read", at_ms=LIVE_MS + 8))
    events = loop.turn(found(loop, fact("missed", LIVE_MS + 9)))
    assert [event["payload"].get("execution_id", "wallet") for event in events] == ["wallet", "read", "missed"]


def test_an_audit_of_a_connection_that_is_gone_is_told_by_nobody(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    loop.connect()
    loop.turn(found(loop))
    loop.now = 61.0
    loop.turn()
    late = found(loop, fact("missed"), reason="audit")
    loop.catchup.lost()
    assert loop.turn(late) == []
    loop.connect()
    assert loop.turn(late) == []
    assert (loop.catchup.missed, late in loop.reconciler.settled) == (0, False)
    events = loop.turn(found(loop, fact("missed")))
    assert [event["payload"]["execution_id"] for event in events if event["event_type"] == "execution"] == ["missed"]


def test_what_an_earlier_run_left_waits_for_rest_too_and_goes_on_without_it(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    for identity in ("one", "two"):
        assert loop.catchup.holds_left((frame(identity), NOW_NS), 0.0)
    assert loop.out.journal.is_withheld
    loop.connect()
    loop.hears(frame("three"))
    events = loop.turn(found(loop, fact("missed")))
    assert [event["payload"]["execution_id"] for event in events] == ["missed", "one", "two", "three"]
    assert not loop.out.journal.is_withheld
    assert loop.catchup.holds_left((frame("four"), NOW_NS), 0.0)
    loop.now = 2.0
    assert [event["payload"]["execution_id"] for event in loop.turn()] == ["four"], "nobody is there"


def test_of_what_an_earlier_run_left_only_so_much_waits(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context, most_left=2 * len(frame("one").text))
    for identity in ("one", "two", "six"):
        assert loop.catchup.holds_left((frame(identity), NOW_NS), 0.0)
    loop.connect()
    events = loop.turn(found(loop, fact("missed")))
    assert [event["payload"]["execution_id"] for event in events] == ["one", "two", "missed", "six"]


def test_what_was_received_before_a_gap_was_noticed_does_not_follow_on_it(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    assert loop.catchup.holds_left((frame("before"), NOW_NS), 0.0)
    now_ms = NOW_NS // 1_000_000
    gap = loop.out.gaps.begin("restarted", from_ms=now_ms - 1000, now_ms=now_ms + 1, topics=TOPICS)
    loop.connect()
    events = [event for event in loop.turn(found(loop, fact("missed", LIVE_MS + 1))) if event["event_type"] == "execution"]
    assert [(event["payload"]["execution_id"], event["gap_id"]) for event in events] == [
        ("before", None),
        ("missed", gap.id),
    ]


def test_frames_wait_no_longer_than_two_seconds(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    loop.connect()
    loop.hears(frame("live"))
    loop.now = 1.9
    assert loop.turn() == []
    loop.now = 2.0
    assert [event["payload"]["execution_id"] for event in loop.turn()] == ["live"]
    late = loop.turn(found(loop, fact("live"), fact("missed")))
    assert [event["payload"]["execution_id"] for event in late if event["event_type"] == "execution"] == ["missed"]


def test_what_is_lacking_is_said_with_the_verdict(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context, topics=(*TOPICS, "greeks"))
    lose(loop, "greeks")
    loop.connect()
    events = loop.turn(found(loop, lacks=("order.linear: the line is cut",)))
    assert system(events) == [("recovered", "disconnected", False)]
    detail = events[-1]["payload"]["detail"]
    assert "order.linear: the line is cut" in detail
    assert "nothing of greeks was fetched" in detail


def test_a_topic_of_the_gap_that_the_exchange_refuses_now_is_lacking_and_its_part_is_still_wanted(
    tmp_path: Path, context: Context
) -> None:
    loop = Loop(tmp_path, context, topics=(*TOPICS, "position"))
    lose(loop, "position")
    loop.connect(refused=["position"])
    assert loop.reconciler.asked == [("connected", frozenset(TOPICS))]
    (told,) = loop.turn(found(loop))
    assert (told["payload"]["kind"], told["payload"]["recovered"]) == ("recovered", False)
    assert "nothing of position (no such topic) was fetched" in told["payload"]["detail"]
    loop.catchup.want(lambda _topic: True)
    assert loop.reconciler.wanted == [{*TOPICS, "position"}]


def test_a_topic_of_the_gap_that_nobody_wants_any_more_is_not_lacking(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    lose(loop, "position", "greeks")
    loop.connect()
    assert system(loop.turn(found(loop))) == [("recovered", "disconnected", True)]


def test_a_topic_that_is_new_since_the_gap_lacks_nothing(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context, topics=(*TOPICS, "greeks"))
    lose(loop)
    loop.connect()
    assert system(loop.turn(found(loop))) == [("recovered", "disconnected", True)]


def test_a_reader_that_died_is_seen(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    assert not loop.catchup.is_dead
    loop.reconciler.is_dead = True
    assert loop.catchup.is_dead


def test_a_gap_of_which_rest_tells_nothing_closes_at_once_and_says_so(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    lose(loop)
    loop.reconciler.is_blind = True
    loop.connect()
    assert system(loop.turn()) == [("recovered", "disconnected", False)]
    loop.hears(frame("live"))
    assert [event["event_type"] for event in loop.turn()] == ["execution"], "nothing waits"


def counted_by(loop: Loop) -> Counted:
    return counted(loop.out, reconnections=0, missed=loop.catchup.missed, unmatched=0)


def test_what_an_audit_finds_is_a_gap_of_its_own_and_counted(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    loop.connect()
    loop.turn(found(loop))
    loop.now = 61.0
    loop.turn()
    assert loop.reconciler.asked[-1] == ("audit", frozenset(TOPICS))
    with meter(lambda: known(worker("private_00", counted=counted_by(loop)))).moving("missed_total", worker="private_00"):
        events = loop.turn(found(loop, fact("missed"), reason="audit"))
    assert system(events) == [("gap", "missed", None), ("recovered", "missed", True)]
    assert [event["gap_id"] for event in events if event["event_type"] == "execution"] == [events[0]["payload"]["gap_id"]]
    assert loop.catchup.missed == 1
    assert system(loop.turn(found(loop, fact("missed"), reason="audit"))) == [], "it was told"


def test_while_frames_wait_unread_no_audit_finds_what_they_tell(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    loop.connect()
    loop.turn(found(loop))
    full = loop.out.ledger.begin("gap", "disk_full", now_ns=NOW_NS, from_ms=NOW_NS // 1_000_000, topics=TOPICS)
    loop.now = 61.0
    loop.turn()
    assert [reason for reason, _ in loop.reconciler.asked] == ["connected"]
    loop.out.ledger.end(full, now_ns=NOW_NS, recovered=True)
    loop.turn()
    assert [reason for reason, _ in loop.reconciler.asked] == ["connected", "audit"]


def test_the_checkpoint_moves_once_the_router_has_what_was_told(tmp_path: Path, context: Context) -> None:
    loop = Loop(tmp_path, context)
    loop.connect()
    news = found(loop, fact("missed"))
    loop.turn(news)
    loop.turn()
    assert loop.reconciler.settled == []
    loop.out.bus.outbox.next_batch()
    loop.out.bus.outbox.acknowledged(1)
    loop.turn()
    assert loop.reconciler.settled == [news]


@pytest.mark.parametrize("told_by_rest", [True, False])
def test_the_stream_is_not_told_twice_what_rest_told(tmp_path: Path, context: Context, told_by_rest: bool) -> None:
    loop = Loop(tmp_path, context)
    loop.connect()
    loop.turn(found(loop, *([fact("one")] if told_by_rest else [])))
    loop.hears(frame("one", "two"))
    events = loop.turn()
    assert [event["payload"]["execution_id"] for event in events] == (["two"] if told_by_rest else ["one", "two"])
