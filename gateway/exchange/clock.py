"""The exchange's clock, as far ahead of ours as it is: logins expire by it, and a wrong clock here must not keep us out."""

import logging
import threading
import time
from collections.abc import Callable

from gateway.errors import ExchangeError, LinkLost

log = logging.getLogger(__name__)

#: Asked anew before a login when the last answer is older than this; seconds.
REFRESH_S = 600.0
#: The answer is waited for no longer than this: a server that sends a byte now and then must not hold the worker; seconds.
PATIENCE_S = 2.0
#: No clock is off by more: a pong that says so is not believed, for a login dated by it would be refused; milliseconds.
MOST_MS = 86_400_000
#: Worth a line in the log: the exchange refuses REST calls dated twice as much ahead; milliseconds. Source: protocol notes, 9.1.
SKEW_MS = 500


class ExchangeClock:
    """How far the exchange's clock is ahead of ours.

    ahead_ms  None before anything was heard of it
    """

    def __init__(self, ask: Callable[[], int], *, worker: str, unix_ns: Callable[[], int] = time.time_ns) -> None:
        """`ask` returns the exchange's time in Unix milliseconds, or raises LinkLost or ExchangeError; it may take for ever."""
        self._ask = ask
        self._worker = worker
        self._unix_ns = unix_ns
        self._asked_at: float | None = None
        self._question: _Question | None = None
        self.ahead_ms: int | None = None

    def begin(self, now: float) -> None:
        """Ask, beside whatever comes next, unless the last answer is fresh or a question is under way. now: monotonic seconds."""
        is_fresh = self._asked_at is not None and now - self._asked_at < REFRESH_S
        if not is_fresh and (self._question is None or not self._question.is_alive()):
            self._asked_at = None
            self._question = _Question(self._ask, self._unix_ns)
            self._question.start()

    def settle(self, now: float) -> None:
        """Wait for the answer, not for long and once a question; nobody answering leaves what is known."""
        question = self._question
        if question is None or question.is_settled:
            return
        question.is_settled = True
        question.join(PATIENCE_S)
        match question.answer:
            case (int(server_ms), int(unix_ms)):
                self._asked_at = now
                self.noticed(server_ms, unix_ms)
            case fault:
                reason = fault or f"no answer within {PATIENCE_S:g} s"
                log.warning("%s exchange_time_unknown ahead_ms=%s reason=%s", self._worker, self.ahead_ms, reason)

    def noticed(self, server_ms: int, unix_ms: int) -> None:
        """The exchange said its time when ours was `unix_ms`."""
        if abs(server_ms - unix_ms) > MOST_MS:
            log.warning("%s exchange_time_odd server_ms=%d unix_ms=%d", self._worker, server_ms, unix_ms)
            return
        was, self.ahead_ms = self.ahead_ms, server_ms - unix_ms
        if abs(self.ahead_ms) > SKEW_MS and (was is None or abs(was) <= SKEW_MS):
            log.warning(
                "%s clock_skew ahead_ms=%d: the exchange's clock is used for logins and signed calls", self._worker, self.ahead_ms
            )

    def distrust(self) -> None:
        """A login was refused: ask before the next one."""
        self._asked_at = None

    def now_ms(self) -> int:
        """The exchange's time."""
        return self.at_ms(self._unix_ns())

    def reread(self) -> None:
        """Ask and wait for it, in any thread. Raises LinkLost, ExchangeError."""
        began_ns = self._unix_ns()
        server_ms = self._ask()
        self.noticed(server_ms, (began_ns + self._unix_ns()) // 2_000_000)

    def at_ms(self, unix_ns: int) -> int:
        """The exchange's time at a moment of ours."""
        return unix_ns // 1_000_000 + (self.ahead_ms or 0)


class _Question(threading.Thread):
    """One question for the exchange's time, in a thread of its own: it cannot be interrupted, and must not hold the worker.

    answer      (the exchange's time, ours in the middle of the question, both Unix milliseconds), or what kept it away
    is_settled  somebody has waited for it
    """

    def __init__(self, ask: Callable[[], int], unix_ns: Callable[[], int]) -> None:
        super().__init__(name="exchange-time", daemon=True)
        self._ask = ask
        self._unix_ns = unix_ns
        self.answer: tuple[int, int] | LinkLost | ExchangeError | None = None
        self.is_settled = False

    def run(self) -> None:
        began_ns = self._unix_ns()
        try:
            server_ms = self._ask()
        except (LinkLost, ExchangeError) as fault:
            self.answer = fault
        else:
            self.answer = server_ms, (began_ns + self._unix_ns()) // 2_000_000
