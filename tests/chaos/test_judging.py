"""The judge sees every kind of loss: each verdict on evidence that is made up, whole and then spoilt in one way."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.chaos.judging import UNSEEN, Held, judge
from tests.chaos.order import misordered
from tests.chaos.recorder import Message
from tests.chaos.stage import Ending
from tests.chaos.truth import Account, Execution, Made, Told

SECOND = 10**9
BEGAN_NS = 1_790_000_000 * SECOND
BEGAN_MS = BEGAN_NS // 1_000_000
KEYS = {"trade": "trade.linear.BTCUSDT.-", "execution": "execution.linear.BTCUSDT.-", "order": "order.linear.BTCUSDT.-"}


def message(number: int, kind: str, sequence: int, fact: tuple[Any, ...] | None, payload: dict[str, Any], **more: Any) -> Message:
    """Of linear BTCUSDT, one a second."""
    at_ns = BEGAN_NS + number * SECOND
    told = {
        "number": number, "at_ns": at_ns, "queue": f"ws-gateway.{kind}.chaos", "key": KEYS.get(kind, f"{kind}.-.-.-"), "again": False,
        "event_type": kind, "event_id": f"id-{number}", "category": "linear", "symbol": "BTCUSDT", "topic": TOPICS[kind],
        "source": "stream", "epoch": "epoch-1", "sequence": sequence, "gap_id": None, "timestamp_ms": at_ns // 1_000_000,
        "received_ns": at_ns, "fact": fact, "payload": payload,
    }  # fmt: skip
    return Message(**{**told, **more})


TOPICS = {
    "trade": "publicTrade.BTCUSDT", "execution": "execution", "order": "order", "position": "position", "balance": "wallet",
    "system": "system", "kline": "kline.1.BTCUSDT", "ticker": "tickers.BTCUSDT",
}  # fmt: skip
CAUSES = ("disconnected", "restarted", "hole", "stalled", "unacknowledged", "missed", "overflow", "queue_missing", "disk_full")


def trade(number: int, sequence: int, identity: str, **more: Any) -> Message:
    payload = {"trade_id": identity, "cross_sequence": sequence, "trade_time": BEGAN_MS + number * 1000}
    return message(number, "trade", sequence, ("trade", "BTCUSDT", identity, "1", "1"), payload, **more)


def order(number: int, sequence: int, status: str, executed: str) -> Message:
    updated = BEGAN_MS + number * 1000
    payload = {
        "order_id": "o", "status": status, "executed_quantity": executed, "price": "1", "quantity": "2", "updated_time": updated,
    }  # fmt: skip
    return message(number, "order", sequence, ("order", "o", status, str(updated), executed), payload)


FILLED = {"execution_id": "e", "exec_time": BEGAN_MS + 4000, "price": "1", "quantity": "2", "fee": "0.1"}
MESSAGES = [
    trade(1, 1, "t1"),
    trade(2, 2, "t2"),
    order(3, 1, "New", "0"),
    order(4, 2, "Filled", "2"),
    message(5, "execution", 1, ("execution", "e", "1", "2", "0.1"), FILLED),
    message(
        6, "position", 1, ("position", "BTCUSDT", 0, 1, "1", "2"),
        {"symbol": "BTCUSDT", "mode": 0, "size": "2", "side": "Buy", "updated_time": 1, "position_sequence": 1},
    ),
    message(7, "balance", 1, ("wallet", 1, 1), {"account_type": "UNIFIED", "coins": [{"coin": "USDT", "wallet_balance": "9.50"}]}),
    trade(8, 3, "t3"),
    message(10, "kline", 1, ("kline", 1), {"start": BEGAN_MS, "close": "2", "confirm": True}),
]  # fmt: skip
ONE = Decimal(1)


def at(seconds: float) -> datetime:
    """So long after the beginning."""
    return datetime.fromtimestamp(BEGAN_MS / 1000 + seconds, UTC)


AT = datetime.fromtimestamp(BEGAN_MS / 1000, UTC)
WHOLE = Held(
    told=[Told("linear" if m.event_type in ("trade", "kline") else "private", 1, m.topic, m.fact or (), m.received_ns) for m in MESSAGES],
    trades={("linear", "BTCUSDT", f"t{n}"): Made(BEGAN_MS + at * 1000, ONE, ONE) for n, at in ((1, 1), (2, 2), (3, 8))},
    candles={BEGAN_MS: "2"},
    messages=MESSAGES,
    account=Account(
        {"e": Execution(BEGAN_MS + 4000, ONE, Decimal(2), Decimal("0.1"))}, {"o": ("Filled", Decimal(2), BEGAN_MS + 4000)}, {("linear", "BTCUSDT", 0): ("Buy", Decimal(2))},
        {"USDT": Decimal("9.5"), "BTC": Decimal(1)},
    ),
    first_wallet={"USDT": Decimal(10), "BTC": Decimal(1)},
    stored=[
        {"event_id": "id-7", "coin": "USDT", "wallet_balance": Decimal("9.5"), "event_timestamp": AT, "received_at": AT},
    ],
    gaps=[],
)  # fmt: skip


def gap(**more: Any) -> dict[str, Any]:
    """The second trade's second, closed and recovered, unless said otherwise."""
    since, until = (datetime.fromtimestamp(BEGAN_MS / 1000 + at, UTC) for at in (1.5, 2.5))
    row = {
        "id": "g",
        "endpoint": "linear",
        "topic": "publicTrade.BTCUSDT",
        "cause": "disconnected",
        "from_at": since,
        "to_at": until,
    }
    return {**row, "recovered": True, **more}


