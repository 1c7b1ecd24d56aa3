"""The account over REST: all that happened since a checkpoint, in the exchange's order, whatever list it is in."""

from collections.abc import Collection, Sequence
from typing import cast

import pytest
from accounts import BEGAN_MS, TOPICS, World

from gateway.errors import CredentialsRefused, ExchangeError
from gateway.exchange.account_reader import DEEPEST_MS, LAG_MS, OVERLAP_MS, SEARCHES, WEEK_MS, AccountReader, Told
from gateway.exchange.calls import Answer
from gateway.exchange.signed import SignedRest
from gateway.models import Event
from gateway.protocol.account_parts import Part, parts_of
from gateway.protocol.checkpoint import Checkpoint, Mark
from gateway.protocol.recent import Recent, part_of

PLACES = (
    ("linear", "BTCUSDT"), ("linear", "BTCPERP"), ("inverse", "BTCUSD"), ("spot", "ETHUSDT"), ("option", "BTC-25DEC26-70000-C-USDT"),
    ("option", "ETH-25DEC26-3500-C-USDT"),
)  # fmt: skip


class Account:
    """A reader, and what its consumers know."""

    def __init__(self, world: World, topics: Collection[str] = TOPICS) -> None:
        self.world = world
        self.reader = AccountReader(cast(SignedRest, world), coins=("BTC",))
        self.parts = parts_of(topics)
        self.checkpoint: Checkpoint = {}
        self.recent = Recent()

    def hears(self, events: Sequence[Event]) -> None:
        """The stream is on."""
        for event in events:
            self.recent.note(event)

    def read(self, *, among: Collection[str] = ("order", "execution", "position", "balance")) -> dict[str, Told]:
        """All parts; the next read begins where this one ended."""
        believed = self.recent.open_names()
        found = {
            part.name: self.reader.read(part, self.checkpoint.get(part.name), believed.get(part.name, frozenset()))
            for part in self.parts
            if part.event_type in among
        }
        self.checkpoint |= {name: told.mark for name, told in found.items()}
        return found


def told(found: dict[str, Told], event_type: str = "") -> list[Event]:
    """What consumers may not know."""
    return [cast(Event, fact.outcome) for name, part in found.items() for fact in part.facts if name.startswith(event_type)]


def identities(events: Sequence[Event]) -> list[str]:
    return [event.identity for event in events]


@pytest.fixture
def world() -> World:
    return World()


def test_a_first_read_tells_nothing_of_what_was_before(world: World) -> None:
    for category, symbol in PLACES:
        world.do("fill", order_id=world.place(category=category, symbol=symbol))
        world.place(category=category, symbol=symbol)
    world.unix_ms += 1
    account = Account(world)
    found = account.read()
    assert told(found) == []
    marks = {name: len(part.mark.open) for name, part in found.items() if part.mark.open}
    assert marks == {
        "order.linear": 2, "order.inverse": 1, "order.spot": 1, "order.option": 2, "position.linear": 2, "position.inverse": 1,
        "position.option": 2, "balance": 4,
    }  # fmt: skip
    world.unix_ms += 60_000
    assert told(account.read(among=("order", "execution", "position"))) == []


def test_each_kind_of_thing_that_happened_is_told_with_the_streams_ids(world: World) -> None:
    account = Account(world)
    account.read()
    world.unix_ms += 120_000
    began = len(world.told)
    for category, symbol in PLACES:
        order_id = world.place(category=category, symbol=symbol)
        world.do("fill", order_id=order_id)
        world.place(category=category, symbol=symbol)
        world.do("cancel", order_id=world.place(category=category, symbol=symbol))
    happened = world.told[began:]
    found = account.read()
    assert set(identities(told(found, "execution"))) == {event.identity for event in happened if event.event_type == "execution"}
    final = {event.payload["order_id"]: event.identity for event in happened if event.event_type == "order"}
    assert set(identities(told(found, "order"))) == set(final.values())
    last = {event.symbol: event.identity for event in happened if event.event_type == "position"}
    assert set(identities(told(found, "position"))) == set(last.values())
    (wallet,) = told(found, "balance")
    assert wallet.source == "rest"


