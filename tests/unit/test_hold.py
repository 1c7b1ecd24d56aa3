"""A hold: nobody publishes while somebody moves queues, and it ends with whoever holds it, however that ends."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.disk import hold
from gateway.disk.hold import Publisher
from gateway.errors import RequestError


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


@contextmanager
def as_somebody() -> Iterator[Path]:
    """A folder of a user for whom rights count; we are that user meanwhile."""
    user = os.geteuid()
    with TemporaryDirectory() as folder:
        if not user:
            os.chown(folder, 65_534, 65_534)
            os.seteuid(65_534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(user)


@pytest.mark.parametrize("name", ["hold.lock", "publishing.lock"])
def test_a_lock_that_another_user_has_left_stops_nobody_and_is_said_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with as_somebody() as folder:
        (folder / name).touch(mode=0)
        publisher = Publisher(folder)
        assert [publisher.may(is_idle=True) for _ in range(3)] == [True] * 3
        with pytest.raises(RequestError, match=r"\.lock is another user's; expected it to be deleted"), hold.held(folder):
            raise AssertionError
        [line] = [record.getMessage() for record in caplog.records]
        assert line.startswith("hold lock_unreadable reason=")
        (folder / name).unlink()
        assert publisher.may(is_idle=True)


def test_who_is_another_user_than_the_router_moves_nothing(tmp_path: Path) -> None:
    words = tmp_path / "state" / "router_00.json"
    words.parent.mkdir()
    if os.geteuid():
        words.symlink_to("/etc/passwd")
    else:
        words.touch()
        os.chown(words, 65_534, 65_534)
    with pytest.raises(RequestError, match=r"a router that runs as user \d+; expected to be run as that user"), hold.held(tmp_path):
        raise AssertionError
    assert not (tmp_path / "hold.lock").exists()


def test_where_nobody_can_ask_everybody_may() -> None:
    with Publisher(None).turn() as may:
        assert may