def ended(program: str, at: float) -> Ending:
    """So many seconds after the beginning."""
    at_ns = BEGAN_NS + int(at * SECOND)
    return Ending(program, at_ns, at_ns)


def tickers(*times: float, connection: int) -> list[Told]:
    """Of the linear endpoint, one at each of these seconds, that nobody has received."""
    return [Told("linear", connection, "tickers.BTCUSDT", ("ticker", at), BEGAN_NS + int(at * SECOND)) for at in times]


TELLING = message(
    9, "system", 1, None, {"kind": "gap", "endpoint": "linear", "worker": "linear_00", "topic": None, "gap_id": "g", "detail": None},
    gap_id="g",
)  # fmt: skip


def without(*numbers: int) -> list[Message]:
    return [each for each in MESSAGES if each.number not in numbers]


def marked(messages: list[Message], *numbers: int, gap_id: str = "g") -> list[Message]:
    """These say that they follow on the gap."""
    return [msgspec.structs.replace(each, gap_id=gap_id) if each.number in numbers else each for each in messages]


def changed(number: int, **more: Any) -> list[Message]:
    return [msgspec.structs.replace(each, **more) if each.number == number else each for each in MESSAGES]


def wrong(
    held: Held, *, may_announce: tuple[str, ...] = (), must_tell: tuple[str, ...] = (), may_tell: tuple[str, ...] = ()
) -> list[str]:
    return judge(held).wrong(may_announce, must_tell, may_tell)


def test_nothing_speaks_against_evidence_that_is_whole() -> None:
    found = judge(WHOLE)
    assert found.wrong((), (), ()) == []
    assert (found.sent, found.arrived, found.repeats) == (9, 9, 0)


