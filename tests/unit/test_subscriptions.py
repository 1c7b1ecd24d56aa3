"""A topic's life: the table, and what the exchange's answers do to it. Texts of answers: protocol notes, section 5."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Ack, parse
from gateway.protocol.renewal import CALM_S
from gateway.protocol.subscriptions import (
    ACK_TIMEOUT_S,
    FIRST_FRAME_S,
    Request,
    Subscriptions,
)
from gateway.protocol.topic import RETRY_FIRST_S
from gateway.protocol.topic_moves import MOVES, Heard, Phase


def yes(request: Request) -> Ack:
    return Ack(op=request.op, success=True, req_id=request.req_id, message="")


def no(request: Request, message: str) -> Ack:
    return Ack(op=request.op, success=False, req_id=request.req_id, message=message)


def lists(accepted: tuple[str, ...], refused: tuple[str, ...] = ()) -> Ack:
    return Ack(op=None, success=True, req_id=None, message="", succeeded=accepted, failed=refused)


def partial(accepted: list[str], refused: list[str]) -> str:
    return (
        f"Batch subscription partially succeeded and partially failed.Successful subscriptions are as follows:[{','.join(accepted)}]. "
        "Subscription to the following topics failed because the topic does not exist or there is a subscription conflict:"
        f"[{','.join(refused)}]."
    )


def wanting(*topics: str, endpoint: str = "linear", pushes_first: bool = False) -> Subscriptions:
    subscriptions = Subscriptions(ENDPOINTS[endpoint])
    subscriptions.want(dict.fromkeys(topics, pushes_first))
    return subscriptions


def words(subscriptions: Subscriptions) -> dict[str, str]:
    return {topic: word for topic, (word, _) in subscriptions.states().items()}


def test_wanted_topics_are_asked_for_in_one_request_and_acknowledged_together() -> None:
    subscriptions = wanting("a", "b")
    [request] = subscriptions.to_send(0.0)
    assert (request.op, request.topics) == ("subscribe", ("a", "b"))
    assert not subscriptions.settled
    assert subscriptions.heard(yes(request), 0.1)
    assert words(subscriptions) == {"a": "acknowledged", "b": "acknowledged"}
    assert subscriptions.settled
    assert subscriptions.held == 2


def test_nothing_is_sent_twice() -> None:
    subscriptions = wanting("a")
    assert len(subscriptions.to_send(0.0)) == 1
    assert subscriptions.to_send(0.1) == []


def test_a_request_names_no_more_topics_than_the_endpoint_allows() -> None:
    subscriptions = wanting(*(f"t{number}" for number in range(23)), endpoint="spot")
    assert [len(request.topics) for request in subscriptions.to_send(0.0)] == [10, 10, 3]


def test_an_endpoint_whose_answers_carry_no_id_is_asked_one_thing_at_a_time() -> None:
    topics = tuple(f"t{number}" for number in range(60))
    subscriptions = wanting(*topics, endpoint="option")
    [first] = subscriptions.to_send(0.0)
    assert subscriptions.to_send(0.1) == []
    assert subscriptions.heard(lists(first.topics), 0.2)
    [second] = subscriptions.to_send(0.3)
    assert set(first.topics) | set(second.topics) == set(topics)


def test_an_answer_that_names_other_topics_is_not_taken_for_ours() -> None:
    subscriptions = wanting("a", endpoint="spread")
    subscriptions.to_send(0.0)
    assert not subscriptions.heard(lists(("x",)), 0.1)
    assert subscriptions.unmatched == 1
    assert words(subscriptions) == {"a": "requested"}


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


def test_an_unanswered_subscribe_is_asked_again() -> None:
    subscriptions = wanting("a")
    [request] = subscriptions.to_send(0.0)
    subscriptions.tick(ACK_TIMEOUT_S - 0.01)
    assert subscriptions.to_send(ACK_TIMEOUT_S - 0.01) == []
    subscriptions.tick(ACK_TIMEOUT_S)
    [again] = subscriptions.to_send(ACK_TIMEOUT_S)
    assert again.topics == ("a",)
    assert again.req_id != request.req_id
    assert subscriptions.silences == 1


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


def test_a_channel_that_pushes_first_is_live_with_its_first_frame_and_others_rest_acknowledged() -> None:
    for pushes_first, word in ((True, "live"), (False, "acknowledged")):
        subscriptions = wanting("a", pushes_first=pushes_first)
        [request] = subscriptions.to_send(0.0)
        subscriptions.heard(yes(request), 0.1)
        assert words(subscriptions) == {"a": "acknowledged"}
        assert subscriptions.frame("a")
        assert words(subscriptions) == {"a": word}


def test_a_push_that_overtakes_its_acknowledgement_makes_the_topic_live() -> None:
    subscriptions = wanting("a", pushes_first=True)
    [request] = subscriptions.to_send(0.0)
    subscriptions.frame("a")
    subscriptions.heard(yes(request), 0.1)
    assert words(subscriptions) == {"a": "live"}


def test_a_topic_that_nobody_wants_any_more_is_unsubscribed_and_forgotten() -> None:
    subscriptions = wanting("a", "b")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(yes(request), 0.1)
    subscriptions.want({"b": False})
    [leave] = subscriptions.to_send(0.2)
    assert (leave.op, leave.topics) == ("unsubscribe", ("a",))
    subscriptions.heard(yes(leave), 0.3)
    assert words(subscriptions) == {"b": "acknowledged"}
    assert subscriptions.held == 1
    assert not subscriptions.frame("a")


def test_a_refused_unsubscribe_is_not_asked_again_and_a_later_subscribe_still_works() -> None:
    subscriptions = wanting("a", "b")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(yes(request), 0.1)
    subscriptions.want({})
    [leave] = subscriptions.to_send(0.2)
    subscriptions.heard(no(leave, "words never seen"), 0.3)
    assert subscriptions.to_send(0.4) == []
    subscriptions.want({"a": False})
    [again] = subscriptions.to_send(0.5)
    subscriptions.heard(no(again, "error:already subscribed,topic:a"), 0.6)
    assert words(subscriptions) == {"a": "acknowledged"}


def test_a_topic_wanted_again_while_it_leaves_is_subscribed_again() -> None:
    subscriptions = wanting("a")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(yes(request), 0.1)
    subscriptions.want({})
    [leave] = subscriptions.to_send(0.2)
    subscriptions.want({"a": False})
    assert subscriptions.to_send(0.3) == []
    subscriptions.heard(yes(leave), 0.4)
    [again] = subscriptions.to_send(0.5)
    assert (again.op, again.topics) == ("subscribe", ("a",))


def test_a_topic_cancelled_while_its_request_is_under_way_waits_for_the_answer_and_leaves() -> None:
    subscriptions = wanting("a", pushes_first=True)
    [request] = subscriptions.to_send(0.0)
    subscriptions.frame("a")
    subscriptions.want({})
    assert subscriptions.to_send(0.1) == []
    subscriptions.heard(yes(request), 0.2)
    assert [leave.op for leave in subscriptions.to_send(0.3)] == ["unsubscribe"]


def test_after_a_lost_connection_all_wanted_topics_are_asked_for_again_and_unwanted_ones_are_not() -> None:
    subscriptions = wanting("a", "b")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(yes(request), 0.1)
    subscriptions.want({"b": False})
    subscriptions.to_send(0.2)
    subscriptions.lost()
    [again] = subscriptions.to_send(0.3)
    assert (again.op, again.topics) == ("subscribe", ("b",))


def test_a_refusal_outlives_the_connection() -> None:
    subscriptions = wanting("a")
    [request] = subscriptions.to_send(0.0)
    subscriptions.heard(no(request, "error:handler not found,topic:a"), 0.0)
    subscriptions.lost()
    assert subscriptions.to_send(1.0) == []
    subscriptions.tick(RETRY_FIRST_S)
    assert len(subscriptions.to_send(RETRY_FIRST_S)) == 1


def test_what_does_not_fit_on_one_connection_is_refused_by_name() -> None:
    topics = [f"tickers.BTC-1JAN27-{strike}-C-USDT" for strike in range(10_000, 12_001)]
    subscriptions = wanting(*topics, endpoint="option")
    now = 0.0
    while requests := subscriptions.to_send(now):
        subscriptions.heard(lists(requests[0].topics), now)
    held = [topic for topic, word in words(subscriptions).items() if word == "acknowledged"]
    assert sum(map(len, held)) <= 21_000
    assert len(held) <= 2_000
    refused = {topic: error for topic, (word, error) in subscriptions.states().items() if word == "refused"}
    assert set(refused) == set(topics) - set(held)
    assert all(error is not None and "does not fit" in error for error in refused.values())


def test_every_phase_has_a_move_when_the_connection_is_lost() -> None:
    assert {phase for phase, heard in MOVES if heard is Heard.LOST} == set(Phase)


def test_unanswered_private_topic_is_left_before_it_is_asked_again() -> None:
    """Asked twice it would be refused as a conflict with itself, although it is held."""
    subscriptions = wanting("order", endpoint="private")
    [first] = subscriptions.to_send(0.0)
    subscriptions.tick(ACK_TIMEOUT_S)
    [leave] = subscriptions.to_send(ACK_TIMEOUT_S)
    subscriptions.heard(yes(leave), ACK_TIMEOUT_S)
    [again] = subscriptions.to_send(ACK_TIMEOUT_S)
    assert [request.op for request in (first, leave, again)] == ["subscribe", "unsubscribe", "subscribe"]
    subscriptions.heard(yes(again), ACK_TIMEOUT_S)
    assert subscriptions.settled


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


def test_hollow_acknowledgement_is_said_and_asked_again() -> None:
    subscriptions = wanting("tickers.NO-SUCH-OPTION", endpoint="option", pushes_first=True)
    subscriptions.heard(lists(subscriptions.to_send(0.0)[0].topics), 0.0)
    subscriptions.tick(FIRST_FRAME_S)
    assert subscriptions.states() == {
        "tickers.NO-SUCH-OPTION": ("acknowledged", f"acknowledged, but no frame came within {FIRST_FRAME_S:g} s")
    }
    assert [request.op for request in subscriptions.to_send(FIRST_FRAME_S)] == ["unsubscribe"]


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


def test_trades_that_deliver_without_an_acknowledgement_are_told_as_a_gap_until_they_are_back() -> None:
    subscriptions = wanting("publicTrade.A", "publicTrade.B")
    subscriptions.to_send(0.0)
    subscriptions.frame("publicTrade.A", 1.0)
    subscriptions.tick(ACK_TIMEOUT_S)
    assert subscriptions.take_gaps() == [("gap", "publicTrade.A")]
    [leave] = subscriptions.to_send(ACK_TIMEOUT_S)
    subscriptions.heard(yes(leave), ACK_TIMEOUT_S)
    [ask] = subscriptions.to_send(ACK_TIMEOUT_S)
    assert subscriptions.take_gaps() == []
    subscriptions.heard(yes(ask), ACK_TIMEOUT_S)
    assert subscriptions.take_gaps() == [("recovered", "publicTrade.A")]


def test_gap_that_a_lost_connection_ends_is_over_when_the_topic_is_back() -> None:
    subscriptions = wanting("publicTrade.A")
    subscriptions.to_send(0.0)
    subscriptions.frame("publicTrade.A", 1.0)
    subscriptions.tick(ACK_TIMEOUT_S)
    assert subscriptions.take_gaps() == [("gap", "publicTrade.A")]
    subscriptions.lost()
    subscriptions.heard(yes(subscriptions.to_send(10.0)[0]), 10.0)
    assert subscriptions.take_gaps() == [("recovered", "publicTrade.A")]


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


def test_topics_that_replace_others_wait_for_their_room_and_are_not_refused() -> None:
    """A connection that is full to the last character, and then wants as many other topics."""
    old, new = ([f"{mark}{number:06d}" for number in range(3000)] for mark in "ab")
    subscriptions = wanting(*old)
    while requests := subscriptions.to_send(0.0):
        for request in requests:
            subscriptions.heard(yes(request), 0.0)
    assert subscriptions.settled
    subscriptions.want(dict.fromkeys(new, False))
    on_wire = set(old)
    while requests := subscriptions.to_send(1.0):
        for request in requests:
            on_wire = on_wire | set(request.topics) if request.op == "subscribe" else on_wire - set(request.topics)
            assert sum(map(len, on_wire)) <= 21_000
            subscriptions.heard(yes(request), 1.0)
    assert on_wire == set(new)
    assert set(words(subscriptions).values()) == {"acknowledged"}


def test_narrow_forms_of_one_topic_and_like_named_ones_live_together() -> None:
    topics = ("order.linear", "order.spot", "execution", "execution.fast", "spread.order")
    subscriptions = wanting(*topics, endpoint="private")
    [request] = subscriptions.to_send(0.0)
    assert request.topics == topics


TOPICS = ("a", "b", "c")
STEPS = st.one_of(
    st.tuples(st.just("want"), st.sets(st.sampled_from(TOPICS))),
    st.tuples(st.sampled_from(["yes", "no", "odd", "already"]), st.integers(0, 3)),
    st.tuples(st.just("frame"), st.sampled_from(TOPICS)),
    st.tuples(st.just("renew"), st.sampled_from(TOPICS)),
    st.tuples(st.just("lost"), st.just(0)),
    st.tuples(st.just("silence"), st.integers(0, 1)),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(STEPS, max_size=40), st.sampled_from(["linear", "option", "private"]))
def test_random_conversations_end_with_exactly_the_wanted_topics_on_the_wire(steps: list[tuple[str, object]], name: str) -> None:
    subscriptions = Subscriptions(ENDPOINTS[name])
    wire: set[str] = set()  # what the exchange holds
    pending: list[Request] = []
    wanted: set[str] = set()
    now = 0.0

    def answer(request: Request, kind: str) -> None:
        if kind == "no" and request.op == "subscribe":
            subscriptions.heard(no(request, f"error:handler not found,topic:{request.topics[0]}"), now)
        elif kind == "odd" and request.op == "subscribe":
            subscriptions.heard(no(request, "words never seen"), now)
        elif kind == "already" and request.op == "subscribe" and request.topics[0] in wire:
            subscriptions.heard(no(request, f"error:already subscribed,topic:{request.topics[0]}"), now)
        elif name == "private" and request.op == "subscribe" and wire & set(request.topics):
            held = [topic for topic in request.topics if topic in wire]
            new = [topic for topic in request.topics if topic not in wire]
            subscriptions.heard(no(request, partial(new, held)), now)
            wire.update(new)
        else:
            wire.update(request.topics) if request.op == "subscribe" else wire.difference_update(request.topics)
            subscriptions.heard(lists(request.topics) if name == "option" else yes(request), now)

    for kind, value in steps:
        now += 0.1
        if kind == "want":
            assert isinstance(value, set)
            wanted = value
            subscriptions.want(dict.fromkeys(wanted, True))
        elif kind == "frame":
            subscriptions.frame(str(value))
        elif kind == "lost":
            wire.clear()
            pending.clear()
            subscriptions.lost()
        elif kind == "renew":
            subscriptions.renew(str(value))
        elif kind == "silence":
            for request in pending if value else ():  # the exchange did it, and only the answer was lost
                wire.update(request.topics) if request.op == "subscribe" else wire.difference_update(request.topics)
            now += ACK_TIMEOUT_S
            pending.clear()
            subscriptions.tick(now)
        elif pending:
            answer(pending.pop(0), kind)
        pending += subscriptions.to_send(now)

    for _ in range(60):  # from here on the exchange answers well
        now += RETRY_FIRST_S * 10
        while pending:
            answer(pending.pop(0), "yes")
        for topic in wire:
            subscriptions.frame(topic, now)
        subscriptions.tick(now)
        pending += subscriptions.to_send(now)
    assert set(words(subscriptions)) == wanted
    assert set(words(subscriptions).values()) <= {"live"}
    assert wire == wanted


def test_a_wanted_topic_is_never_told_to_be_cancelled() -> None:
    """That word is for a wish that was taken back; a renewal only leaves to come again."""
    subscriptions = Subscriptions(ENDPOINTS["linear"])
    subscriptions.want({"orderbook.50.BTCUSDT": True})
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    subscriptions.frame("orderbook.50.BTCUSDT", 0.0)
    subscriptions.renew("orderbook.50.BTCUSDT")
    assert [request.op for request in subscriptions.to_send(1.0)] == ["unsubscribe"]
    assert subscriptions.states() == {"orderbook.50.BTCUSDT": ("requested", None)}


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


@pytest.mark.parametrize(
    ("name", "held", "waiting"), [("linear", "orderbook.50." + "A" * 20_000, "x" * 2_000), ("private", "order", "order.linear")]
)
def test_room_that_is_made_is_used_at_once(name: str, held: str, waiting: str) -> None:
    """The refusal was our own; its wait of up to 10 min is for those of the exchange."""
    subscriptions = Subscriptions(ENDPOINTS[name])
    subscriptions.want({held: False, waiting: False})
    subscriptions.heard(yes(subscriptions.to_send(0.0)[0]), 0.0)
    assert words(subscriptions)[waiting] == "refused"
    subscriptions.want({waiting: False})
    sent = subscriptions.to_send(1.0)
    assert [(request.op, request.topics) for request in sent] == [("unsubscribe", (held,))]
    subscriptions.heard(yes(sent[0]), 1.0)
    assert [(request.op, request.topics) for request in subscriptions.to_send(1.0)] == [("subscribe", (waiting,))]


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
