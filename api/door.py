"""The way to the broker, quick to say no while it is away."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from gateway.errors import SinkAway
from gateway.sinks.topology import Topology
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: A broker that could not be reached is tried again after this, by one request; seconds. Trying takes 2 s where it is silent.
REST_S, TRY_S = 1.0, 2.5


class Door:
    """For the threads of one process. While it is away one at a time tries, and all others are told at once."""

    def __init__(self, topology: Callable[[], Topology], now: Callable[[], float] = time.monotonic) -> None:
        """topology: opens a short conversation. now: monotonic seconds."""
        self._topology = topology
        self._now = now
        self._is_away = False
        self._next_try = 0.0
        self._trouble = Trouble(log, "api broker_away")

    @contextmanager
    def reached(self) -> Iterator[Topology | None]:
        """A conversation; None while the broker is away. To be reached before anything that others wait for."""
        with ExitStack() as stack:
            yield self._tried(stack)

    def _tried(self, stack: ExitStack) -> Topology | None:
        if self._is_away:
            if self._now() < self._next_try:
                return None
            self._next_try = self._now() + TRY_S
        try:
            topology = stack.enter_context(self._topology())
        except SinkAway as fault:
            self._is_away, self._next_try = True, self._now() + REST_S
            self._trouble.say(str(fault))
            return None
        self._is_away = False
        self._trouble.over()
        return topology