@pytest.mark.parametrize("count", [1, 50, 700])
def test_as_much_as_happened_is_told_in_its_order(world: World, count: int) -> None:
    account = Account(world)
    account.read()
    world.unix_ms += 120_000
    began = len(world.told)
    for _ in range(count):
        world.do("fill", order_id=world.place(), after_ms=2)
    happened = [event for event in world.told[began:] if event.event_type == "execution"]
    found = account.read()
    assert identities(told(found, "execution.linear")) == identities(happened)
    orders = told(found, "order.linear")
    assert [event.payload["status"] for event in orders] == ["Filled"] * count
    assert [event.timestamp_ms for event in orders] == sorted(event.timestamp_ms for event in orders)
    assert len({event.payload["order_id"] for event in orders}) == count


def test_fills_of_one_moment_are_told_by_what_they_left_of_the_order(world: World) -> None:
    account = Account(world)
    account.read()
    order_id = world.place(quantity="0.060")
    order = world.exchange.account.orders[order_id]
    world.exchange.account.fill(order, quantity=order.left, now_ms=world.now_ms() + 5, parts=6)
    world.unix_ms += 1_000
    left = [event.payload["leaves_qty"] for event in told(account.read(), "execution.linear")]
    assert left == ["0.050", "0.040", "0.030", "0.020", "0.010", "0.000"]


def test_an_order_that_was_open_and_ended_long_after_it_was_made_is_found(world: World) -> None:
    order_id = world.place()
    account = Account(world)
    account.read()
    world.unix_ms += 3_600_000
    world.do("cancel", order_id=order_id)
    for _ in range(60):  # newer ones, more than a page
        world.do("cancel", order_id=world.place())
    found = told(account.read(), "order.linear")
    assert [event.payload["status"] for event in found if event.payload["order_id"] == order_id] == ["Cancelled"]


def test_an_order_that_is_in_no_list_any_more_is_looked_for_by_its_id(world: World) -> None:
    order_id = world.place()
    account = Account(world)
    account.read()
    world.unix_ms += 3_600_000
    account.read()
    world.do("cancel", order_id=order_id)
    for _ in range(500):  # which push it out of those that ended lately
        world.do("cancel", order_id=world.place())
    found = told(account.read(), "order.linear")
    assert [event.payload["status"] for event in found if event.payload["order_id"] == order_id] == ["Cancelled"]
    assert {"category": "linear", "orderId": order_id, "limit": "50"} in world.asked_of("/v5/order/realtime")


def test_an_order_that_the_stream_alone_told_of_is_looked_for_too(world: World) -> None:
    account = Account(world)
    account.read()
    account.hears(world.do("place"))
    order_id = str(world.told[0].payload["order_id"])
    world.unix_ms += 3_600_000  # the checkpoint does not know of it
    account.checkpoint["order.linear"] = Mark(world.unix_ms)
    world.exchange.account.cancel(world.exchange.account.orders[order_id], now_ms=world.unix_ms)
    found = told(account.read(), "order.linear")
    assert [event.payload["status"] for event in found] == ["Cancelled"]


def test_an_order_that_is_nowhere_is_looked_for_some_times_and_then_given_up(world: World) -> None:
    account = Account(world, ["order.linear"])
    account.read()
    account.checkpoint["order.linear"] = Mark(world.unix_ms, frozenset(["gone"]))
    lacks = []
    for _ in range(SEARCHES + 1):
        world.unix_ms += 60_000
        lacks.append(account.read()["order.linear"].lack)
    assert lacks == [*[None] * (SEARCHES - 1), "1 orders that were open are in no list of the exchange any more", None]
    assert account.checkpoint["order.linear"].open == frozenset()


