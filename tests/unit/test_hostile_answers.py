"""Whatever REST answers about the account, the reader makes facts, bad records or a lack of it, or raises a fault of our tree; and nothing that
cannot be read is taken for something that is gone."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from accounts import World

from gateway.errors import ExchangeError, LinkLost
from gateway.exchange.account_reader import AccountReader, Told
from gateway.exchange.calls import Answer
from gateway.exchange.signed import SignedRest
from gateway.models import Event
from gateway.protocol.account_parts import LISTS, parts_of
from gateway.protocol.checkpoint import Mark, from_json, to_json
from gateway.protocol.recent import Recent

Body = dict[str, Any]
Twist = Callable[[Body], Any]

#: In the place of any value.
STRANGE = (
    None, True, -1, 10**18, 10**30, "", "x", "²", "-1", "9" * 400, "1e9", "1e-7", "NaN", "a|b|c", "\0", [], [[]], {}, {"a": {"b": []}}, [None],
)  # fmt: skip
BELIEVED = {
    "position": frozenset(["BTCUSDT|0", "GONEUSDT|1", "strange", "a|b|7"]),
    "order": frozenset(["gone"]),
    "balance": frozenset(["UNIFIED|USDT", "UNIFIED|GONE", "strange"]),
    "execution": frozenset[str](),
}
TOPICS = ("order", "execution", "position", "wallet", "spread.order", "spread.execution")
WHOLE: tuple[tuple[str, Any], ...] = (
    ("no result", {}), ("result null", {"result": None}), ("result empty", {"result": {}}), ("result a list", {"result": []}),
    ("list null", {"result": {"list": None}}), ("list an object", {"result": {"list": {}}}), ("list empty", {"result": {"list": []}}),
    ("row null", {"result": {"list": [None]}}), ("rows strange", {"result": {"list": list(STRANGE)}}), ("row empty", {"result": {"list": [{}]}}),
    ("cursor strange", {"result": {"list": [{}], "nextPageCursor": 7}}), ("cursor null", {"result": {"list": [], "nextPageCursor": None}}),
    ("cursor round", {"result": {"list": [{}], "nextPageCursor": "%00%E2%82"}}), ("category strange", {"result": {"category": [], "list": [{}]}}),
)  # fmt: skip


class Hostile(World):
    """twist: body → what is answered instead; where: of which call."""

    def __init__(self) -> None:
        super().__init__()
        self.twist: Twist = lambda body: body
        self.where = ""

    def answer(self, path: str, **fields: str) -> Answer:
        answer = super().answer(path, **fields)
        twisted = path == self.where and "symbol" not in fields
        return Answer(self.twist(json.loads(json.dumps(answer.body))), {}) if twisted else answer


@pytest.fixture(scope="module")
def lively() -> Hostile:
    """An account that has something in every list."""
    world = Hostile()
    for category, symbol in (
        ("linear", "BTCUSDT"),
        ("spot", "ETHUSDT"),
        ("inverse", "BTCUSD"),
        ("option", "BTC-25DEC26-70000-C-USDT"),
    ):
        world.do("fill", order_id=world.place(category=category, symbol=symbol))
        world.place(category=category, symbol=symbol)
    world.do("fill", order_id=world.do("place", category="spread", symbol="SOLUSDT_SOL/USDT")[0].payload["order_id"])
    world.do("place", category="spread", symbol="SOLUSDT_SOL/USDT")
    world.unix_ms += 1_000
    return world


@pytest.fixture
def world(lively: Hostile) -> Hostile:
    lively.twist, lively.where = (lambda body: body), ""
    return lively


def read(world: Hostile, topic: str, *, is_first: bool = False) -> list[Told]:
    """Each part that the topic is made of, judged as the loop does. Raises nothing but what the loop expects."""
    reader, found, recent = AccountReader(cast(SignedRest, world), coins=("BTC",)), list[Told](), Recent()
    for part in parts_of([topic]):
        since = None if is_first else Mark(world.unix_ms - 3_600_000, frozenset(["strange"]))
        try:
            told = reader.read(part, since, BELIEVED[part.event_type])
        except (LinkLost, ExchangeError):
            continue
        found.append(told)
        for event in told.known:
            recent.learn(event)
        for fact in told.facts:
            event = cast(Event, fact.outcome)
            if (recent.news(event) is not None) if event.event_type == "balance" else recent.verdict(event):
                recent.note(event)
        assert from_json(json.loads(json.dumps(to_json({part.name: told.mark})))) == {part.name: told.mark}
    recent.open_names()
    return found


def topic_of(path: str) -> str:
    (event_type, is_spread) = next(key for key, lists in LISTS.items() if path in (lists.path, lists.history))
    return f"spread.{event_type}" if is_spread else {"balance": "wallet"}.get(event_type, event_type)


PATHS = sorted({path for lists in LISTS.values() for path in (lists.path, lists.history) if path})


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(("_name", "body"), WHOLE)
@pytest.mark.parametrize("path", PATHS)
def test_an_answer_that_is_none_costs_nothing_else(world: Hostile, path: str, _name: str, body: Any, is_first: bool) -> None:
    world.where, world.twist = path, lambda _body: {"retCode": 0, "time": world.unix_ms, **body}
    read(world, topic_of(path), is_first=is_first)


@pytest.mark.parametrize("time", [*STRANGE, 0, 1, 9 * 10**15])
def test_a_strange_time_dates_no_wallet(world: Hostile, time: Any) -> None:
    world.where, world.twist = "/v5/account/wallet-balance", lambda body: {**body, "time": time}
    (told,) = read(world, "wallet")
    assert {cast(Event, fact.outcome).timestamp_ms for fact in told.facts} == {world.unix_ms}


@pytest.mark.parametrize("path", PATHS)
def test_a_strange_value_in_a_row_costs_nothing_else(world: Hostile, path: str) -> None:
    def keys_of(body: Body) -> Body:
        keys.update(*(row.keys() for row in body["result"]["list"]))
        return body

    keys: set[str] = set()
    world.where, world.twist = path, keys_of
    read(world, topic_of(path))
    assert keys, "there is something to twist"
    for key in sorted(keys):
        for value in STRANGE:
            world.twist = lambda body, key=key, value=value: twisted(body, key, value)  # type: ignore[misc]
            read(world, topic_of(path))


@pytest.mark.parametrize("key", ["coin", "walletBalance", "equity", "borrowAmount", "locked"])
def test_a_strange_value_of_a_coin_costs_nothing_else(world: Hostile, key: str) -> None:
    for value in STRANGE:
        world.where = "/v5/account/wallet-balance"
        world.twist = lambda body, value=value: of_coins(body, key, value)  # type: ignore[misc]
        (told,) = read(world, "wallet")
        assert not vanished(told, "USDT") or (key == "coin" and isinstance(value, str)), "another coin is listed, this one is not"


def twisted(body: Body, key: str, value: Any) -> Body:
    body["result"]["list"] = [{**row, key: value} for row in body["result"]["list"]]
    return body


def of_coins(body: Body, key: str, value: Any) -> Body:
    for row in body["result"]["list"]:
        row["coin"] = [{**coin, key: value} for coin in row["coin"]]
    return body


def vanished(told: Told, coin: str) -> bool:
    """Whether it is told with zeros of ours."""
    events = [cast(Event, fact.outcome) for fact in told.facts]
    return any(coin in [each["coin"] for each in event.payload["coins"]] for event in events if event.source == "derived")


@pytest.mark.parametrize("key", ["size", "positionIdx", "updatedTime", "side"])
def test_a_position_that_cannot_be_read_is_not_told_flat_and_still_believed(world: Hostile, key: str) -> None:
    world.where, world.twist = "/v5/position/list", lambda body: twisted(body, key, "²")
    for told in read(world, "position.linear"):
        assert not [fact for fact in told.facts if cast(Event, fact.outcome).source == "derived"]
        assert {"BTCUSDT|0", "GONEUSDT|1"} <= told.mark.open
        assert told.bad
        assert told.lack == f"position.linear: {len(told.bad)} records that REST told could not be read"


@pytest.mark.parametrize(
    ("_name", "row"),
    [
        ("null", {"coin": None}), ("an object", {"coin": {}}), ("a text", {"coin": "x"}), ("a coin without a name", {"coin": [{"equity": "1"}]}),
        ("a coin with a strange name", {"coin": [{"coin": 5, "equity": "1"}]}), ("a coin that is none", {"coin": [None]}),
    ],
)  # fmt: skip
def test_a_wallet_whose_coins_cannot_be_read_tells_no_coin_gone(world: Hostile, _name: str, row: Body) -> None:
    world.where = "/v5/account/wallet-balance"
    world.twist = lambda body: {**body, "result": {"list": [{**body["result"]["list"][0], **row}]}}
    (told,) = read(world, "wallet")
    assert not [fact for fact in told.facts if cast(Event, fact.outcome).source == "derived"]
    assert {"UNIFIED|USDT", "UNIFIED|GONE"} <= told.mark.open
    assert told.lack


def test_a_wallet_without_its_coins_key_or_without_the_account_tells_no_coin_gone(world: Hostile) -> None:
    world.where = "/v5/account/wallet-balance"
    for rows in ([], [{"accountType": "UNIFIED"}], [{"accountType": "FUND", "coin": []}]):
        world.twist = lambda body, rows=rows: {**body, "result": {"list": rows}}  # type: ignore[misc]
        (told,) = read(world, "wallet")
        assert not [fact for fact in told.facts if cast(Event, fact.outcome).source == "derived"]
        assert {"UNIFIED|USDT", "UNIFIED|GONE"} <= told.mark.open
        assert told.lack


def test_a_coin_whose_amounts_cannot_be_read_has_not_vanished(world: Hostile) -> None:
    world.where = "/v5/account/wallet-balance"
    world.twist = lambda body: {
        **body, "result": {"list": [{"accountType": "UNIFIED", "coin": [{"coin": "USDT", "walletBalance": "²", "equity": None}]}]},
    }  # fmt: skip
    (told,) = read(world, "wallet")
    assert not vanished(told, "USDT")
    assert vanished(told, "GONE")
    assert "UNIFIED|USDT" in told.mark.open


def test_orders_are_not_given_up_while_a_list_cannot_be_read(world: Hostile) -> None:
    world.where, world.twist = "/v5/order/history", lambda body: {**body, "result": {"list": [None]}}
    reader = AccountReader(cast(SignedRest, world))
    (part,) = parts_of(["order.linear"])
    for _ in range(20):
        told = reader.read(part, Mark(world.unix_ms), frozenset(["gone"]))
        assert (told.gone, "gone" in told.mark.open, bool(told.lack)) == (frozenset(), True, True)
