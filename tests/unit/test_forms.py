"""The forms of a private topic: two that tell the same never meet on one connection, all others live together."""

import pytest
from conversation import wanting, yes

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.subscriptions import Subscriptions
from gateway.protocol.topic import RETRY_FIRST_S


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("order", "order.linear"),
        ("order.linear", "order"),
        ("execution.fast", "execution.fast.option"),
        ("position", "position.inverse"),
    ],
)
def test_two_forms_of_a_private_topic_never_meet(first: str, second: str) -> None:
    subscriptions = wanting(first, endpoint="private")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(yes(request), 0.0)
    subscriptions.want({first: False, second: False})
    assert subscriptions.to_send(1.0) == []
    assert subscriptions.states()[second] == ("refused", f"found {first} held; expected one form of a topic at a time")
    subscriptions.want({second: False})
    [leave] = subscriptions.to_send(2.0)
    assert (leave.op, leave.topics) == ("unsubscribe", (first,))


def test_narrow_forms_of_one_topic_and_like_named_ones_live_together() -> None:
    topics = ("order.linear", "order.spot", "execution", "execution.fast", "spread.order")
    subscriptions = wanting(*topics, endpoint="private")
    [request] = subscriptions.to_send(0.0)
    assert request.topics == topics


def test_a_private_form_that_was_never_asked_for_is_not_left() -> None:
    subscriptions = Subscriptions(ENDPOINTS["private"])
    subscriptions.want({"order": False, "order.linear": False})
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    subscriptions.tick(RETRY_FIRST_S)
    assert subscriptions.to_send(RETRY_FIRST_S) == []


def test_a_topic_that_found_no_room_can_be_cancelled_with_the_one_that_took_it() -> None:
    subscriptions = Subscriptions(ENDPOINTS["private"])
    subscriptions.want({"order": False, "order.linear": False})
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    subscriptions.want({})
    assert subscriptions.states() == {}
