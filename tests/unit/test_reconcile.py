"""Reconciliation: the account's gaps are filled once, in order, however REST and PostgreSQL behave; and the healthy stream is audited."""

from typing import cast

import pytest
from accounts import TOPICS, World
from reconciled import Endpoint
from standins import KeepingCheckpoints

from gateway.errors import CredentialsRefused, ExchangeError, StoreAway, StoreRefused
from gateway.exchange.account_reader import SEARCHES, AccountReader
from gateway.exchange.signed import SignedRest
from gateway.models import Event
from workers.reconciliation import DOUBT_S

SPOT, LINEAR, INVERSE = ("spot", "ETHUSDT"), ("linear", "BTCUSDT"), ("inverse", "BTCUSD")


def endpoint_of(world: World, *topics: str, checkpoints: KeepingCheckpoints | None = None, patience_s: float = 20.0) -> Endpoint:
    return Endpoint(AccountReader(cast(SignedRest, world)), topics or TOPICS, checkpoints, patience_s=patience_s)


@pytest.fixture
def world() -> World:
    return World()


def happens(world: World, count: int = 5) -> list[Event]:
    """Orders that are filled; what the stream tells of it."""
    began = len(world.told)
    for number in range(count):
        category, symbol = (SPOT, LINEAR, INVERSE)[number % 3]
        world.do("fill", order_id=world.place(category=category, symbol=symbol))
    return world.told[began:]


def executions(events: list[Event]) -> list[str]:
    return [event.identity for event in events if event.event_type == "execution"]


def finals(events: list[Event], event_type: str) -> dict[str, str]:
    """The last state of each order, or position."""
    name = "order_id" if event_type == "order" else "symbol"
    return {event.payload[name]: event.identity for event in events if event.event_type == event_type}


def test_a_first_connection_tells_nothing_and_keeps_a_checkpoint(world: World) -> None:
    happens(world)
    world.place()
    world.unix_ms += 1
    endpoint = endpoint_of(world)
    news = endpoint.connect()
    assert (endpoint.told, news.recovered) == ([], True)
    endpoint.until(lambda: endpoint.checkpoints.writes > 0)
    assert endpoint.checkpoints.value is not None
    assert {name: len(mark["open"]) for name, mark in endpoint.checkpoints.value.items() if mark["open"]} == {
        "order.linear": 1, "position.linear": 1, "position.inverse": 1, "balance": 3,
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 50, 500])
def test_what_happened_while_the_stream_was_cut_is_told_once_each(world: World, count: int) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    endpoint.hears(happens(world, 10))
    endpoint.account.lost()
    happens(world, count)
    world.unix_ms += 1_000
    news = endpoint.connect()
    endpoint.hears(happens(world, 10))
    assert news.recovered
    assert sorted(executions(endpoint.told)) == sorted(executions(world.told))
    for event_type in ("order", "position"):
        assert finals(endpoint.told, event_type) == finals(world.told, event_type)


