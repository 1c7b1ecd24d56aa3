"""The listener's end of supervisord's protocol, over pipes, as it comes: in pieces, many at once, or as nonsense."""

import os
from collections.abc import Iterator

import pytest

from workers.supervised import Events, supervisord_run

BODY = "processname:spot_00 groupname:spot from_state:RUNNING expected:0 pid:77"


def event(serial: int, body: str = BODY) -> bytes:
    head = f"ver:3.0 server:supervisor serial:{serial} pool:guard poolserial:1 eventname:PROCESS_STATE_EXITED len:{len(body)}\n"
    return (head + body).encode()


@pytest.fixture
def pipes() -> Iterator[tuple[Events, int, int]]:
    """The events, where supervisord writes, and where it reads."""
    (source, into), (answers, target) = os.pipe(), os.pipe()
    yield Events(source, target), into, answers
    for file in (source, answers, target):
        os.close(file)


def test_an_event_is_read_whole_however_it_is_cut(pipes: tuple[Events, int, int]) -> None:
    events, into, _ = pipes
    text = event(7)
    for part in (text[:1], text[1:90], text[90:-1]):
        os.write(into, part)
        assert events.take() is None
    os.write(into, text[-1:])
    found = events.take()
    assert found is not None
    assert (found.serial, found.process, found.pid, found.kind) == (7, "spot_00", 77, "died")
    os.close(into)


def test_it_says_ready_first_and_of_each_event_that_it_is_done(pipes: tuple[Events, int, int]) -> None:
    events, into, answers = pipes
    events.ready()
    events.done()
    assert os.read(answers, 100) == b"READY\nRESULT 2\nOKREADY\n"
    os.close(into)


def test_without_supervisord_it_is_over(pipes: tuple[Events, int, int]) -> None:
    events, into, _ = pipes
    os.close(into)
    assert events.take() is None
    assert events.is_over


@pytest.mark.parametrize("text", [b"nonsense\n", b"len:x\n", b"ver:3.0 len:1\n?"])
def test_what_is_no_event_is_an_error(pipes: tuple[Events, int, int], text: bytes) -> None:
    events, into, _ = pipes
    os.write(into, text)
    with pytest.raises((ValueError, KeyError)):
        events.take()
    os.close(into)


def test_a_run_has_one_name() -> None:
    assert supervisord_run() == supervisord_run()
    assert str(os.getppid()) in supervisord_run()