def test_a_history_that_lags_hides_nothing() -> None:
    world = World(lag_s=20.0)
    account = Account(world)
    account.read()
    world.unix_ms += 60_000
    ids = [world.place() for _ in range(520)]  # more than are remembered of those that ended lately
    for order_id in ids:
        world.do("cancel", order_id=order_id)
    first = told(account.read(), "order.linear")
    assert len({event.payload["order_id"] for event in first}) < len(ids)
    world.unix_ms += 30_000
    second = told(account.read(), "order.linear")
    assert {event.payload["order_id"] for event in [*first, *second]} == set(ids)


def test_what_was_told_before_the_checkpoint_is_known_and_not_told_again(world: World) -> None:
    account = Account(world)
    account.read()
    world.do("fill", order_id=world.place())
    world.place()
    world.unix_ms += 10_000
    assert told(account.read())
    world.unix_ms += LAG_MS + OVERLAP_MS
    account.read()
    world.unix_ms += LAG_MS + OVERLAP_MS
    found = account.read(among=("order", "execution", "position"))
    assert told(found) == []
    assert [event.payload["status"] for event in found["order.linear"].known] == ["Filled", "New"]
    assert [event.payload["side"] for event in found["position.linear"].known] == ["Buy"]


def test_a_week_is_the_longest_span_of_a_call(world: World) -> None:
    account = Account(world, ["execution.linear"])
    account.read()
    world.do("fill", order_id=world.place())
    world.asked.clear()
    world.unix_ms += 20 * 86_400_000
    world.do("fill", order_id=world.place())
    assert len(told(account.read())) == 2
    spans = [(int(fields["startTime"]), fields.get("endTime")) for fields in world.asked_of("/v5/execution/list")]
    assert [end is None or int(end) - start == WEEK_MS for start, end in spans] == [True] * 3
    assert spans[0][0] == BEGAN_MS
    assert spans[-1][1] is None


def test_a_checkpoint_of_long_ago_is_an_honest_lack(world: World) -> None:
    account = Account(world, ["execution.linear"])
    account.checkpoint["execution.linear"] = Mark(world.unix_ms - DEEPEST_MS - 86_400_000)
    found = account.read()["execution.linear"]
    assert found.lack == "what is older than 30 days was not looked for"
    assert len(world.asked_of("/v5/execution/list")) <= 6


@pytest.mark.parametrize("mode", ["one-way", "hedge"])
def test_a_position_that_was_closed_is_told_flat(world: World, mode: str) -> None:
    if mode == "hedge":
        world.do("hedge", symbol="BTCUSDT", side="Buy")
    world.do("fill", order_id=world.place(quantity="0.010"))
    account = Account(world)
    account.read()
    world.unix_ms += 60_000
    position = next(iter(world.exchange.account.positions.values()))
    world.exchange.account.place(
        position.instrument, side="Sell", price=position.entry, quantity=position.size, now_ms=world.now_ms(), kind="Market",
        reduce_only=True,
    )  # fmt: skip
    found = account.read()
    flat = [event for event in told(found, "position") if event.payload["side"] is None and event.payload["mode"] == position.idx]
    assert [(event.source, event.payload["size"]) for event in flat] == [("rest", "0.000")]
    assert found["position.linear"].mark.open == {f"BTCUSDT|{position.idx}"}, "an audit leaves what is so young to the stream"
    world.unix_ms += OVERLAP_MS + 1
    assert account.read()["position.linear"].mark.open == frozenset()


def test_a_position_of_a_symbol_that_is_gone_is_told_flat_as_our_own_conclusion(world: World) -> None:
    account = Account(world, ["position.linear"])
    account.read()
    account.checkpoint["position.linear"] = Mark(world.unix_ms, frozenset(["GONEUSDT|0"]))
    (event,) = told(account.read())
    assert (event.source, event.symbol, event.payload["size"], event.payload["side"]) == ("derived", "GONEUSDT", "0", None)
    world.unix_ms += 60_000
    (again,) = told(account.read())
    assert (again.identity, again.timestamp_ms) == (event.identity, event.timestamp_ms), "it is the same conclusion"
    assert told(account.read()) == []