def test_facts_come_in_the_exchanges_order_with_positions_and_wallet_last(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    gap = happens(world, 30)
    endpoint.connect()
    assert executions(endpoint.told) == executions(gap)
    happened = [event for event in endpoint.told if event.event_type in ("order", "execution")]
    assert [event.timestamp_ms for event in happened] == sorted(event.timestamp_ms for event in happened)
    kinds = [event.event_type for event in endpoint.told]
    assert kinds[len(happened) :] == ["position", "position", "balance"]


def test_another_process_goes_on_from_the_checkpoint(world: World) -> None:
    first = endpoint_of(world)
    first.connect()
    first.until(lambda: first.checkpoints.writes > 0)
    open_id = world.place()
    first.hears(world.told)
    world.unix_ms += 3_600_000
    gap = happens(world)
    world.do("cancel", order_id=open_id)
    second = endpoint_of(world, checkpoints=first.checkpoints)
    second.connect()
    assert executions(second.told) == executions(gap)
    assert finals(second.told, "order")[open_id] == finals(world.told, "order")[open_id]


def test_live_frames_wait_and_those_that_rest_told_are_dropped(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    endpoint.account.lost()
    endpoint.account.opened()
    before = happens(world, 3)  # frames of the new connection, and in REST's answer, too
    endpoint.hears(before)
    assert endpoint.told == []
    assert endpoint.account.waiting == len([*before])
    endpoint.back()
    after = happens(world, 3)
    endpoint.hears(after)
    assert executions(endpoint.told) == executions([*before, *after])
    assert finals(endpoint.told, "order") == finals(world.told, "order")
    assert endpoint.account.waiting == 0


def test_live_frames_wait_no_longer_than_two_seconds_and_what_comes_late_is_not_stale(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    endpoint.account.lost()
    order_id = world.place()  # nobody heard of it
    endpoint.account.opened()
    endpoint.account.connected(TOPICS, endpoint.now)
    live = world.do("amend", order_id=order_id, price="100")
    endpoint.hears(live)
    endpoint.now += 2.0
    for event in endpoint.account.due(endpoint.now):
        endpoint._deliver(event)
    assert [event.identity for event in endpoint.of("order")] == [live[0].identity]
    endpoint.take()
    assert [event.payload["price"] for event in endpoint.of("order")] == ["100"]


def test_an_audit_tells_what_the_healthy_stream_lost_and_counts_it(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    lost = happens(world, 4)
    endpoint.hears(happens(world, 4))
    world.unix_ms += 30_000
    news = endpoint.audit()
    assert news.reason == "audit"
    assert sorted(executions(endpoint.told)) == sorted(executions(world.told))
    assert endpoint.account.missed["execution"] == len(executions(lost))
    assert endpoint.account.missed["order"] == 4
    world.unix_ms += 60_000
    assert endpoint.audit().facts == []
    assert endpoint.account.missed["execution"] == len(executions(lost))


def test_an_audit_leaves_what_is_young_to_the_stream_and_the_next_one(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    world.unix_ms += 60_000
    young = happens(world, 2)
    assert [fact for fact in endpoint.audit().facts if fact.outcome.event_type != "balance"] == []  # type: ignore[union-attr]
    world.unix_ms += 60_000
    endpoint.audit()
    assert executions(endpoint.told) == executions(young)


def test_an_audit_finds_an_order_whose_end_the_stream_lost_long_after_it_was_made(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    order_id = world.place()
    endpoint.hears(world.told)
    for _ in range(5):
        world.unix_ms += 60_000
        endpoint.audit()
    world.do("cancel", order_id=order_id)
    world.unix_ms += 60_000
    endpoint.audit()
    assert endpoint.of("order")[-1].payload["status"] == "Cancelled"


def test_a_healthy_stream_is_believed(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    for _ in range(3):
        endpoint.hears(happens(world, 9))
        world.unix_ms += 60_000
        assert endpoint.audit().facts == []
    assert not endpoint.account.missed


def test_rest_that_is_away_is_asked_until_it_is_back(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    gap = happens(world)
    world.faults["/v5/execution/list"] = ExchangeError(10016, "Server error.")
    endpoint.account.opened()
    endpoint.account.connected(TOPICS, endpoint.now)
    first = endpoint.take(last=False)
    assert not first.is_last
    assert {fact.outcome.event_type for fact in first.facts} == {"order", "position", "balance"}  # type: ignore[union-attr]
    world.faults.clear()
    last = endpoint.take()
    assert last.recovered
    assert executions(endpoint.told) == executions(gap)


def test_rest_that_stays_away_is_an_honest_lack_and_the_next_read_begins_before_it(world: World) -> None:
    endpoint = endpoint_of(world, patience_s=0.05)
    endpoint.connect()
    gap = happens(world)
    world.faults["/v5/execution/list"] = ExchangeError(10016, "Server error.")
    news = endpoint.connect()
    assert not news.recovered
    assert "execution.spot: the exchange answered 10016" in news.detail
    world.faults.clear()
    world.unix_ms += 3_600_000
    endpoint.audit()
    assert sorted(executions(endpoint.told)) == sorted(executions(gap))


def test_what_the_exchange_refuses_is_said_and_keeps_back_nothing_else(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    gap = happens(world)
    world.faults["/v5/position/list"] = CredentialsRefused(10005, "Permission denied", "the API key lacks a permission")
    news = endpoint.connect()
    assert "position.linear: the API key lacks a permission" in news.detail
    assert executions(endpoint.told) == executions(gap)
    assert "5 execution, 5 order" in endpoint_detail(endpoint)


def endpoint_detail(endpoint: Endpoint) -> str:
    """In words, what consumers got."""
    counts = {event_type: len(endpoint.of(event_type)) for event_type in ("execution", "order")}
    return ", ".join(f"{count} {event_type}" for event_type, count in counts.items())


def test_a_newer_connection_takes_the_place_of_an_older_one(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    gap = happens(world)
    world.faults["/v5/execution/list"] = ExchangeError(10016, "Server error.")
    endpoint.account.connected(TOPICS, endpoint.now)
    assert not endpoint.take(last=False).is_last
    endpoint.account.lost()
    world.faults.clear()
    assert endpoint.connect().recovered
    assert executions(endpoint.told) == executions(gap)


def test_a_checkpoint_that_is_not_known_is_waited_for(world: World) -> None:
    """To begin now would forget what happened since the last process."""
    first = endpoint_of(world)
    first.connect()
    first.until(lambda: first.checkpoints.writes > 0)
    gap = happens(world)
    first.checkpoints.fault = StoreAway("PostgreSQL is away")
    second = endpoint_of(world, checkpoints=first.checkpoints)
    second.account.connected(TOPICS, 0.0)
    assert second.reconciler.begin("audit", TOPICS, {}) is None  # it is at it
    first.checkpoints.fault = None
    second.take()
    assert executions(second.told) == executions(gap)


def test_a_checkpoint_is_kept_in_memory_while_postgresql_is_away(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    endpoint.until(lambda: endpoint.checkpoints.writes == 1)
    endpoint.checkpoints.fault = StoreAway("PostgreSQL is away")
    gap = happens(world)
    endpoint.connect()
    world.unix_ms += 3_600_000
    more = happens(world)
    world.asked.clear()
    endpoint.connect()
    assert executions(endpoint.told) == executions([*gap, *more])
    began = min(int(fields["startTime"]) for fields in world.asked_of("/v5/execution/list"))
    assert began > gap[0].timestamp_ms - 60_000
    settled = endpoint.checkpoints.refused
    endpoint.until(lambda: endpoint.checkpoints.refused > settled)
    endpoint.checkpoints.fault = None
    endpoint.until(lambda: endpoint.checkpoints.writes == 2)
    kept = endpoint.checkpoints.value
    assert kept is not None
    assert kept["execution.linear"]["until"] > more[-1].timestamp_ms - 60_000


def test_a_checkpoint_that_postgresql_will_never_take_keeps_nothing_back(world: World) -> None:
    checkpoints = KeepingCheckpoints()
    checkpoints.fault = StoreRefused("no such table")
    endpoint = endpoint_of(world, checkpoints=checkpoints)
    assert endpoint.connect().recovered
    gap = happens(world)
    endpoint.connect()
    assert executions(endpoint.told) == executions(gap)


def test_what_is_wanted_later_begins_then(world: World) -> None:
    endpoint = endpoint_of(world, "order")
    endpoint.connect()
    happens(world)
    world.unix_ms += 60_000
    endpoint.topics = TOPICS
    endpoint.audit()
    assert executions(endpoint.told) == []
    after = happens(world)
    endpoint.connect()
    assert executions(endpoint.told) == executions(after)


def test_what_nobody_wanted_for_a_while_begins_anew(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    endpoint.account.want(["order"])
    endpoint.account.want(TOPICS)
    happens(world)
    world.unix_ms += 60_000
    endpoint.connect()
    assert executions(endpoint.told) == []


def test_what_is_wanted_and_not_held_for_a_while_is_read_from_where_it_was_left(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.account.want(TOPICS)
    endpoint.connect()
    endpoint.topics = ["order"]  # the exchange refuses the others
    gap = happens(world)
    endpoint.connect()
    world.unix_ms += 60_000
    endpoint.audit()
    endpoint.topics = TOPICS
    endpoint.audit()
    assert executions(endpoint.told) == executions(gap)


def test_a_new_wish_begins_when_it_comes_though_a_checkpoint_of_long_ago_is_there(world: World) -> None:
    """All private topics went, and the process that knew it died, or nobody wanted anything when this one began."""
    first = endpoint_of(world)
    first.connect()
    first.until(lambda: first.checkpoints.writes > 0)
    first.account.want([])
    first.until(lambda: first.checkpoints.value == {})
    first.account.want(TOPICS)
    happens(world)
    world.unix_ms += 3_600_000
    first.connect()
    assert first.told == []
    first.until(lambda: bool(first.checkpoints.value))
    second = endpoint_of(world, checkpoints=first.checkpoints)
    second.account.want([])
    happens(world)
    world.unix_ms += 3_600_000
    second.account.want(TOPICS)
    second.connect()
    assert second.told == []


class Broken(AccountReader):
    """Raises what nobody foresaw."""

    def begin(self) -> None:
        raise ZeroDivisionError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_of_what_nobody_foresaw_is_seen(world: World) -> None:
    endpoint = Endpoint(Broken(cast(SignedRest, world)), TOPICS, None)
    assert not endpoint.account.is_dead
    endpoint.account.connected(TOPICS, 0.0)
    endpoint.until(lambda: endpoint.account.is_dead)


def test_an_order_that_is_given_up_is_looked_for_no_more(world: World) -> None:
    endpoint = endpoint_of(world, "order.linear")
    endpoint.connect()
    placed = world.do("place")[0]
    placed.payload["order_id"] = "nowhere"
    endpoint.hears([placed])
    for _ in range(SEARCHES):
        world.unix_ms += 60_000
        news = endpoint.audit()
    assert news.lacks == ("1 orders that were open are in no list of the exchange any more",)
    world.asked.clear()
    world.unix_ms += 60_000
    endpoint.audit()
    assert not [fields for _, fields in world.asked if "orderId" in fields]


def test_an_audit_tells_a_position_flat_once_two_reads_did_not_list_it(world: World) -> None:
    endpoint = endpoint_of(world, "position.linear")
    endpoint.connect()
    (held,) = [event for event in world.do("fill", order_id=world.place()) if event.event_type == "position"]
    held.symbol = held.payload["symbol"] = "GONEUSDT"
    endpoint.hears([held])
    world.exchange.account.positions.clear()
    world.unix_ms += 60_000
    assert endpoint.audit().facts == []
    world.unix_ms += 60_000
    (fact,) = endpoint.audit().facts
    assert isinstance(fact.outcome, Event)
    assert (fact.outcome.source, fact.outcome.payload["size"]) == ("derived", "0")
    world.unix_ms += 60_000
    assert endpoint.audit().facts == []


@pytest.mark.parametrize("what", ["a coin", "a position", "nothing"])
def test_what_only_a_second_look_may_tell_is_looked_at_again_soon(world: World, what: str) -> None:
    endpoint = endpoint_of(world)
    endpoint.connect()
    if what == "a coin":
        world.do("wallet", balances={"ETH": "7"})
    elif what == "a position":
        (held,) = [event for event in world.do("fill", order_id=world.place()) if event.event_type == "position"]
        endpoint.hears([event for event in world.told if event.event_type != "position"])
        held.symbol = held.payload["symbol"] = "GONEUSDT"
        endpoint.hears([held])
        world.exchange.account.positions.clear()
    world.unix_ms += 60_000
    assert endpoint.audit().facts == []
    world.asked.clear()
    for after_s in (0.0, DOUBT_S):
        endpoint.now += after_s
        world.unix_ms += int(after_s * 1000)
        endpoint.account.tend(TOPICS, endpoint.now)
    if what == "nothing":
        assert world.asked == []
        return
    assert len(endpoint.take().facts) == 1
    world.asked.clear()
    for after_s in (0.0, DOUBT_S):
        endpoint.now += after_s
        endpoint.account.tend(TOPICS, endpoint.now)
    assert world.asked == [], "that was the last doubt"


def test_a_position_whose_end_was_left_to_the_stream_is_told_by_the_next_process(world: World) -> None:
    first = endpoint_of(world, "position.linear")
    first.connect()
    first.until(lambda: first.checkpoints.writes > 0)
    first.hears(world.do("fill", order_id=world.place(quantity="0.010")))
    world.unix_ms += 60_000
    position = next(iter(world.exchange.account.positions.values()))
    world.exchange.account.place(
        position.instrument, side="Sell", price=position.entry, quantity=position.size, now_ms=world.now_ms(), kind="Market",
        reduce_only=True,
    )  # fmt: skip
    writes = first.checkpoints.writes
    assert first.audit().facts == [], "it is young"
    first.until(lambda: first.checkpoints.writes > writes)
    world.unix_ms += 3_600_000
    second = endpoint_of(world, "position.linear", checkpoints=first.checkpoints)
    second.connect()
    assert [event.payload["side"] for event in second.of("position")] == [None]


def test_topics_that_rest_cannot_tell_are_not_read(world: World) -> None:
    endpoint = endpoint_of(world)
    endpoint.account.opened()
    assert not endpoint.account.connected(["greeks", "execution.fast"], 0.0)
    assert not endpoint.account.holds(happens(world)[0], 0.0)
    assert world.asked == []
