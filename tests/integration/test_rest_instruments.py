"""The catalog over REST: all pages of a simulated exchange, one symbol, and lists that nobody should believe."""

import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from listener import Line, Listener, ok

from gateway.errors import ExchangeError, LinkLost
from gateway.exchange.paging import MOST_PAGES
from gateway.exchange.rest import Rest
from gateway.protocol.instruments import catalog
from simulator import remote
from simulator.remote import RunningSimulator

#: Of each category: more than one page of options, and more than one of linear.
MADE_UP = 1_100


@pytest.fixture(scope="module")
def crowded() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, symbols=MADE_UP, paused=True)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def rest(crowded: RunningSimulator) -> Rest:
    return Rest(crowded.rest_url)


@pytest.mark.parametrize(("category", "usual"), [("spot", 3), ("linear", 6), ("inverse", 3), ("option", 5)])
def test_all_pages_are_read(rest: Rest, category: str, usual: int) -> None:
    rows = rest.instruments(category, base_coins=("BTC", "ETH", "SOL"))
    assert len(rows) == MADE_UP + usual
    assert len(catalog(category, rows).instruments) == MADE_UP + usual


def test_spreads_have_a_call_of_their_own(rest: Rest) -> None:
    assert {row["symbol"] for row in rest.instruments("spread")} == {"SOLUSDT_SOL/USDT", "BTCUSDT-25DEC26_BTCUSDT"}


def test_options_are_read_once_per_base_coin(rest: Rest) -> None:
    assert {row["baseCoin"] for row in rest.instruments("option", base_coins=("ETH",))} == {"ETH"}
    assert rest.instruments("option", base_coins=("DOGE",)) == []
    assert rest.instruments("option") == []


@pytest.mark.parametrize(
    ("category", "symbol"),
    [("spot", "BTCUSDT"), ("linear", "BTCPERP"), ("option", "ETH-25DEC26-3500-C-USDT"), ("spread", "SOLUSDT_SOL/USDT")],
)
def test_one_symbol_can_be_asked_for(rest: Rest, category: str, symbol: str) -> None:
    assert [row["symbol"] for row in rest.instruments(category, symbol=symbol)] == [symbol]
    assert rest.instruments(category, symbol="NONE") == []


def test_a_refusal_is_the_exchanges(crowded: RunningSimulator, rest: Rest) -> None:
    number = crowded.fault("rest", how="10016")
    with pytest.raises(ExchangeError, match="10016"):
        rest.instruments("linear")
    crowded.lift(number)


Answer = Callable[[str], dict[str, Any]]


def serving(answer: Answer) -> Callable[[Line], None]:
    """Answers calls on one connection with what `answer` makes of the request's target."""

    def serve(line: Line) -> None:
        while True:
            try:
                target = line.until(b"\r\n\r\n").split()[1].decode()
            except ConnectionError:
                return
            line.send(ok(json.dumps({"retCode": 0, "retMsg": "OK", "result": answer(target)}).encode()))

    return serve


def test_a_cursor_goes_back_as_it_came() -> None:
    asked: list[str] = []
    cursors = iter(["page_token%3D39380%26", "first%3DA%252FB%26last%3D+", ""])

    def answer(target: str) -> dict[str, Any]:
        asked.append(urllib.parse.urlsplit(target).query)
        return {"list": [{"symbol": f"A{len(asked)}"}], "nextPageCursor": next(cursors)}

    with Listener(serving(answer)) as listener:
        rows = Rest(listener.url("http")).instruments("spread")
    assert [row["symbol"] for row in rows] == ["A1", "A2", "A3"]
    assert asked == ["limit=500", "limit=500&cursor=page_token%3D39380%26", "limit=500&cursor=first%3DA%252FB%26last%3D%2B"]


def test_a_last_page_may_name_an_empty_one() -> None:
    pages = iter([{"list": [{"symbol": "A"}], "nextPageCursor": "first%3DA"}, {"list": [], "nextPageCursor": "first%3DA"}])
    with Listener(serving(lambda _target: next(pages))) as listener:
        assert Rest(listener.url("http")).instruments("spread") == [{"symbol": "A"}]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _target: {"list": [1], "nextPageCursor": "again"}, "leads back"),
        (lambda target: {"list": [1], "nextPageCursor": f"{len(target)}x{target}"[:4000]}, f"more than {MOST_PAGES} pages"),
        (lambda _target: {}, "without a list"),
        (lambda _target: {"list": {}}, "without a list"),
        (lambda _target: {"list": [], "nextPageCursor": 3}, "without a list"),
    ],
)
def test_a_list_that_cannot_be_believed_is_a_lost_link(answer: Answer, words: str) -> None:
    with Listener(serving(answer)) as listener, pytest.raises(LinkLost, match=words):
        Rest(listener.url("http")).instruments("spread")


