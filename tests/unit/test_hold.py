"""A hold: nobody publishes while somebody moves queues, and it ends with whoever holds it, however that ends."""

import os
import signal
import threading
from pathlib import Path

import pytest

from gateway import hold
from gateway.errors import RequestError
from gateway.hold import Publisher


def test_a_publisher_lets_go_once_nothing_is_under_way_and_goes_on_afterwards(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    assert publisher.may(is_idle=True)
    entered, leave = threading.Event(), threading.Event()

    def move() -> None:
        with hold.held(tmp_path):
            entered.set()
            leave.wait(10)

    mover = threading.Thread(target=move)
    mover.start()
    while not hold.is_asked(tmp_path):
        assert mover.is_alive()
    assert not publisher.may(is_idle=False)
    assert not entered.wait(0.3), "something is under way"
    assert not publisher.may(is_idle=True)
    assert entered.wait(5.0)
    assert not publisher.may(is_idle=True)
    leave.set()
    mover.join()
    assert publisher.may(is_idle=True)


def test_a_publisher_that_goes_on_is_a_sentence(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    assert publisher.may(is_idle=True)
    with pytest.raises(RequestError, match=r"the router has not paused within 0.2 s"), hold.held(tmp_path, patience_s=0.2):
        raise AssertionError
    assert publisher.may(is_idle=True), "nobody asks any more"


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    with (
        hold.held(tmp_path),
        pytest.raises(RequestError, match="found another command that moves queues"),
        hold.held(tmp_path, patience_s=0.2),
    ):
        raise AssertionError


def test_a_hold_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        with hold.held(tmp_path):
            os.write(told, b"x")
            signal.pause()
    assert os.read(ready, 1) == b"x"
    publisher = Publisher(tmp_path)
    assert not publisher.may(is_idle=True)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert publisher.may(is_idle=True)


def test_where_nobody_can_ask_everybody_may() -> None:
    with Publisher(None).turn() as may:
        assert may
