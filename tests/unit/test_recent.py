"""What consumers were told lately: what is new to them, what they know, and what is behind what they know."""

import json
from typing import Any

import msgspec
import pytest
from accounts import World
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.models import Event, Source
from gateway.protocol.answers import events_of
from gateway.protocol.checkpoint import Mark, from_json, to_json
from gateway.protocol.recent import Recent, Verdict, name_of, part_of


def first(events: list[Event], event_type: str) -> Event:
    return next(event for event in events if event.event_type == event_type)


def over_rest(world: World, path: str, topic: str, **fields: str) -> list[Event]:
    body = world.answer(path, **fields).body
    return [found for found in events_of(path, body, topic=topic, endpoint="private", category=None) if isinstance(found, Event)]


def orders(world: World) -> list[Event]:
    """All of them, open or over, over REST."""
    found = [over_rest(world, "/v5/order/realtime", "order", category="linear", settleCoin="USDT", openOnly=only) for only in "01"]
    return [event for events in found for event in events]


@pytest.fixture
def world() -> World:
    return World()


def test_an_execution_is_new_until_it_is_told_and_never_stale(world: World) -> None:
    old = first(world.do("fill", order_id=world.place()), "execution")
    new = first(world.do("fill", order_id=world.place()), "execution")
    recent = Recent()
    recent.note(new)
    assert [recent.verdict(event) for event in (old, new)] == [Verdict.NEW, Verdict.TOLD]


def test_a_state_of_an_order_is_new_told_or_stale(world: World) -> None:
    order_id = world.place()
    (placed,) = orders(world)
    amended = first(world.do("amend", order_id=order_id, price="100"), "order")
    recent = Recent()
    assert recent.verdict(placed) is Verdict.NEW
    recent.note(amended)
    assert recent.verdict(placed) is Verdict.STALE
    assert [recent.verdict(event) for event in orders(world)] == [Verdict.TOLD]
    world.do("cancel", order_id=order_id)
    assert [recent.verdict(event) for event in orders(world)] == [Verdict.NEW]


def test_an_order_that_is_over_is_not_opened_again_by_another_word_of_the_same_moment(world: World) -> None:
    order_id = world.place()
    (placed,) = orders(world)
    world.exchange.account.orders[order_id].status = "Cancelled"
    recent = Recent()
    recent.note(orders(world)[0])
    assert recent.verdict(placed) is Verdict.STALE


def test_of_two_states_of_one_moment_the_one_with_more_executed_is_newer(world: World) -> None:
    order_id = world.place()
    (placed,) = orders(world)
    filled = first(world.do("fill", order_id=order_id, after_ms=0), "order")
    placed.timestamp_ms = filled.timestamp_ms
    recent = Recent()
    recent.note(filled)
    assert recent.verdict(placed) is Verdict.STALE


def test_a_state_of_a_position_is_new_told_or_stale(world: World) -> None:
    held = first(world.do("fill", order_id=world.place()), "position")
    more = first(world.do("fill", order_id=world.place()), "position")
    recent = Recent()
    recent.note(more)
    assert recent.verdict(held) is Verdict.STALE
    (listed,) = over_rest(world, "/v5/position/list", "position", category="linear", settleCoin="USDT")
    assert recent.verdict(listed) is Verdict.TOLD


def test_what_is_young_is_left_to_the_stream(world: World) -> None:
    fill = first(world.do("fill", order_id=world.place()), "execution")
    recent = Recent()
    assert recent.verdict(fill, settled_ms=fill.timestamp_ms - 1) is Verdict.YOUNG
    assert recent.verdict(fill, settled_ms=fill.timestamp_ms) is Verdict.NEW
    recent.note(fill)
    assert recent.verdict(fill, settled_ms=fill.timestamp_ms - 1) is Verdict.TOLD


def test_a_frame_that_comes_after_rest_told_it_is_late_once(world: World) -> None:
    told = world.do("fill", order_id=world.place())
    fill, (listed,) = first(told, "execution"), over_rest(world, "/v5/execution/list", "execution", category="linear")
    recent = Recent()
    assert not recent.is_late(fill)
    recent.note(listed)
    assert recent.is_late(fill)
    recent.note(fill)
    assert not recent.is_late(fill)


def test_a_frame_of_an_older_state_than_rest_told_is_late(world: World) -> None:
    order_id = world.place()
    placed = first(world.told, "order")
    world.do("fill", order_id=order_id)
    recent = Recent()
    recent.note(orders(world)[0])
    assert recent.is_late(placed)


