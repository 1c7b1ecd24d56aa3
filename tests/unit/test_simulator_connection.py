"""A conversation of the simulated exchange without a socket: what is kept back, what keeps it alive, who may log in."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from simulator.choices import Choices
from simulator.connection import Connection
from simulator.exchange import Exchange, Options
from simulator.faults import Fault

BOOK = "orderbook.50.BTCUSDT"
NOW_MS = 1_780_000_000_000


class Line:
    """Keeps what was written, and whether it was cut."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.texts: list[str] = []
        self.ended = ""

    def write(self, topic: str, text: str) -> None:
        assert self.connection is not None
        self.connection.left(topic, text)
        self.texts.append(text)

    def abort(self) -> None:
        self.ended = "cut"

    def close(self, code: int) -> None:
        self.ended = str(code)

    def tear(self, text: str) -> None:
        self.ended = f"cut amid {text}"


class Talk:
    """An exchange under a clock that is set, and one client of it."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        self.now_ms = NOW_MS
        self.exchange = Exchange(Options(**options), lambda: self.now_ms * 1_000_000)
        self.line = Line()
        self.connection = self.line.connection = self.exchange.open(endpoint, self.line, {})

    def ask(self, op: str, *args: Any) -> dict[str, Any]:
        place = len(self.line.texts)
        self.connection.receive(json.dumps({"op": op, "args": args}))
        return dict(json.loads(self.line.texts[place]))

    def updates(self) -> list[int]:
        frames = [json.loads(text) for text in self.line.texts]
        return [frame["data"]["u"] for frame in frames if "topic" in frame]


def test_frame_that_waits_to_be_overtaken_is_withheld_when_its_topic_is_left() -> None:
    talk = Talk("linear")
    talk.ask("subscribe", BOOK)
    talk.exchange.do(Fault(kind="book", how="reorder", times=1))
    talk.exchange.step()
    talk.ask("unsubscribe", BOOK)
    talk.ask("subscribe", BOOK)
    first, second = talk.updates()
    assert second == first + 1
    talk.exchange.step()
    assert talk.updates()[2:] == [second + 1]
    [withheld] = talk.exchange.ledger.read(direction="withheld")
    assert json.loads(withheld.text)["data"]["u"] == second


def test_connection_that_is_kept_silent_is_idle_whatever_should_be_pushed() -> None:
    talk = Talk("linear", idle_s=60)
    talk.ask("subscribe", BOOK)
    talk.exchange.do(Fault(kind="silence"))
    for _ in range(70):
        talk.now_ms += 1000
        talk.exchange.step()
    talk.exchange.cut_the_idle()
    assert talk.line.ended == "cut"


@pytest.mark.parametrize(("word", "steps"), [("next", {1}), ("jumps", {1, 2, 3, 4})])
def test_level_1_books_count_as_chosen(word: str, steps: set[int]) -> None:
    talk = Talk("linear", choices=Choices(level_1_u=word))
    talk.ask("subscribe", "orderbook.1.BTCUSDT")
    for _ in range(200):
        talk.exchange.step()
    found = talk.updates()
    assert {later - earlier for earlier, later in pairwise(found)} - {0} == steps


def test_login_takes_an_rsa_signature_where_a_public_key_stands_for_the_secret() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    talk = Talk("private", api_secret=pem)
    expires = NOW_MS + 10_000
    for text, expected in ((f"GET/realtime{expires}", True), (f"GET/realtime{expires + 1}", False)):
        signature = base64.b64encode(private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        assert talk.ask("auth", "simulator-key", expires, signature)["success"] is expected


@pytest.mark.parametrize(("word", "expected"), [("accept", True), ("refuse", False)])
def test_second_login_and_leaving_what_is_not_held_go_as_chosen(word: str, expected: bool) -> None:
    talk = Talk("linear", choices=Choices(unknown_unsubscribe=word))
    assert talk.ask("unsubscribe", BOOK)["success"] is expected
