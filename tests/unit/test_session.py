"""A connection's conversation under an explicit clock: login, heartbeats, subscriptions, and every way it ends."""

import json
from itertools import product
from typing import Any

import pytest

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Ack, AuthReply, Pong, Unknown
from gateway.protocol.session import AUTH_AHEAD_MS, AUTH_S, ENDED, MOVES, PING_S, PONG_S, Credentials, Input, Session, State
from gateway.protocol.subscriptions import ACK_TIMEOUT_S, Subscriptions

UNIX_MS = 1_700_000_000_000


def session(endpoint: str = "linear", *topics: str) -> Session:
    subscriptions = Subscriptions(ENDPOINTS[endpoint])
    subscriptions.want(dict.fromkeys(topics or ("a",), False))
    credentials = Credentials("key", lambda text: f"signed({text})") if endpoint == "private" else None
    return Session(ENDPOINTS[endpoint], subscriptions, credentials, now=0.0, unix_ms=UNIX_MS)


def sent(conversation: Session, now: float = 0.0) -> list[dict[str, Any]]:
    return [json.loads(text) for text in conversation.to_send(now)]


def answer(conversation: Session, message: dict[str, Any], now: float) -> None:
    conversation.receive(Ack(message["op"], True, message["req_id"], ""), now)


def test_a_public_session_is_online_at_once_and_subscribes() -> None:
    conversation = session("linear", "a", "b")
    assert conversation.status == "subscribing"
    [message] = sent(conversation)
    assert (message["op"], message["args"]) == ("subscribe", ["a", "b"])
    answer(conversation, message, 0.1)
    assert conversation.status == "connected"


def test_a_private_session_logs_in_first_and_subscribes_only_after_the_answer() -> None:
    conversation = session("private", "order")
    [login] = sent(conversation)
    expires = UNIX_MS + AUTH_AHEAD_MS
    assert login == {"op": "auth", "args": ["key", expires, f"signed(GET/realtime{expires})"]}
    assert sent(conversation, 1.0) == []
    assert conversation.status == "authenticating"
    conversation.receive(AuthReply(True, ""), 1.0)
    assert [message["op"] for message in sent(conversation, 1.0)] == ["subscribe"]


def test_a_refused_login_ends_it_with_the_exchanges_words() -> None:
    conversation = session("private", "order")
    conversation.receive(AuthReply(False, "Params Error"), 1.0)
    assert (conversation.state, conversation.status) == (State.AUTH_FAILED, "auth_failed")
    assert conversation.reason == "login refused: Params Error"


def test_an_unanswered_login_ends_it() -> None:
    conversation = session("private", "order")
    conversation.tick(AUTH_S - 0.1)
    assert conversation.reason is None
    conversation.tick(AUTH_S)
    assert conversation.state is State.OVER
    assert "login" in str(conversation.reason)


def test_a_ping_goes_every_20_seconds_and_a_pong_keeps_it_going() -> None:
    conversation = session()
    answer(conversation, sent(conversation)[0], 0.1)
    pings = []
    for second in range(1, 101):
        conversation.tick(float(second))
        for message in sent(conversation, float(second)):
            assert message["op"] == "ping"
            pings.append(second)
            conversation.receive(Pong(UNIX_MS + second), float(second))
    assert pings == [20, 40, 60, 80, 100]
    assert (conversation.reason, conversation.server_ms) == (None, UNIX_MS + 100)


def test_a_pong_that_does_not_come_ends_it_within_30_seconds() -> None:
    conversation = session()
    answer(conversation, sent(conversation)[0], 0.1)
    conversation.tick(PING_S)
    conversation.pushed("a", PING_S + 1)  # a push is not a pong
    conversation.tick(PING_S + PONG_S - 0.1)
    assert conversation.reason is None
    conversation.tick(PING_S + PONG_S)
    assert conversation.state is State.OVER
    assert PING_S + PONG_S <= 30.0


def test_three_requests_in_a_row_without_an_answer_end_it() -> None:
    conversation = session()
    now = 0.0
    for op in ("subscribe", "unsubscribe", "unsubscribe"):
        assert conversation.reason is None
        assert [message["op"] for message in sent(conversation, now) if message["op"] != "ping"] == [op]
        now += ACK_TIMEOUT_S
        conversation.tick(now)
    assert conversation.state is State.OVER


def test_unknown_frames_are_counted_and_end_nothing() -> None:
    conversation = session()
    for _ in range(5):
        conversation.receive(Unknown("odd", b"odd"), 1.0)
    assert (conversation.unknown, conversation.reason) == (5, None)


def test_every_state_has_an_answer_to_every_input_and_an_end_is_the_end() -> None:
    assert set(MOVES) == set(product(State, Input))
    assert all(MOVES[state, heard] is state for state in ENDED for heard in Input)


def test_the_private_endpoint_without_credentials_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="needs credentials"):
        Session(ENDPOINTS["private"], Subscriptions(ENDPOINTS["private"]), None, now=0.0, unix_ms=UNIX_MS)


def test_each_pong_tells_once_how_long_it_took_since_its_ping() -> None:
    conversation = session()
    conversation.tick(PING_S)
    conversation.receive(Pong(None), PING_S + 0.25)
    assert conversation.take_round_trips_s() == [0.25]
    conversation.receive(Pong(None), PING_S + 0.5)
    assert conversation.take_round_trips_s() == [], "nobody asked for that one"