def states(event: Event, *words: tuple[str, str]) -> list[Event]:
    """States of one order in one moment: status and executed quantity."""
    found = []
    for status, executed in words:
        payload = {**event.payload, "status": status, "executed_quantity": executed}
        identity = f"{event.identity.rpartition('|')[0]}|{status}|{executed}"
        found.append(Event(**{**msgspec.structs.asdict(event), "payload": payload, "identity": identity}))
    return found


def copied(event: Event, source: Source) -> Event:
    return Event(**{**msgspec.structs.asdict(event), "source": source})


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        (("New", "0"), ("Cancelled", "0")), (("PartiallyFilled", "1"), ("PartiallyFilledCanceled", "1")),
        (("Untriggered", "0"), ("Deactivated", "0")), (("New", "0"), ("Rejected", "0")),
    ],
)  # fmt: skip
def test_two_states_of_one_moment_end_closed_whoever_tells_them_first(
    world: World, opening: tuple[str, str], closing: tuple[str, str]
) -> None:
    world.place()
    opened, closed = states(first(world.told, "order"), opening, closing)
    name = opened.payload["order_id"]
    by_rest = Recent()
    by_rest.note(copied(closed, "rest"))
    assert [by_rest.is_late(opened), by_rest.is_late(closed)] == [True, True], "both were held"
    assert by_rest.verdict(copied(opened, "rest")) is Verdict.STALE
    assert name not in by_rest.open_names().get("order.linear", ())
    opened_by_rest = Recent()
    opened_by_rest.note(copied(opened, "rest"))
    assert [opened_by_rest.is_late(opened), opened_by_rest.is_late(closed)] == [True, False], "the end is news"
    opened_by_rest.note(closed)
    assert name not in opened_by_rest.open_names().get("order.linear", ())
    streamed = Recent()
    for event in (closed, opened):
        assert not streamed.is_late(event)
        streamed.note(event)
    assert name not in streamed.open_names().get("order.linear", ())
    assert streamed.verdict(copied(opened, "rest")) is Verdict.TOLD


def test_of_two_states_of_one_moment_that_are_both_open_rests_is_the_last(world: World) -> None:
    world.place()
    before, after = states(first(world.told, "order"), ("New", "0"), ("Untriggered", "0"))
    recent = Recent()
    recent.note(copied(after, "rest"))
    assert [recent.is_late(before), recent.is_late(after)] == [True, True]


def test_an_order_that_rest_told_closed_is_not_opened_by_a_later_frame(world: World) -> None:
    world.place()
    opened, closed = states(first(world.told, "order"), ("New", "0"), ("Cancelled", "0"))
    opened.timestamp_ms += 5
    recent = Recent()
    recent.note(copied(closed, "rest"))
    assert recent.is_late(opened)


def test_of_two_states_of_a_position_of_one_moment_rests_is_the_last(world: World) -> None:
    one = first(world.do("fill", order_id=world.place()), "position")
    two = Event(**{**msgspec.structs.asdict(one), "identity": f"{one.identity}x", "payload": {**one.payload, "size": "9"}})
    recent = Recent()
    recent.note(copied(two, "rest"))
    assert [recent.is_late(one), recent.is_late(two)] == [True, True]


def test_an_order_that_is_given_up_and_a_part_that_nobody_wants_are_not_believed_open(world: World) -> None:
    recent = Recent()
    for event in [*world.do("place"), *world.do("fill", order_id=world.place())]:
        recent.note(event)
    recent.note(wallet(world))
    (order_id,) = recent.open_names()["order.linear"]
    recent.forget("order.linear", [order_id, "another"])
    assert "order.linear" not in recent.open_names()
    assert recent.open_names()["position.linear"]
    recent.keep({"order.linear"})
    assert recent.open_names() == {"balance": frozenset()}


def test_what_an_audit_reads_again_is_remembered_however_much_it_is(world: World) -> None:
    """5,000 a second are more than are remembered of old."""
    fills = [first(world.do("fill", order_id=world.place(), after_ms=1), "execution") for _ in range(40)]
    recent = Recent(most=10)
    for event in fills:
        recent.note(event)
    assert {recent.verdict(event) for event in fills} == {Verdict.TOLD}


def test_frames_of_the_stream_are_never_late_for_each_other(world: World) -> None:
    order_id = world.place()
    placed = first(world.told, "order")
    recent = Recent()
    recent.note(first(world.do("fill", order_id=order_id), "order"))
    assert not recent.is_late(placed)


