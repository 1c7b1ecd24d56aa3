"""Refusals: whom an answer hits, by its words or its lists, and when a refused topic is asked for again. Texts: protocol notes, section 5."""

import pytest
from conversation import lists, no, partial, wanting, words, yes

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import parse
from gateway.protocol.subscriptions import ACK_TIMEOUT_S, Subscriptions
from gateway.protocol.topic import RETRY_FIRST_S


def test_listed_failures_are_refused_and_their_neighbours_acknowledged() -> None:
    subscriptions = wanting("a", "b", endpoint="option")
    subscriptions.to_send(0.0)
    subscriptions.heard(lists(("a",), ("b",)), 0.1)
    assert words(subscriptions) == {"a": "acknowledged", "b": "refused"}


def test_the_topic_that_a_refusal_names_is_refused_and_its_bystanders_are_asked_again() -> None:
    subscriptions = wanting("a", "bad", "c")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(no(request, "error:handler not found,topic:bad"), 0.1)
    assert subscriptions.states()["bad"] == ("refused", "error:handler not found,topic:bad")
    [again] = subscriptions.to_send(0.2)
    assert again.topics == ("a", "c")


def test_already_subscribed_means_yes() -> None:
    subscriptions = wanting("a", "b")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(no(request, "error:already subscribed,topic:a"), 0.1)
    assert words(subscriptions) == {"a": "acknowledged", "b": "requested"}


def test_spot_names_an_invalid_symbol_in_brackets() -> None:
    subscriptions = wanting("publicTrade.NOPE", "publicTrade.BTCUSDT", endpoint="spot")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(no(request, "Invalid symbol :[publicTrade.NOPE]"), 0.1)
    assert words(subscriptions) == {"publicTrade.NOPE": "refused", "publicTrade.BTCUSDT": "requested"}


def test_the_private_stream_accepts_a_part() -> None:
    subscriptions = wanting("order", "nope", endpoint="private")
    [request] = subscriptions.to_send(0.0)
    message = partial(["order"], ["nope"])
    subscriptions.heard(no(request, message), 0.1)
    assert words(subscriptions) == {"order": "acknowledged", "nope": "refused"}


def test_a_refusal_in_unknown_words_is_traced_by_asking_for_each_topic_alone() -> None:
    subscriptions = wanting("a", "b")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(no(request, "something new"), 0.1)
    alone = subscriptions.to_send(0.2)
    assert [request.topics for request in alone] == [("a",), ("b",)]
    subscriptions.heard(no(alone[0], "something new"), 0.3)
    subscriptions.heard(yes(alone[1]), 0.3)
    assert words(subscriptions) == {"a": "refused", "b": "acknowledged"}


@pytest.mark.parametrize("lists", ["", ',"data":{}', ',"data":{"failTopics":[],"successTopics":[]}'])
def test_a_refusal_that_lists_no_topics_accepts_none(lists: str) -> None:
    """Trades push nothing on subscribe: taken for accepted, they would rest as acknowledged for ever."""
    subscriptions = Subscriptions(ENDPOINTS["option"])
    subscriptions.want({"publicTrade.BTC": False, "publicTrade.ETH": False})
    refusal = parse(b'{"success":false,"ret_msg":"args size too large","conn_id":"x"%s,"type":"COMMAND_RESP"}' % lists.encode())
    asked = []
    for _ in range(3):
        asked += [request.topics for request in subscriptions.to_send(0.0)]
        subscriptions.heard(refusal, 0.0)  # type: ignore[arg-type] # it is one
    assert asked == [("publicTrade.BTC", "publicTrade.ETH"), ("publicTrade.BTC",), ("publicTrade.ETH",)]
    assert set(subscriptions.states().values()) == {("refused", "args size too large")}


def test_a_refused_topic_is_asked_again_after_a_minute_then_two_up_to_ten() -> None:
    subscriptions = wanting("a")
    now, waits = 0.0, []
    for _ in range(6):
        [request] = subscriptions.to_send(now)
        subscriptions.heard(no(request, "error:handler not found,topic:a"), now)
        refused_at = now
        while not subscriptions.to_send(now):
            now += 1.0
            subscriptions.tick(now)
            if words(subscriptions)["a"] == "requested":
                break
        waits.append(now - refused_at)
    assert waits == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]


def test_a_refusal_outlives_the_connection() -> None:
    subscriptions = wanting("a")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(no(request, "error:handler not found,topic:a"), 0.0)
    subscriptions.lost()
    assert subscriptions.to_send(1.0) == []
    subscriptions.tick(RETRY_FIRST_S)
    assert len(subscriptions.to_send(RETRY_FIRST_S)) == 1


def test_leaving_a_refused_private_topic_in_vain_costs_the_others_nothing() -> None:
    """Whether the exchange answers who leaves what is not held is not known."""
    subscriptions = wanting("order", "greeks", endpoint="private")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(no(request, partial(["order"], ["greeks"])), 0.0)
    now = 0.0
    for wait in (60.0, 120.0, 240.0, 480.0, 600.0, 600.0):
        now += wait
        subscriptions.tick(now)
        [leave] = subscriptions.to_send(now)
        assert (leave.op, leave.topics) == ("unsubscribe", ("greeks",))
        now += ACK_TIMEOUT_S
        subscriptions.tick(now)
        assert subscriptions.silences == 0
        [ask] = subscriptions.to_send(now)
        assert (ask.op, ask.topics) == ("subscribe", ("greeks",))
        subscriptions.heard(no(ask, partial([], ["greeks"])), now)
