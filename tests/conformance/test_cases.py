"""The receiving code under every case of the table, used as a link uses it."""

import select
import time
import tracemalloc
from pathlib import Path

import pytest
from cases import CASES, Case
from document import PATH, written
from listener import PATIENCE_S, Listener
from server import Player

from gateway.errors import LinkLost
from gateway.protocol.frames import Unknown, parse
from workers.dial import Connection
from workers.route import Route

DEVIATIONS = [case for case in CASES if case.deviates]


def received(connection: Connection) -> tuple[list[bytes], str]:
    """Every message until the connection is lost, and why it was."""
    messages = []
    until = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < until:
            if connection.pending() or select.select([connection], [], [], PATIENCE_S)[0]:
                message = connection.receive()
                if message is not None:
                    messages.append(message)
    except LinkLost as fault:
        return messages, str(fault)
    finally:
        connection.close()
    raise AssertionError(f"not lost within {PATIENCE_S:g} s, after {len(messages)} messages")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.title}")
def test_client_does_as_the_table_says(case: Case) -> None:
    player = Player(case)
    with Listener(player.play) as listener:
        messages, words = received(Connection(Route(listener.url())))
        pongs, closes = player.answers(PATIENCE_S)
    assert messages == list(case.messages)
    assert case.words in words
    assert pongs == list(case.pongs)
    assert [int.from_bytes(data[:2], "big") for data in closes] == ([] if case.answer is None else [case.answer])


@pytest.mark.parametrize("case", DEVIATIONS, ids=lambda case: case.number)
def test_text_that_is_no_utf8_costs_only_itself(case: Case) -> None:
    """The reason for the deviation holds: the codec refuses what the frames let through."""
    assert isinstance(parse(case.messages[0]), Unknown)


@pytest.mark.parametrize("number", ["8.7", "8.8", "8.9", "8.10", "9.6.1"])
def test_absurd_length_takes_no_memory(number: str) -> None:
    case = next(case for case in CASES if case.number == number)
    player = Player(case)
    with Listener(player.play) as listener:
        connection = Connection(Route(listener.url()))
        tracemalloc.start()
        try:
            received(connection)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 1 << 20


def test_numbers_are_in_order_and_each_is_given_once() -> None:
    keys = [[int(part) for part in case.number.split(".")] for case in CASES]
    assert keys == sorted(keys)
    assert len({case.number for case in CASES}) == len(CASES)


def test_document_lists_every_case() -> None:
    assert Path(PATH).read_text(encoding="utf-8") == written(), (
        "write it anew: PYTHONPATH=.:tests python tests/conformance/document.py"
    )