def test_what_is_learned_is_told_by_nobody_but_the_stream(world: World) -> None:
    world.place()
    (listed,) = orders(world)
    recent = Recent()
    recent.learn(listed)
    assert recent.verdict(listed) is Verdict.TOLD
    assert not recent.is_late(first(world.told, "order"))


def test_open_names_are_what_consumers_believe_open(world: World) -> None:
    recent = Recent()
    ids = [world.place() for _ in range(3)]
    world.do("fill", order_id=ids[0])
    world.do("cancel", order_id=ids[1])
    for event in world.told:
        recent.note(event)
    found = recent.open_names()
    assert found["order.linear"] == {ids[2]}
    assert found["position.linear"] == {"BTCUSDT|0"}
    assert "UNIFIED|USDT" in found["balance"]


def wallet(world: World) -> Event:
    (found,) = over_rest(world, "/v5/account/wallet-balance", "wallet", accountType="UNIFIED")
    return found


def coins(event: Event | None) -> list[str]:
    return [] if event is None else [coin["coin"] for coin in event.payload["coins"]]


def test_a_wallet_tells_no_coin_of_which_something_newer_was_told(world: World) -> None:
    read = wallet(world)
    recent = Recent()
    recent.note(first(world.do("wallet", coins=["ETH"]), "balance"))
    assert set(coins(recent.news(read))) == set(coins(wallet(world))) - {"ETH"}


def test_an_audit_of_the_wallet_tells_only_what_differs(world: World) -> None:
    recent = Recent()
    recent.note(wallet(world))
    world.unix_ms += 60_000
    assert recent.news(wallet(world), settled_ms=settled(world)) is None
    assert recent.news(wallet(world)) is not None
    world.do("wallet", balances={"ETH": "7"})
    world.unix_ms += 60_000
    assert coins(recent.news(wallet(world), settled_ms=settled(world))) == [], "the stream may be about to tell it"
    world.unix_ms += 60_000
    assert coins(recent.news(wallet(world), settled_ms=settled(world))) == ["ETH"]


def settled(world: World) -> int:
    return world.now_ms() - 5_000


def test_an_audit_of_the_wallet_does_not_tell_what_was_read_before_the_stream_told_something_newer(world: World) -> None:
    recent = Recent()
    recent.note(wallet(world))
    world.unix_ms += 60_000
    stale = wallet(world)
    recent.note(first(world.do("wallet", balances={"ETH": "7"}), "balance"))
    stale.timestamp_ms = world.now_ms() + 1  # so it says, and does not know it yet
    assert recent.news(stale, settled_ms=stale.timestamp_ms - 5_000) is None
    world.unix_ms += 60_000
    stale.timestamp_ms = world.now_ms()
    assert recent.news(stale, settled_ms=settled(world)) is None
    world.unix_ms += 60_000
    assert recent.news(wallet(world), settled_ms=settled(world)) is None


def test_a_look_so_soon_after_the_stream_told_a_coin_does_not_count(world: World) -> None:
    recent, looks = Recent(), []
    stale = wallet(world)
    recent.note(first(world.do("wallet", balances={"ETH": "7"}), "balance"))
    for after_ms in (1_000, 60_000, 60_000):
        world.unix_ms += after_ms
        again = Event(**{**msgspec.structs.asdict(stale), "timestamp_ms": world.now_ms()})
        looks.append("ETH" in coins(recent.news(again, settled_ms=settled(world))))
    assert looks == [False, False, True]


def test_two_reads_of_the_wallet_that_differ_in_different_ways_tell_nothing(world: World) -> None:
    recent = Recent()
    recent.note(wallet(world))
    for balance in ("7", "8", "9"):
        world.do("wallet", balances={"ETH": balance})
        world.unix_ms += 60_000
        assert recent.news(wallet(world), settled_ms=settled(world)) is None


def test_a_push_of_the_wallet_loses_the_coins_of_which_rest_told_something_newer(world: World) -> None:
    recent = Recent()
    recent.learn(wallet(world))
    late = first(world.do("wallet", balances={"ETH": "7", "BTC": "2"}), "balance")
    early = first(world.do("wallet", balances={"BTC": "3"}), "balance")
    world.unix_ms += 10
    (eth,) = [wallet(world)]
    eth.payload["coins"] = [coin for coin in eth.payload["coins"] if coin["coin"] == "ETH"]
    recent.note(eth)
    assert not recent.is_late(late)
    assert coins(late) == ["BTC"]
    recent.note(late)
    assert not recent.is_late(early)
    assert coins(early) == ["BTC"]


