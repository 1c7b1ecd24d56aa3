"""A topic's life: the table, and what the exchange's answers do to it. Texts of answers: protocol notes, section 5."""

import pytest
from conversation import lists, no, partial, wanting, words, yes
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.subscriptions import ACK_TIMEOUT_S, FIRST_FRAME_S, Subscriptions
from gateway.protocol.topic import RETRY_FIRST_S, Request
from gateway.protocol.topic_moves import MOVES, Heard, Phase


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


def test_hollow_acknowledgement_is_said_and_asked_again() -> None:
    subscriptions = wanting("tickers.NO-SUCH-OPTION", endpoint="option", pushes_first=True)
    subscriptions.heard(lists(subscriptions.to_send(0.0)[0].topics), 0.0)
    subscriptions.tick(FIRST_FRAME_S)
    stalled = {"tickers.NO-SUCH-OPTION": ("stalled", f"acknowledged, but no frame came within {FIRST_FRAME_S:g} s")}
    assert subscriptions.states() == stalled
    [leave] = subscriptions.to_send(FIRST_FRAME_S)
    assert leave.op == "unsubscribe"
    subscriptions.heard(lists(leave.topics), FIRST_FRAME_S)
    subscriptions.heard(lists(subscriptions.to_send(FIRST_FRAME_S)[0].topics), FIRST_FRAME_S)
    assert subscriptions.states() == stalled, "while it is asked for again"
    subscriptions.frame("tickers.NO-SUCH-OPTION", FIRST_FRAME_S)
    assert subscriptions.states() == {"tickers.NO-SUCH-OPTION": ("live", None)}


def test_what_did_not_push_is_forgotten_with_its_connection() -> None:
    subscriptions = wanting("tickers.NO-SUCH-OPTION", endpoint="option", pushes_first=True)
    subscriptions.heard(lists(subscriptions.to_send(0.0)[0].topics), 0.0)
    subscriptions.tick(FIRST_FRAME_S)
    subscriptions.lost()
    assert subscriptions.states() == {"tickers.NO-SUCH-OPTION": ("requested", None)}


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