def test_a_coin_that_has_vanished_from_the_wallet_is_told_with_zeros_of_our_own(world: World) -> None:
    world.do("wallet", balances={"ETH": "3"})
    account = Account(world)
    account.read()
    world.do("wallet", balances={"ETH": "0"})
    world.unix_ms += 1_000
    wallet, gone = told(account.read(), "balance")
    assert "ETH" not in [coin["coin"] for coin in wallet.payload["coins"]]
    assert (wallet.source, gone.source) == ("rest", "derived")
    (coin,) = gone.payload["coins"]
    assert (coin["coin"], coin["wallet_balance"], coin["available_balance"], coin["frozen"]) == ("ETH", "0", "0", "0")
    assert coin["derived"] == ["wallet_balance", "available_balance", "frozen", "equity", "usd_value"]
    assert gone.payload["total_equity"] == wallet.payload["total_equity"]
    assert gone.identity != wallet.identity
    world.unix_ms += 60_000
    assert len(told(account.read(), "balance")) == 2, "an audit needs two looks"
    assert len(told(account.read(), "balance")) == 1


def test_spreads_are_read_where_they_are_wanted(world: World) -> None:
    account = Account(world, ["spread.order", "spread.execution"])
    account.read()
    facts = {"category": "spread", "symbol": "SOLUSDT_SOL/USDT"}
    filled, open_id, cancelled = (world.do("place", **facts)[0].payload["order_id"] for _ in range(3))
    world.do("fill", order_id=filled)
    world.do("cancel", order_id=cancelled)
    world.unix_ms += 1_000
    found = account.read()
    assert {event.payload["order_id"]: event.payload["status"] for event in told(found, "order")} == {
        filled: "Filled", open_id: "New", cancelled: "Cancelled",
    }  # fmt: skip
    pushed = {event.identity for event in world.told if event.event_type == "execution" and event.category == "spread"}
    assert set(identities(told(found, "execution"))) == pushed


class Picky(World):
    """Knows no options of BTC."""

    def answer(self, path: str, **fields: str) -> Answer:
        if fields.get("baseCoin") == "BTC":
            raise ExchangeError(10001, "params error: baseCoin invalid")
        return super().answer(path, **fields)


def test_a_coin_without_options_spoils_no_others() -> None:
    picky = Picky()
    account = Account(picky, ["execution.option"])
    account.read()
    picky.do("fill", order_id=picky.place(category="option", symbol="ETH-25DEC26-3500-C-USDT"))
    assert len(told(account.read())) == 1


def test_a_refusal_is_for_whoever_asked(world: World) -> None:
    world.faults["/v5/execution/list"] = CredentialsRefused(10005, "Permission denied", "the API key lacks a permission")
    account = Account(world, ["execution"])
    account.checkpoint = {"execution.linear": Mark(world.unix_ms)}
    with pytest.raises(CredentialsRefused):
        account.read()


@pytest.mark.parametrize(
    ("topics", "names"),
    [
        (["order"], ["order.spot", "order.linear", "order.inverse", "order.option"]),
        (["order.linear", "order.spot"], ["order.linear", "order.spot"]),
        (["wallet", "position", "execution.inverse"], ["execution.inverse", "position.linear", "position.inverse", "position.option", "balance"]),
        (["spread.order", "execution.fast", "greeks", "rfq.open.rfqs"], ["order.spread"]),
    ],
)  # fmt: skip
def test_topics_are_made_of_parts(topics: list[str], names: list[str]) -> None:
    assert [part.name for part in parts_of(topics)] == names


def test_facts_carry_the_topic_that_is_wanted_and_the_record_as_it_came(world: World) -> None:
    account = Account(world, ["order.linear"])
    account.read()
    world.place()
    (fact,) = account.read()["order.linear"].facts
    assert isinstance(fact.outcome, Event)
    assert (fact.outcome.topic, fact.raw["orderStatus"], "category" in fact.raw) == ("order.linear", "New", False)
    assert part_of(fact.outcome) == Part("order", "linear", "order.linear").name
