"""pybit loses its lines, comes back by itself and goes on: it logs in and subscribes again, and is sent snapshots."""

from collections.abc import Callable

import pytest
from peer import Peer
from running import wait_for
from truth import State, of_peer

from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

BOOK, TICKER = "orderbook.50.BTCUSDT", "tickers.BTCUSDT"


def numbers(exchange: RunningSimulator, endpoint: str, topics: list[str]) -> list[int]:
    """The connections that hold just these topics."""
    return [entry.number for entry in exchange.connections(endpoint) if sorted(entry.topics) == sorted(topics)]


def test_public_books_and_tickers_go_on_from_new_snapshots(new_peer: Callable[..., Peer], exchange: RunningSimulator) -> None:
    pybit = new_peer(exchange, "pybit", [("linear", BOOK), ("linear", TICKER)])
    [before] = wait_for(lambda: pybit.ask() and numbers(exchange, "linear", [BOOK, TICKER]), "pybit's topics held")
    exchange.step(3)
    assert exchange.cut("linear", "abort") == 1
    exchange.step(4)  # which pybit misses
    [after] = wait_for(lambda: pybit.ask() and numbers(exchange, "linear", [BOOK, TICKER]), "pybit's topics held again")
    assert after != before
    exchange.step(3)
    truth = State()
    for entry in exchange.ledger("linear"):
        if entry.topic and entry.connection == after:
            truth.of_frame("linear", entry.frame)
    assert len(truth.books) + len(truth.tickers) == 2
    wait_for(lambda: of_peer(pybit.ask()) == truth, "pybit's state that of the new connection")


def test_private_stream_is_logged_in_again(new_peer: Callable[..., Peer], exchange: RunningSimulator) -> None:
    pybit = new_peer(exchange, "pybit", [("private", "order")])
    [before] = wait_for(lambda: pybit.ask() and numbers(exchange, "private", ["order"]), "pybit's topic held")
    assert exchange.cut("private", "abort") == 1
    wait_for(lambda: pybit.ask() and numbers(exchange, "private", ["order"]) not in ([], [before]), "pybit's topic held again")
    [frame] = [frame for frame in exchange.account("place") if frame["topic"] == "order"]
    wait_for(lambda: pybit.ask()["rows"].get("order") == frame["data"], "the order at pybit")
