"""What a recorded connection held: by answers, by pushes where an answer is late or lost, and by what it left."""

import json

import pytest

from gateway.protocol.frames import Ack, parse
from simulator.replay.holding import Holding
from simulator.replay.lane import matcher

LINEAR = '{"success":%s,"ret_msg":"%s","conn_id":"c","req_id":"%s","op":"subscribe"}'


def ask(holding: Holding, op: str, req_id: str, *topics: str) -> None:
    holding.sent(json.dumps({"req_id": req_id, "op": op, "args": topics}).encode())


def answer(holding: Holding, text: str) -> None:
    ack = parse(text.encode())
    assert isinstance(ack, Ack)
    holding.answered(ack)


def test_what_was_acknowledged_is_held_and_what_was_refused_is_not() -> None:
    holding = Holding(matcher(()))
    ask(holding, "subscribe", "1", "a", "b")
    assert holding.topics == set()
    answer(holding, LINEAR % ("true", "", "1"))
    ask(holding, "subscribe", "2", "c")
    answer(holding, LINEAR % ("false", "error:handler not found,topic:c", "2"))
    answer(holding, LINEAR % ("true", "", "99"))
    assert holding.topics == {"a", "b"}


def test_answers_that_list_names_are_read_too() -> None:
    holding = Holding(matcher(()))
    ask(holding, "subscribe", "1", "a", "b")
    answer(holding, '{"success":false,"conn_id":"c","data":{"failTopics":["b"],"successTopics":["a"]},"type":"COMMAND_RESP"}')
    assert holding.topics == {"a"}


@pytest.mark.parametrize(("asked", "pushed"), [("a", "a"), ("order.linear", "order"), ("order", "order.linear")])
def test_a_push_tells_that_its_topic_is_held_where_the_answer_never_came(asked: str, pushed: str) -> None:
    holding = Holding(matcher(()))
    ask(holding, "subscribe", "1", asked, "other")
    holding.pushed("strange")
    assert holding.topics == set()
    holding.pushed(pushed)
    assert holding.topics == {asked}


def test_what_is_left_is_not_held_from_then_on_and_a_new_connection_holds_nothing() -> None:
    holding = Holding(matcher(()))
    holding.begin(["a", "b", "c"])
    ask(holding, "unsubscribe", "1", "b")
    assert holding.topics == {"a", "c"}
    holding.begin()
    assert holding.topics == set()


def test_only_what_is_asked_for_counts() -> None:
    holding = Holding(matcher(("tickers.*", "kline.?.A")))
    holding.begin(["tickers.A", "kline.1.A", "kline.10.A", "other"])
    assert holding.topics == {"tickers.A", "kline.1.A"}


def test_every_change_is_a_new_version_and_nothing_else_is() -> None:
    holding, versions = Holding(matcher(())), []
    for act in (
        lambda: ask(holding, "subscribe", "1", "a"),
        lambda: answer(holding, LINEAR % ("true", "", "1")),
        lambda: holding.pushed("a"),
        lambda: ask(holding, "unsubscribe", "2", "a"),
        lambda: holding.begin(),
    ):
        before = holding.version
        act()
        versions.append(holding.version > before)
    assert versions == [False, True, False, True, True]
