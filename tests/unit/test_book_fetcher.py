"""Books over REST, from a real server that answers as it likes: the thread outlives all of it, and asks no more than it must."""

import os
import select
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import pytest

from gateway.exchange.rest import Rest
from workers.book_fetcher import PACE_S, BookFetcher

GOOD = b'{"retCode":0,"result":{"s":"A","b":[],"a":[],"u":7,"seq":9}}'
HOSTILE = {
    "deep": b"[" * 200_000,
    "deep within": b'{"retCode":0,"result":' + b'{"a":' * 100_000,
    "a long number": b'{"retCode":0,"result":{"u":' + b"9" * 5_000 + b"}}",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "a list": b"[]",
    "refused": b'{"retCode":10001,"retMsg":"no"}',
}
PATIENCE_S = 10.0


class Exchange(ThreadingHTTPServer):
    """Answers with `body` when `gate` is open; notes when it was asked, and for what."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.body = GOOD
        self.elsewhere: str | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[tuple[float, str]] = []


class Answer(BaseHTTPRequestHandler):
    server: Exchange

    def do_GET(self) -> None:
        self.server.asked.append((monotonic(), self.path.rpartition("symbol=")[2]))
        self.server.gate.wait(PATIENCE_S)
        self.send_response(200 if self.server.elsewhere is None else 302)
        if self.server.elsewhere is not None:
            self.send_header("location", self.server.elsewhere)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_said: object) -> None:
        """Nothing."""


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with Exchange() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.gate.set()
        server.shutdown()


def fetcher_of(exchange: Exchange) -> tuple[BookFetcher, int]:
    wake = os.eventfd(0, os.EFD_NONBLOCK)
    return BookFetcher(Rest(f"http://127.0.0.1:{exchange.server_port}"), category="spot", worker="w", wake=wake), wake


def wait_until(claim: Callable[[], bool], wake: int) -> None:
    until = monotonic() + PATIENCE_S
    while not claim():
        assert monotonic() < until
        select.select([wake], [], [], 0.02)


def symbols(exchange: Exchange) -> list[str]:
    return [symbol for _, symbol in exchange.asked]


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_an_answer_that_is_none_costs_itself_alone(body: bytes, exchange: Exchange) -> None:
    fetcher, wake = fetcher_of(exchange)
    exchange.body = body
    fetcher.ask("orderbook.full.A")
    wait_until(lambda: bool(exchange.asked) and fetcher.under_way == 0, wake)
    exchange.body = GOOD
    fetcher.ask("orderbook.full.A")
    wait_until(lambda: select.select([wake], [], [], 0)[0] != [], wake)
    assert [topic for topic, _ in fetcher.taken()][-1:] == ["orderbook.full.A"]
    assert fetcher.is_alive()


@pytest.mark.parametrize("where", ["http://[oops/x", "", "ftp://elsewhere/", "/"])
def test_an_answer_that_leads_elsewhere_costs_itself_alone(where: str, exchange: Exchange) -> None:
    fetcher, wake = fetcher_of(exchange)
    exchange.body, exchange.elsewhere = b"{}", where
    fetcher.ask("orderbook.full.A")
    wait_until(lambda: bool(exchange.asked) and fetcher.under_way == 0, wake)
    assert len(exchange.asked) == 1, "nobody is led"
    assert fetcher.is_alive()


def test_a_topic_is_asked_for_once_however_often_somebody_needs_it(exchange: Exchange) -> None:
    fetcher, wake = fetcher_of(exchange)
    exchange.gate.clear()
    began = monotonic()
    for _ in range(100):
        for symbol in "ABC":
            fetcher.ask(f"orderbook.full.{symbol}")
    wait_until(lambda: bool(exchange.asked), wake)
    for symbol in "ABC":
        fetcher.ask(f"orderbook.full.{symbol}")
    assert fetcher.under_way == 3
    exchange.gate.set()
    wait_until(lambda: fetcher.under_way == 0, wake)
    assert symbols(exchange) == ["A", "B", "C"]
    assert [topic[-1] for topic, _ in fetcher.taken()] == ["A", "B", "C"]
    assert all(at - began >= number * PACE_S * 0.9 for number, (at, _) in enumerate(exchange.asked))


def test_what_nobody_wants_any_more_is_neither_asked_for_nor_answered(exchange: Exchange) -> None:
    fetcher, wake = fetcher_of(exchange)
    exchange.gate.clear()
    for symbol in "ABC":
        fetcher.ask(f"orderbook.full.{symbol}")
    wait_until(lambda: bool(exchange.asked), wake)
    fetcher.keep(["orderbook.full.C"])
    exchange.gate.set()
    wait_until(lambda: fetcher.under_way == 0, wake)
    assert symbols(exchange) == ["A", "C"]
    assert [topic[-1] for topic, _ in fetcher.taken()] == ["C"]


def test_an_answer_to_a_question_from_before_is_not_taken_for_one_of_now(exchange: Exchange) -> None:
    fetcher, wake = fetcher_of(exchange)
    exchange.gate.clear()
    fetcher.ask("orderbook.full.A")
    wait_until(lambda: bool(exchange.asked), wake)
    fetcher.keep([])
    fetcher.ask("orderbook.full.A")
    assert fetcher.under_way == 1
    exchange.gate.set()
    wait_until(lambda: fetcher.under_way == 0, wake)
    assert symbols(exchange) == ["A", "A"]
    assert len(fetcher.taken()) == 1