def test_a_repeat_costs_nothing_and_is_counted() -> None:
    again = msgspec.structs.replace(MESSAGES[0], number=9, at_ns=BEGAN_NS + 9 * SECOND)
    found = judge(replace(WHOLE, messages=[*MESSAGES, again]))
    assert found.wrong((), (), ()) == []
    assert found.repeats == 1


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (replace(WHOLE, messages=without(2)), ["1 trade lost without a word", "1 unseen trade lost", "holes: trade.linear"]),
        (replace(WHOLE, messages=without(8)), ["1 trade lost without a word", "1 unseen trade lost"]),
        (replace(WHOLE, trades={**WHOLE.trades, ("linear", "BTCUSDT", "t9"): Made(BEGAN_MS + 5000, ONE, ONE)}), ["1 unseen trade lost"]),
        (
            replace(WHOLE, trades={**WHOLE.trades, ("linear", "BTCUSDT", "t2"): Made(BEGAN_MS + 2000, Decimal(3), ONE)}),
            ["missing: trade BTCUSDT t2: found ('1', '1'); expected"],
        ),
        (replace(WHOLE, messages=without(3)), ["1 order lost without a word", "holes: order.linear"]),
        (replace(WHOLE, messages=without(4)), ["1 order lost", "missing: order o: found ('New'"]),
        (replace(WHOLE, messages=without(5)), ["1 execution lost", "missing: execution e"]),
        *(
            (replace(WHOLE, messages=changed(5, payload={**FILLED, name: "7"})), ["missing: execution e: found Execution("])
            for name in ("price", "quantity", "fee")
        ),
        (replace(WHOLE, messages=without(6)), ["1 position lost", "missing: position ('linear', 'BTCUSDT', 0): found None"]),
        (
            replace(WHOLE, messages=without(7)),
            ["1 wallet lost", "missing: balance USDT: found None; expected 9.5", "database: balance of USDT in event id-7 was never"],
        ),
        (replace(WHOLE, candles={BEGAN_MS: "3"}), [f"missing: candle {BEGAN_MS}: found 2; expected 3"]),
        (replace(WHOLE, messages=changed(10, payload={"start": BEGAN_MS, "close": "2", "confirm": False})), ["missing: candle"]),
        (replace(WHOLE, stored=[]), ["database: balance of USDT in event id-7 is not stored"]),
        (
            replace(WHOLE, stored=[{**WHOLE.stored[0], "wallet_balance": Decimal(10)}]),
            ["database: stored balance USDT: found 10; expected 9.5"],
        ),
        (replace(WHOLE, account=replace(WHOLE.account, positions={})), ["missing: position ('linear', 'BTCUSDT', 0)"]),
        (replace(WHOLE, told=WHOLE.told[1:]), ["invented: publicTrade.BTCUSDT id-1"]),
        (
            replace(WHOLE, messages=changed(2, fact=MESSAGES[0].fact)),
            ["1 trade lost without a word", "split: ('trade', 'linear', 'trade', 'BTCUSDT', 't1')"],
        ),
        (
            replace(WHOLE, messages=changed(2, fact=("trade", "BTCUSDT", "t1", "9", "1"))),
            ["split: ('trade', 'linear', 'trade', 'BTCUSDT', 't1'): ['id-1', 'id-2']"],
        ),
        (replace(WHOLE, messages=changed(2, event_id="id-1")), ["split: ('trade', 'id-1'): "]),
        (
            replace(WHOLE, messages=changed(2, category="spot", key="trade.spot.BTCUSDT.-")),
            ["1 trade lost without a word", "invented: publicTrade.BTCUSDT id-2"],
        ),
        (
            replace(WHOLE, messages=[MESSAGES[1], MESSAGES[0], *MESSAGES[2:]]),
            ["misordered: trade.linear.BTCUSDT.-: epoch-1 1 after epoch-1 2", "misordered: trade.linear.BTCUSDT.- : 1 after 2"],
        ),
        (replace(WHOLE, messages=changed(2, sequence=1)), ["split: ('ws-gateway.trade.chaos', 'trade.linear.BTCUSDT.-', 'epoch-1', 1)"]),
        (replace(WHOLE, messages=changed(2, epoch="epoch-0")), ["misordered: trade.linear.BTCUSDT.-: epoch-0 2 after epoch-1 1"]),
        (
            replace(WHOLE, messages=changed(4, payload={**MESSAGES[3].payload, "updated_time": BEGAN_MS})),
            ["misordered: order.linear.BTCUSDT.- o", "missing: order o"],
        ),
    ],
    ids=lambda value: value[0][:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_spoilt_evidence_is_seen(spoilt: Held, words: list[str]) -> None:
    found = wrong(spoilt)
    assert [word for word in words if not any(word in sentence for sentence in found)] == []


def test_a_loss_that_a_row_of_gaps_speaks_of_is_announced_and_only_what_may_be_missing_is_forgiven() -> None:
    told = replace(WHOLE, messages=[*marked(without(2), 8), TELLING], gaps=[gap(recovered=False, cause="overflow")])
    assert wrong(told, may_announce=("trade", UNSEEN), must_tell=("overflow",)) == []
    assert wrong(told, must_tell=("overflow",)) == [
        "1 trade announced as missing, of which nothing may be",
        "1 unseen trade announced as missing, of which nothing may be",
    ]


@pytest.mark.parametrize(("queue", "excused"), [("ws-gateway.trade.chaos", True), ("ws-gateway.trade.chaos-2", False)])
def test_a_missing_queue_excuses_what_went_through_it_and_nothing_else(queue: str, excused: bool) -> None:
    row = gap(endpoint="router", topic=None, cause="queue_missing", detail=f"{queue} was missing", recovered=False)
    told = replace(WHOLE, messages=[*without(2), TELLING], gaps=[row])
    assert (wrong(told, may_announce=("trade", UNSEEN), must_tell=("queue_missing",)) == []) is excused


def test_a_row_of_gaps_that_says_recovered_does_not_excuse_a_trade_that_is_missing() -> None:
    told = replace(WHOLE, messages=[*marked(without(2), 8), TELLING], gaps=[gap(cause="overflow")])
    found = wrong(told, may_announce=("trade", UNSEEN), must_tell=("overflow",))
    assert [sentence.partition(":")[0] for sentence in found] == ["1 unseen trade lost without a word"]


@pytest.mark.parametrize(
    "other",
    [
        {"endpoint": "spot"},
        {"topic": "publicTrade.ETHUSDT"},
        {"from_at": at(2.5), "to_at": None},
        {"from_at": at(0.5), "to_at": at(1.5)},
    ],
    ids=["another endpoint", "another topic", "later", "earlier"],
)
def test_a_row_of_gaps_excuses_nothing_else(other: dict[str, Any]) -> None:
    told = replace(WHOLE, messages=[*without(2), TELLING], gaps=[gap(**other)])
    assert any("1 trade lost without a word" in sentence for sentence in wrong(told, may_tell=("disconnected",)))


@pytest.mark.parametrize(
    ("row", "messages", "words"),
    [
        (gap(to_at=None, recovered=None), [*MESSAGES, TELLING], "is not closed"),
        (gap(), MESSAGES, "no `system` event speaks of it"),
        (gap(), [*MESSAGES, TELLING], "the first event of publicTrade.BTCUSDT behind it does not carry its gap_id"),
        (gap(), [*marked(MESSAGES, 1), TELLING], "the first event of publicTrade.BTCUSDT behind it does not carry its gap_id"),
        (
            gap(topic=None),
            [*marked(MESSAGES, 8), TELLING],
            "the first event of kline.1.BTCUSDT behind it does not carry its gap_id",
        ),
        (gap(cause="overflow"), [*MESSAGES, TELLING], "1 rows of `gaps` say overflow, which did not happen"),
    ],
    ids=["open", "unspoken", "unmarked", "marked before", "one of its topics unmarked", "made up"],
)
def test_a_row_of_gaps_is_closed_and_spoken_of_and_true(row: dict[str, Any], messages: list[Message], words: str) -> None:
    found = wrong(replace(WHOLE, messages=messages, gaps=[row]), may_tell=("disconnected",))
    assert any(words in sentence for sentence in found)


def test_a_fault_that_must_be_told_of_and_is_not_is_wrong() -> None:
    assert wrong(WHOLE, must_tell=("restarted",)) == ["no row of `gaps` says restarted"]


@pytest.mark.parametrize("numbers", [(2,), (8,), (2, 8)], ids=["behind its beginning", "behind its end", "both"])
def test_the_first_event_behind_the_beginning_of_a_gap_or_behind_its_end_carries_its_id(numbers: tuple[int, ...]) -> None:
    assert wrong(replace(WHOLE, messages=[*marked(MESSAGES, *numbers), TELLING], gaps=[gap()]), may_tell=("disconnected",)) == []


@pytest.mark.parametrize(("told_at", "is_well"), [(1.5, True), (2.5, False)], ids=["behind the telling", "before the telling"])
def test_the_first_event_after_a_gap_was_told_carries_its_id(told_at: float, is_well: bool) -> None:
    """The second trade does; the row begins before the first one, which had been sent when the connection was last heard."""
    telling = msgspec.structs.replace(TELLING, received_ns=BEGAN_NS + int(told_at * SECOND))
    held = replace(WHOLE, messages=[*marked(MESSAGES, 2), telling], gaps=[gap(from_at=at(0.5), to_at=at(7.5))])
    assert (wrong(held, may_tell=("disconnected",)) == []) is is_well


@pytest.mark.parametrize(("until", "excused"), [(3.5, True), (0.5, False)])
def test_one_event_that_follows_on_several_gaps_carries_the_id_of_one_of_them(until: float, excused: bool) -> None:
    other = gap(id="h", from_at=at(0.2), to_at=at(until))
    spoken = msgspec.structs.replace(TELLING, number=11, sequence=2, event_id="id-11", payload={**TELLING.payload, "gap_id": "h"})
    messages = [*marked(marked(MESSAGES, 1, gap_id="h"), 8, gap_id="h"), TELLING, spoken]
    assert (wrong(replace(WHOLE, messages=messages, gaps=[gap(), other]), may_tell=("disconnected",)) == []) is excused


def test_what_an_audit_found_carries_the_id_of_its_gap_and_what_the_stream_told_before_does_not() -> None:
    row = gap(endpoint="private", topic=None, cause="missed", from_at=at(3.0), to_at=at(4.0))
    messages = [*changed(4, source="rest"), TELLING]
    found = wrong(replace(WHOLE, messages=messages, gaps=[row]), must_tell=("missed",))
    assert [sentence.rpartition(": ")[2] for sentence in found] == ["the first event of order behind it does not carry its gap_id"]
    assert wrong(replace(WHOLE, messages=marked(messages, 4), gaps=[row]), must_tell=("missed",)) == []


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("endpoint", ["linear", "private"])
def test_a_number_that_was_stamped_is_lost_only_by_what_loses_stamped_numbers(endpoint: str, cause: str) -> None:
    number = {"linear": 2, "private": 3}[endpoint]
    row = gap(endpoint=endpoint, topic=None, cause=cause, detail="ws-gateway.trade.chaos ws-gateway.order.chaos")
    found = judge(replace(WHOLE, messages=without(number), gaps=[row])).holes
    assert (not found) is (cause in ("overflow", "queue_missing", "disk_full") or (cause, endpoint) == ("restarted", "linear"))


def test_what_was_lost_before_an_epoch_began_excuses_no_hole_at_its_beginning() -> None:
    later = [trade(20, 2, "t4", epoch="epoch-2"), trade(21, 3, "t5", epoch="epoch-2")]
    earlier, during = (gap(cause="overflow", from_at=at(since), to_at=at(since + 0.5)) for since in (4.0, 19.5))
    for row, excused in ((earlier, False), (during, True)):
        assert (not judge(replace(WHOLE, messages=[*MESSAGES, *later], gaps=[row])).holes) is excused


@pytest.mark.parametrize(
    ("received", "lost", "excused"),
    [
        (tickers(11.0, connection=2), tickers(14.75, connection=2), True),
        (tickers(11.0, connection=2), tickers(14.6, connection=2), False),
        (tickers(11.0, 16.0, connection=2), tickers(14.75, connection=2), False),
        (tickers(11.0, connection=2), tickers(15.2, connection=3), False),
    ],
    ids=["under way", "long before", "on a connection that went on", "behind the resubscription"],
)
def test_the_end_of_a_process_excuses_what_was_under_way_to_it_and_nothing_else(
    received: list[Told], lost: list[Told], excused: bool
) -> None:
    arrived = [
        message(30 + place, "ticker", 1 + place, each.fact, {}, received_ns=each.sent_ns) for place, each in enumerate(received)
    ]
    row = gap(topic=None, cause="restarted", from_at=at(14.0), to_at=at(17.0), recovered=False)
    end = ended("linear_00", 15.0)
    found = judge(replace(WHOLE, told=[*WHOLE.told, *received, *lost], messages=[*MESSAGES, *arrived], gaps=[row], ended=[end]))
    assert (found.announced, found.by_ending) == (({"ticker": 1}, {end: 1}) if excused else ({}, {}))
    assert list(found.lost) == ([] if excused else ["ticker"])


@pytest.mark.parametrize(
    ("program", "made", "excused"),
    [("linear_00", 15.5, True), ("linear_00", 14.5, False), ("linear_00", 16.5, False), ("spot_00", 15.5, False)],
)
def test_what_happened_between_the_end_of_a_process_and_the_resubscription_may_be_announced(
    program: str, made: float, excused: bool
) -> None:
    topic = "publicTrade.BTCUSDT"
    back = trade(40, 4, "t4", received_ns=BEGAN_NS + 16 * SECOND)
    row = gap(topic=None, cause="restarted", from_at=at(14.0), to_at=at(17.0), recovered=False)
    found = judge(
        replace(
            WHOLE, told=[*WHOLE.told, Told("linear", 2, topic, back.fact or (), back.received_ns)], messages=[*MESSAGES, back],
            trades={**WHOLE.trades, ("linear", "BTCUSDT", "t9"): Made(BEGAN_MS + int(made * 1000), ONE, ONE)}, gaps=[row],
            ended=[ended(program, 15.0)],
        )
    )  # fmt: skip
    assert found.announced == ({UNSEEN: 1} if excused else {})
    assert list(found.lost) == ([] if excused else [UNSEEN])


@pytest.mark.parametrize(
    ("more", "row", "excused"),
    [
        ({"source": "rest"}, {}, True),
        ({"source": "stream"}, {}, False),
        ({"source": "rest"}, {"cause": "stalled"}, False),
        ({"source": "rest", "timestamp_ms": BEGAN_MS + 1000}, {}, False),
        ({"source": "rest", "received_ns": BEGAN_NS + 11 * SECOND}, {}, False),
    ],
    ids=["found", "told by the stream", "another cause", "older than the row", "told at another time"],
)
def test_only_what_an_audit_found_may_come_behind_newer_ones_of_its_key(
    more: dict[str, Any], row: dict[str, Any], excused: bool
) -> None:
    """A second execution, which the first one overtook."""
    late = message(
        12, "execution", 2, ("execution", "f", "1", "2", "0.1"), {**FILLED, "execution_id": "f", "exec_time": BEGAN_MS + 3000},
        **{"timestamp_ms": BEGAN_MS + 3000, "gap_id": "g", **more},
    )  # fmt: skip
    gaps = [gap(**{"endpoint": "private", "topic": None, "cause": "missed", "from_at": at(3.0), "to_at": at(12.0), **row})]
    assert (not judge(replace(WHOLE, messages=[*MESSAGES, TELLING, late], gaps=gaps)).misordered) is excused


def test_class_queues_are_judged_for_themselves() -> None:
    again = [msgspec.structs.replace(each, queue=each.queue.removesuffix(".chaos"), number=each.number + 100) for each in MESSAGES]
    shared = {each.queue for each in again}
    assert wrong(replace(WHOLE, messages=[*MESSAGES, *again], shared=shared)) == []
    for messages in ([*MESSAGES, *again[1:]], [*MESSAGES[1:], *again]):
        found = wrong(replace(WHOLE, messages=messages, shared=shared))
        assert [sentence for sentence in found if "1 trade lost without a word" in sentence]


def test_what_the_exchange_tells_again_may_be_the_first_event_behind_a_gap() -> None:
    again = trade(6, 3, "t2", event_id="id-2", gap_id="g")
    messages = [*MESSAGES[:2], again, msgspec.structs.replace(MESSAGES[7], sequence=4), *MESSAGES[2:7], MESSAGES[8], TELLING]
    row = gap(from_at=at(2.5), to_at=at(3.0))
    assert wrong(replace(WHOLE, messages=messages, gaps=[row]), may_tell=("disconnected",)) == []


def placed(number: int, place: int, source: str, at_s: float) -> Message:
    """A trade that has this place in the exchange's order, and was received so long after the beginning."""
    payload = {"trade_id": f"t{number}", "cross_sequence": place, "trade_time": BEGAN_MS}
    fact = ("trade", "BTCUSDT", f"t{number}", "1", "1")
    return message(number, "trade", number, fact, payload, source=source, received_ns=BEGAN_NS + int(at_s * SECOND))


@pytest.mark.parametrize(
    ("told", "is_misordered"),
    [
        ([("stream", 9, 1.0), ("rest", 5, 3.0), ("rest", 6, 3.0), ("stream", 10, 3.1)], False),
        ([("stream", 9, 1.0), ("stream", 10, 2.9), ("rest", 5, 3.0)], False),
        ([("stream", 9, 0.4), ("rest", 5, 3.0)], True),
        ([("stream", 9, 1.0), ("rest", 5, 3.6)], True),
        ([("stream", 9, 1.0), ("rest", 5, 2.9)], True),
        ([("stream", 9, 1.0), ("rest", 6, 3.0), ("rest", 5, 3.0)], True),
        ([("rest", 9, 1.0), ("rest", 5, 3.0)], True),
        ([("stream", 9, 1.0), ("stream", 5, 3.0)], True),
        ([("stream", 9, 1.0), ("rest", 5, 3.0), ("stream", 8, 3.1)], True),
    ],
    ids=["it waited", "its first waited", "before the gap", "after the gap", "it did not wait", "REST goes back", "REST after REST", "the stream goes back", "back behind both"],
)  # fmt: skip
def test_what_waited_for_rest_for_as_long_as_it_may_goes_first(told: list[tuple[str, int, float]], is_misordered: bool) -> None:
    messages = [placed(number, place, source, at_s) for number, (source, place, at_s) in enumerate(told, 1)]
    assert bool(misordered(messages, [gap(from_at=at(0.5), to_at=at(3.5))])) is is_misordered


@pytest.mark.parametrize(("process", "is_misordered"), [("router_00", False), ("linear_00", True)])
def test_what_processes_tell_of_themselves_is_in_order_for_each_of_them(process: str, is_misordered: bool) -> None:
    telling = msgspec.structs.replace(TELLING, epoch="20260101T000001.000Z-linear_00")
    earlier = msgspec.structs.replace(TELLING, number=11, event_id="id-11", epoch=f"20260101T000000.000Z-{process}")
    assert bool(wrong(replace(WHOLE, messages=[*MESSAGES, telling, earlier]))) is is_misordered


@pytest.mark.parametrize(
    ("epochs", "is_misordered"),
    [
        (("1Z-private_01", "0Z-private_00", "0Z-private_00"), False),  # who stood by began earlier
        (("1Z-private_00", "0Z-private_00", "0Z-private_00"), True),
        (("1Z-private_01", "0Z-private_00", "1Z-private_01"), True),
    ],
    ids=["taken over", "gone back", "taken up again"],
)
def test_what_one_process_has_left_to_another_it_does_not_take_up_again(epochs: tuple[str, ...], is_misordered: bool) -> None:
    trades = (
        msgspec.structs.replace(each, epoch=epoch) for each, epoch in zip((MESSAGES[0], *MESSAGES[1:8:6]), epochs, strict=True)
    )
    found = judge(replace(WHOLE, messages=[*trades, *MESSAGES[2:7], MESSAGES[8]])).misordered
    assert bool(found) is is_misordered


@pytest.mark.parametrize(
    ("newer", "source", "sent", "excused"),
    [
        (1, "rest", 3.8, True),
        (1, "rest", 3.6, False),
        (0, "rest", 3.8, False),
        (1, "stream", 3.8, False),
        (1, "rest", 5.0, False),
    ],
    ids=["overtaken", "it had come", "as old", "by the stream", "behind the gap"],
)
def test_a_state_that_was_under_way_when_rest_told_a_newer_one_may_be_announced(
    newer: int, source: str, sent: float, excused: bool
) -> None:
    waited = Told("private", 2, "order", ("order", "o", "New", str(BEGAN_MS + 4000 - newer), "0"), BEGAN_NS + int(sent * SECOND))
    row = gap(endpoint="private", topic=None, cause="restarted", from_at=at(2.0), to_at=at(4.5))
    found = judge(replace(WHOLE, told=[*WHOLE.told, waited], messages=changed(4, source=source), gaps=[row]))
    assert found.announced == ({"order": 1} if excused else {})
    assert list(found.lost) == ([] if excused else ["order"])


def test_where_a_process_was_away_the_first_event_of_the_next_one_carries_the_id() -> None:
    """Its gap begins when the one before it last said how it was, which is before that one's last events."""
    messages = [*MESSAGES, trade(11, 1, "t4", epoch="epoch-2"), trade(12, 2, "t5", epoch="epoch-2"), TELLING]
    row = gap(cause="restarted", from_at=at(7.0), to_at=at(11.5))
    for numbers, is_well in (((11,), True), ((), False)):
        assert (judge(replace(WHOLE, messages=marked(messages, *numbers), gaps=[row])).untold == []) is is_well


@pytest.mark.parametrize(
    ("queue", "kinds"), [("ws-gateway.order.chaos", []), ("ws-gateway.trade.chaos", ["1 order lost", "missing"])]
)
def test_the_last_state_of_an_order_that_went_with_its_queue_is_announced(queue: str, kinds: list[str]) -> None:
    row = gap(endpoint="router", topic=None, cause="queue_missing", detail=queue, from_at=at(4.0), to_at=at(5.0), recovered=False)
    found = wrong(
        replace(WHOLE, messages=[*without(4), TELLING], gaps=[row]), may_announce=("order",), must_tell=("queue_missing",)
    )
    assert [sentence for sentence in found if not any(sentence.startswith(kind) for kind in kinds)] == []
    assert len(found) == len(kinds)
