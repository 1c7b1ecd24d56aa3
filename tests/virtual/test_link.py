"""What a link does about single troubles, and what it says of them, in virtual time."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from world import BACK_S, RESTORED_S, World, make

from gateway.health.words import WorkerState
from gateway.metrics.table import RESUBSCRIBE_S
from gateway.protocol.session import PING_S, PROBE_S, QUIET_S
from simulator.faults import Fault
from tests.scraping import known, meter, worker
from workers.connects import ConnectBudget
from workers.run_counts import counted

BOOK, TICKER, TRADES = "orderbook.50.BTCUSDT", "tickers.BTCUSDT", "publicTrade.BTCUSDT"
TOPICS = {BOOK: True, TICKER: True, TRADES: False}
PRIVATE = {"order": False, "wallet": False}


@pytest.fixture
def world() -> World:
    return make(steps_per_s=2.0, trade_rate=1.0, only=("BTCUSDT", "ETHUSDT"))


def asked(world: World, endpoint: str, op: str) -> list[tuple[float, list[str]]]:
    """(seconds since the world began, topics) of each request that the exchange received."""
    began_ns = world.clock.unix_ns() - world.clock.elapsed_ns
    found = []
    for entry in world.exchange.ledger.read(endpoint=endpoint, direction="received"):
        message = json.loads(entry.text)
        if message["op"] == op:
            found.append(((entry.sent_ns - began_ns) / 1e9, message.get("args", [])))
    return found


def test_refused_login_is_a_state_of_its_own_with_the_exchanges_words_and_heals(world: World) -> None:
    world.exchange.do(Fault(kind="login", how="refuse", seconds=60))
    private = world.add("private", PRIVATE)
    seen = set()
    while world.now() < 60:
        world.turn()
        seen.add(private.link.status)
    assert "auth_failed" in seen
    assert private.link.last_error == "login refused: Params Error"
    assert world.run_until(private.is_restored, BACK_S, what="logged in") <= BACK_S


def test_wrong_secret_is_refused_for_ever_at_a_modest_pace(world: World) -> None:
    private = world.add("private", PRIVATE, secret="wrong")
    world.run(300)
    assert private.link.status in ("auth_failed", "authenticating", "reconnecting")
    assert private.link.last_error == "login refused: Params Error"
    assert 30 <= world.dials <= 120


@pytest.mark.parametrize("ahead_ms", [-3_000_000.0, 3_000_000.0])
def test_login_is_dated_by_the_exchanges_clock(world: World, ahead_ms: float) -> None:
    world.exchange.do(Fault(kind="clock", amount=ahead_ms))
    private = world.add("private", PRIVATE)
    world.run_until(private.is_restored, RESTORED_S, what="logged in")
    assert private.link.clock_skew_ms == ahead_ms
    assert world.dials == 1


def test_pings_and_the_time_online_are_measured(world: World) -> None:
    private = world.add("private", PRIVATE)

    def words() -> WorkerState:
        link = private.link
        totals = counted(private.delivery, reconnections=link.reconnections, missed=0, unmatched=link.subscriptions.unmatched)
        return worker("private_00", counted=totals)

    read = meter(lambda: known(words()))
    world.run_until(private.is_restored, RESTORED_S, what="logged in")
    with read.moving("ping_seconds", worker="private_00"):
        world.run(PING_S + 1)
    assert read.value("ping_seconds") == 1
    world.exchange.do(Fault(kind="refuse", endpoint="private", seconds=20))
    before = (read.value("work_seconds_total") or 0, read.value("online_seconds_total") or 0)
    world.exchange.do(Fault(kind="cut", endpoint="private"))
    with read.moving("resubscribe_seconds", worker="private_00"):
        world.run(20 + BACK_S)
    work_s, online_s = (
        (read.value(f"{name}_seconds_total") or 0) - was for name, was in zip(("work", "online"), before, strict=True)
    )
    assert work_s == pytest.approx(20 + BACK_S, abs=0.5)
    assert 20 - 1 <= work_s - online_s <= 20 + BACK_S


def test_how_late_frames_come_is_measured_by_the_class_of_their_topic(world: World) -> None:
    linear = world.add("linear", TOPICS)
    read = meter(lambda: known(worker(counted=linear.delivery.tally.counted)))
    with (
        read.moving("exchange_lag_seconds", worker="linear_00", event_type="orderbook"),
        read.moving("exchange_lag_seconds", worker="linear_00", event_type="ticker"),
        read.moving("exchange_lag_seconds", worker="linear_00", event_type="trade"),
    ):
        world.run(10)
    frames = sum(read.value("exchange_lag_seconds", event_type=name) or 0 for name in ("orderbook", "ticker", "trade"))
    assert read.value("exchange_lag_seconds") == frames


@pytest.mark.parametrize("ends_s", [10, 0])
def test_a_reconnection_that_never_has_its_topics_back_counts_against_the_measure(world: World, ends_s: int) -> None:
    """It is cut before it has them (at 10 s), or goes on and on without them (0)."""
    private = world.add("private", PRIVATE)
    read = meter(lambda: known(worker("private_00", counted=private.delivery.tally.counted)))
    world.run_until(private.is_restored, RESTORED_S, what="logged in")
    world.exchange.do(Fault(kind="answer", how="drop" if ends_s else "delay", op="subscribe", endpoint="private", amount=40))
    with read.moving("slo_resubscription_ratio", to=lambda share: share == 0):
        world.exchange.do(Fault(kind="cut", endpoint="private"))
        world.run_until(lambda: private.link.reconnections == 1, BACK_S, what="online again")
        assert read.value("resubscribe_seconds") == 0
        if ends_s:
            world.exchange.do(Fault(kind="cut", endpoint="private"))
        world.run(ends_s or RESUBSCRIBE_S[-1] + 10)
    world.exchange.faults.lift()
    world.run_until(private.is_restored, BACK_S, what="back")
    assert read.value("resubscribe_seconds") == private.link.reconnections, "each once"


def test_clock_that_jumps_while_connected_is_noticed_with_the_next_pong(world: World) -> None:
    private = world.add("private", PRIVATE)
    world.run_until(private.is_restored, RESTORED_S, what="logged in")
    world.exchange.do(Fault(kind="clock", amount=-50_000.0))
    world.run(21)
    assert private.link.clock_skew_ms == -50_000


def test_refused_topic_costs_its_neighbours_nothing_and_is_asked_again_ever_more_rarely(world: World) -> None:
    world.exchange.do(Fault(kind="refuse_topic", topic=TICKER))
    linear = world.add("linear", TOPICS)
    world.run_until(lambda: linear.is_restored(but=[TICKER]), RESTORED_S, what="the neighbours")
    assert linear.link.subscriptions.states()[TICKER] == ("refused", f"error:handler not found,topic:{TICKER}")
    world.run(60 + 120 + 240 + 480 + 600 + 600 + 60)
    times = [at for at, topics in asked(world, "linear", "subscribe") if TICKER in topics]
    waits = [round(later - earlier) for earlier, later in pairwise(times)]
    assert waits == [60, 120, 240, 480, 600, 600]
    assert linear.link.reconnections == 0
    world.exchange.faults.lift()
    world.run(601)
    assert linear.is_restored()


def test_missing_update_is_told_and_healed_by_a_new_snapshot_and_no_other_topic_is_touched(world: World) -> None:
    linear = world.add("linear", TOPICS)
    world.run_until(linear.is_restored, RESTORED_S, what="live")
    world.exchange.do(Fault(kind="book", how="skip", topic=BOOK, times=1))
    world.run(5)
    told = [(row["kind"], row["topic"]) for row in linear.occurrences() if row["topic"]]
    assert told == [("gap", BOOK), ("recovered", BOOK)]
    gap = next(row for row in linear.occurrences() if row["kind"] == "gap")
    assert gap["detail"].startswith("update ")
    assert [topics for _, topics in asked(world, "linear", "unsubscribe")] == [[BOOK]]
    assert linear.is_restored()
    bodies = [json.loads(record.body)["payload"] for record in linear.bus.records if record.topic == BOOK]
    assert [body["in_sync"] for body in bodies].count(False) < 5
    assert bodies[-1]["in_sync"]


def test_book_that_breaks_again_and_again_is_renewed_ever_less_often(world: World) -> None:
    linear = world.add("linear", TOPICS)
    world.run_until(linear.is_restored, RESTORED_S, what="live")
    world.exchange.do(Fault(kind="book", how="skip", topic=BOOK, seconds=60))
    world.run(60)
    assert len(asked(world, "linear", "unsubscribe")) <= 8
    world.run_until(lambda: linear.is_restored() and linear.occurrences()[-1]["kind"] == "recovered", 10, what="healed")


def test_connection_with_pongs_and_without_data_is_replaced_also_where_topics_are_quiet_by_nature() -> None:
    symbol = "BTC-25DEC26-70000-C-USDT"
    world = make(steps_per_s=2.0, trade_rate=1.0, only=(symbol,))
    option = world.add("option", {f"orderbook.25.{symbol}": True, f"tickers.{symbol}": True, "publicTrade.BTC": False})
    world.run_until(option.is_restored, RESTORED_S, what="live")
    since = world.now()
    world.exchange.do(Fault(kind="silence", how="all_but_pongs", seconds=QUIET_S + PROBE_S - 1))
    world.run_until(lambda: option.link.reconnections == 1 and option.is_restored(), QUIET_S + PROBE_S + BACK_S, what="replaced")
    assert world.now() - since >= QUIET_S
    assert str(option.link.last_error).startswith(("no data for 6", "3 requests in a row"))


def test_quiet_market_is_asked_for_a_snapshot_now_and_then_and_kept() -> None:
    world = make(timed=False, only=("BTCUSDT",))
    linear = world.add("linear", TOPICS)
    world.run(600)
    assert linear.is_restored()
    assert linear.link.reconnections == 0
    probes = [topic for _, topics in asked(world, "linear", "unsubscribe") for topic in topics]
    assert 6 <= len(probes) <= 14
    assert TRADES not in probes


def test_quiet_private_stream_is_left_alone() -> None:
    world = make(timed=False)
    private = world.add("private", PRIVATE)
    world.run(3600)
    assert (private.is_restored(), private.link.reconnections) == (True, 0)
    assert asked(world, "private", "unsubscribe") == []


def test_used_up_budget_keeps_a_worker_waiting_with_a_word_and_no_longer_than_it_must(world: World, tmp_path: Path) -> None:
    linear = world.add("linear", TOPICS, budget=ConnectBudget(tmp_path / "budget", private=True, most=3))
    for _ in range(3):
        world.run_until(linear.is_restored, BACK_S, what="live")
        world.exchange.do(Fault(kind="cut"))
        world.run(1)
    first = world.now()
    world.run(200)
    assert linear.link.last_error is not None
    assert linear.link.last_error.startswith("the host's new connections of five minutes are used up")
    assert world.dials == 3
    world.run_until(linear.is_restored, 300 - (world.now() - first) + BACK_S, what="live again")


def test_forms_of_one_private_topic_follow_each_other_and_never_meet(world: World) -> None:
    private = world.add("private", {"order": False})
    world.run_until(private.is_restored, RESTORED_S, what="live")
    private.topics = {"order.linear": False}
    private.link.want(private.topics)
    world.run_until(private.is_restored, RESTORED_S, what="the other form")
    [connection] = world.exchange.on_endpoint("private")
    assert list(connection.topics) == ["order.linear"]
    assert [topics for _, topics in asked(world, "private", "subscribe")] == [["order"], ["order.linear"]]