def test_a_push_of_the_wallet_that_is_behind_rest_in_every_coin_is_late(world: World) -> None:
    recent = Recent()
    recent.learn(wallet(world))
    late = first(world.do("wallet", balances={"ETH": "7"}), "balance")
    world.unix_ms += 10
    recent.note(wallet(world))
    assert recent.is_late(late)
    after = first(world.do("wallet", balances={"ETH": "8"}), "balance")
    assert not recent.is_late(after)


def test_a_push_that_names_no_coin_is_not_late(world: World) -> None:
    told = first(world.do("wallet", balances={"ETH": "7"}), "balance")
    told.payload["coins"] = []
    assert not Recent().is_late(told)


def test_what_a_lagging_read_hid_is_told_by_the_next_audit(world: World) -> None:
    recent = Recent()
    lagging = wallet(world)
    pushed = first(world.do("wallet", balances={"ETH": "7"}), "balance")
    lagging.timestamp_ms = world.now_ms() + 5
    recent.note(lagging)
    assert recent.is_late(pushed)
    world.unix_ms += 60_000
    assert coins(recent.news(wallet(world), settled_ms=settled(world))) == ["ETH"]


def test_padding_of_an_amount_is_no_difference(world: World) -> None:
    recent = Recent()
    padded = wallet(world)
    for coin in padded.payload["coins"]:
        coin["wallet_balance"] += "0" if "." in coin["wallet_balance"] else ".000"
    recent.note(padded)
    for _ in range(2):
        world.unix_ms += 60_000
        assert recent.news(wallet(world), settled_ms=settled(world)) is None


def test_memory_is_bounded_and_the_oldest_is_forgotten(world: World) -> None:
    recent = Recent(most=10)
    for _ in range(20):
        for event in world.do("fill", order_id=world.place(), after_ms=60_000):
            recent.note(event)
    fills = [event for event in world.told if event.event_type == "execution"]
    assert recent.verdict(fills[0]) is Verdict.NEW
    assert recent.verdict(fills[-1]) is Verdict.TOLD
    assert "order.linear" not in recent.open_names()


def test_other_classes_are_nobodys_business(world: World) -> None:
    recent = Recent()
    told = world.do("fill", order_id=world.place(category="option", symbol="BTC-25DEC26-70000-C-USDT"))
    for event_type in ("greeks", "execution_fast"):
        event = first(told, event_type)
        recent.note(event)
        assert not recent.is_late(event)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(("place", "fill", "amend", "cancel")), st.integers(0, 9), st.booleans()), max_size=40))
def test_whatever_the_stream_lost_consumers_end_with_the_exchanges_states(script: list[tuple[str, int, bool]]) -> None:
    """Some frames are lost, then REST is read once, judged, and told."""
    world, recent, newest = World(), Recent(), dict[tuple[str, str], Event]()
    for action, number, is_lost in script:
        open_orders = world.exchange.account.open_orders
        if action == "place" or not open_orders:
            told = world.do("place", side=("Buy", "Sell")[number % 2])
        else:
            order = open_orders[number % len(open_orders)]
            told = world.do(
                action, order_id=order.order_id, price=f"{order.price + order.instrument.tick:f}" if action == "amend" else ""
            )
        for event in [] if is_lost else told:
            recent.note(event)
            if event.event_type in ("order", "position"):
                newest[part_of(event), name_of(event)] = event
    world.unix_ms += 1_000
    listed = [*orders(world), *over_rest(world, "/v5/position/list", "position", category="linear", symbol="BTCUSDT")]
    for event in listed:
        verdict = recent.verdict(event)
        assert verdict in (Verdict.NEW, Verdict.TOLD)
        if verdict is Verdict.NEW and event.timestamp_ms:
            recent.note(event)
            newest[part_of(event), name_of(event)] = event
    expected = {(part_of(event), name_of(event)): event.identity for event in listed if event.timestamp_ms}
    assert {key: event.identity for key, event in newest.items()} == expected


@pytest.mark.parametrize(
    "found", [None, [], "x", {"a": 1}, {"a": {"until": "1", "open": []}}, {"a": {"until": 1, "open": {}}}, {"a": {"until": True}}]
)
def test_a_checkpoint_that_makes_no_sense_is_none(found: Any) -> None:
    assert from_json(found) == {}


def test_a_checkpoint_is_kept_as_json() -> None:
    checkpoint = {"order.linear": Mark(5, frozenset(["b", "a"])), "balance": Mark(7)}
    text = json.dumps(to_json(checkpoint))
    assert text == '{"order.linear": {"until": 5, "open": ["a", "b"]}, "balance": {"until": 7, "open": []}}'
    assert from_json(json.loads(text)) == checkpoint
