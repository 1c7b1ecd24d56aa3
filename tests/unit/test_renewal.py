"""Renewals of a topic: it is left and asked for anew, at once and then ever later, and is wanted all the while."""

from itertools import pairwise

import pytest
from conversation import wanting, yes

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.pace import CALM_S
from gateway.protocol.subscriptions import Subscriptions


def renewed_at(subscriptions: Subscriptions, topic: str, now: float, until: float) -> list[float]:
    """When a topic is left to be asked for anew, if its every frame is broken; all answers come at once."""
    moments = []
    while now < until:
        subscriptions.frame(topic, now)
        subscriptions.renew(topic)
        subscriptions.tick(now)
        for request in subscriptions.to_send(now):
            assert request.topics == (topic,)
            moments += [now] if request.op == "unsubscribe" else []
            subscriptions.heard(yes(request), now)
        for request in subscriptions.to_send(now):
            assert (request.op, request.topics) == ("subscribe", (topic,))
            subscriptions.heard(yes(request), now)
        now += 0.125
    return moments


def test_renewed_topic_is_left_and_asked_again_at_once_and_then_ever_later() -> None:
    subscriptions = wanting("a", "b", pushes_first=True)
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    subscriptions.frame("b", 0.1)
    moments = renewed_at(subscriptions, "a", 20.0, 130.0)
    assert [later - earlier for earlier, later in pairwise(moments)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert moments[0] == 20.0


@pytest.mark.parametrize(("calm_s", "waits"), [(CALM_S + 1, [0.5, 1.0]), (CALM_S - 2, [4.0, 8.0])])
def test_renewals_are_quick_again_after_the_topic_was_held_undisturbed(calm_s: float, waits: list[float]) -> None:
    subscriptions = wanting("a", pushes_first=True)
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    assert renewed_at(subscriptions, "a", 1.0, 2.6) == [1.0, 1.5, 2.5]
    begin = 2.5 + calm_s
    moments = renewed_at(subscriptions, "a", begin, begin + 14.0)[:3]
    assert moments[0] == begin
    assert [later - earlier for earlier, later in pairwise(moments)] == waits


def test_waiting_for_its_renewal_is_no_calm() -> None:
    """A topic may wait 30 s broken; that it was held meanwhile says nothing good of it."""
    subscriptions = wanting("a", pushes_first=True)
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    assert renewed_at(subscriptions, "a", 1.0, 100.0) == [1.0, 1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 62.5, 92.5]


def test_a_turn_between_leaving_a_topic_and_the_answer_disturbs_nothing() -> None:
    """The calm after a renewal begins with its acknowledgement, and not with a turn before it."""
    subscriptions = wanting("a", pushes_first=True)
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    left = []
    for now in (1.0, 1.5, 2.5, 2.5 + CALM_S + 1.0, 14.0, 15.0):
        subscriptions.frame("a", now)
        subscriptions.renew("a")
        subscriptions.tick(now)
        for request in subscriptions.to_send(now):
            left.append(now)
            subscriptions.tick(now + 0.01)
            subscriptions.heard(yes(request), now + 0.02)
            [request] = subscriptions.to_send(now + 0.02)
            subscriptions.heard(yes(request), now + 0.03)
    assert left == [1.0, 1.5, 2.5, 13.5, 14.0, 15.0]


def test_a_topic_that_waits_for_its_renewal_is_left_at_once_to_find_out_whether_the_exchange_answers() -> None:
    subscriptions = wanting("a", pushes_first=True)
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    assert renewed_at(subscriptions, "a", 1.0, 3.0) == [1.0, 1.5, 2.5]
    subscriptions.tick(3.0)
    assert subscriptions.to_send(3.0) == []
    assert subscriptions.renew_prompt() == "a"
    subscriptions.tick(3.1)
    assert [request.op for request in subscriptions.to_send(3.1)] == ["unsubscribe"]


def test_a_wanted_topic_is_never_told_to_be_cancelled() -> None:
    """That word is for a wish that was taken back; a renewal only leaves to come again."""
    subscriptions = Subscriptions(ENDPOINTS["linear"])
    subscriptions.want({"orderbook.50.BTCUSDT": True})
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    subscriptions.frame("orderbook.50.BTCUSDT", 0.0)
    subscriptions.renew("orderbook.50.BTCUSDT")
    assert [request.op for request in subscriptions.to_send(1.0)] == ["unsubscribe"]
    assert subscriptions.states() == {"orderbook.50.BTCUSDT": ("requested", None)}
