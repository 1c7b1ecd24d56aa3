"""How a worker's loop waits: around descriptors, with the time it took."""

import os
import threading
import time
from collections.abc import Iterator
from math import inf

import pytest

from workers import waiting
from workers.waiting import HEAR_S, wait

#: Longer than anything here takes; seconds.
LONG_S = 30.0


class Line:
    """Three descriptors, each of which is readable once it is raised."""

    def __init__(self) -> None:
        self.wake, self.bus, self.frames = (os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3))

    def wait(self, *, gathers_until: float = -inf, within_s: float = LONG_S, is_read: bool = True) -> float:
        """How long it took; seconds."""
        began = time.monotonic()
        wait(self.wake, self.bus, self.frames if is_read else None, within_s=within_s, gathers_until=gathers_until)
        return time.monotonic() - began

    @property
    def is_calm(self) -> bool:
        return not waiting._readable([self.wake], 0.001)

    def close(self) -> None:
        for descriptor in (self.wake, self.bus, self.frames):
            os.close(descriptor)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def test_a_frame_ends_it_and_so_does_the_end_of_the_time(line: Line) -> None:
    assert 0.02 <= line.wait(within_s=0.02) < LONG_S
    assert line.wait(within_s=0.0) < LONG_S
    os.eventfd_write(line.frames, 1)
    assert line.wait() < LONG_S


def test_a_frame_close_behind_others_is_left_to_gather(line: Line) -> None:
    os.eventfd_write(line.frames, 1)
    until = time.monotonic() + 0.02
    line.wait(gathers_until=until)
    assert time.monotonic() >= until
    assert line.wait(gathers_until=time.monotonic()) < LONG_S


def test_a_wish_interrupts_everything_and_is_calm_then(line: Line) -> None:
    os.eventfd_write(line.wake, 1)
    assert line.wait() < LONG_S
    assert line.is_calm
    for raised in (line.frames, line.bus):
        os.eventfd_write(raised, 1)
        os.eventfd_write(line.wake, 1)
        assert line.wait(gathers_until=time.monotonic() + LONG_S) < LONG_S
        assert line.is_calm


def test_the_routers_answers_wait_a_moment_and_no_frame_waits_for_them(line: Line) -> None:
    os.eventfd_write(line.bus, 1)
    assert HEAR_S <= line.wait() < LONG_S
    took = list[float]()
    for _ in range(10):
        coming = threading.Timer(HEAR_S / 4, os.eventfd_write, (line.frames, 1))
        coming.start()
        took.append(line.wait())
        coming.join()
        os.eventfd_read(line.frames)
    assert min(took) < HEAR_S


def test_while_no_frame_is_read_the_router_is_heard_at_once(line: Line) -> None:
    os.eventfd_write(line.frames, 1)
    os.eventfd_write(line.bus, 1)
    assert line.wait(is_read=False, gathers_until=time.monotonic() + LONG_S) < LONG_S