def without_end(line: Line, head: bytes, byte: bytes) -> None:
    """An answer that goes on and on, a byte at a time."""
    line.until(b"\r\n\r\n")
    line.send(b"HTTP/1.1 200 OK\r\n" + head)
    with suppress(ConnectionError):
        while True:
            line.send(byte)


def trickle(line: Line) -> None:
    without_end(line, b"Content-Length: 1000000000\r\n\r\n", b" ")


def trickle_headers(line: Line) -> None:
    without_end(line, b"X-Long: ", b"x")


def short(line: Line) -> None:
    """Less than was promised."""
    line.until(b"\r\n\r\n")
    line.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"retCode":0}')


@pytest.mark.parametrize(
    ("play", "words"),
    [(trickle, "it took too long"), (trickle_headers, "LineTooLong|it took too long"), (short, "IncompleteRead")],
)
def test_an_answer_that_does_not_end_well_is_a_lost_link(play: Callable[[Line], None], words: str) -> None:
    with Listener(play) as listener, pytest.raises(LinkLost, match=words):
        Rest(listener.url("http"), timeout_s=0.1).instruments("spread")


@pytest.mark.parametrize("bytes_of", [b"x", b"x: y\r\n"])
def test_headers_that_trickle_are_bounded_by_time(bytes_of: bytes) -> None:
    """A byte now and then is inside every wait."""
    done = threading.Event()

    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(b"HTTP/1.1 200 OK\r\n")
        while not done.wait(0.05):
            line.send(bytes_of)

    began = time.monotonic()
    with Listener(play) as listener:
        with pytest.raises(LinkLost, match="it took too long"):
            Rest(listener.url("http"), timeout_s=0.2, whole_s=0.3).instruments("spread")
        done.set()
    assert time.monotonic() - began < 2.0


HOSTILE = [
    b"", b"{", b"null", b"[]", b"7", b"\xff\xfe", b"NaN", b"[" * 100_000, b'{"retCode":' * 100_000, b"9" * 5000, b"9" * 400, b"1e999",
    b'{"retCode":0,"result":' + b'{"list":[' * 50_000, b'{"retCode":"0"}', b'{"retCode":true}', b'{"retCode":0.0}', b'{"retCode":1e5}',
    b'{"retCode":' + b"9" * 500 + b"}", b'{"retCode":10001,"retMsg":{"a":[]}}', b'{"retCode":0}', b'{"retCode":0,"result":[]}',
    b'{"retCode":0,"result":{"list":null}}', b'{"retCode":0,"result":{"list":"x"}}', b'{"retCode":0,"result":{"list":[],"nextPageCursor":[]}}',
    b'{"retCode":0,"result":{"list":[{"symbol":"\\ud800","status":"Trading"}]}}',
    b'{"retCode":0,"result":{"list":[{"symbol":"A\\u0000"},{"symbol":1e99},[],null,"",{"symbol":{}},7.25]}}',
    b'{"retCode":0,"result":{"list":[{"symbol":"AAAUSDT","status":"Trading","launchTime":1.5e300,"deliveryTime":' + b"9" * 40 + b"}]}}",
]  # fmt: skip


def saying(body: bytes) -> Callable[[Line], None]:
    def play(line: Line) -> None:
        with suppress(ConnectionError):
            while True:
                line.until(b"\r\n\r\n")
                line.send(ok(body))

    return play


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_an_answer_holds_it_is_rows_or_a_fault_with_a_name(body: bytes) -> None:
    with Listener(saying(body)) as listener, suppress(LinkLost, ExchangeError):
        rows = Rest(listener.url("http")).instruments("spot")
        assert catalog("spot", rows).instruments == {}


def test_fractions_stay_as_they_came() -> None:
    with Listener(saying(b'{"retCode":0,"result":{"tick":0.10,"large":123456789012345678901234567890}}')) as listener:
        found = Rest(listener.url("http")).get("/v5/anything")
    assert found == {"tick": "0.10", "large": 123456789012345678901234567890}
