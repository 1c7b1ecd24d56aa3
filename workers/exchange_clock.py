"""The exchange's clock, as far ahead of ours as it is: logins expire by it, and a wrong clock here must not keep us out."""

import logging
import threading
from collections.abc import Callable

from gateway.errors import ExchangeError, LinkLost

log = logging.getLogger(__name__)

#: Asked anew before a login when the last answer is older than this; seconds.
REFRESH_S = 600.0
#: The answer is waited for no longer than this: a server that sends a byte now and then must not hold the worker; seconds.
PATIENCE_S = 3.0
#: No clock is off by more: a pong that says so is not believed, for a login dated by it would be refused; milliseconds.
MOST_MS = 86_400_000
#: Worth a line in the log: the exchange refuses REST calls dated more than this ahead; milliseconds. Source: protocol notes, 9.1.
SKEW_MS = 1000


class ExchangeClock:
    """How far the exchange's clock is ahead of ours.

    ahead_ms  None before anything was heard of it
    """

    def __init__(self, ask: Callable[[], int], *, worker: str) -> None:
        """`ask` returns the exchange's time in Unix milliseconds, or raises LinkLost or ExchangeError; it may take for ever."""
        self._ask = ask
        self._worker = worker
        self._asked_at: float | None = None
        self._asking: threading.Thread | None = None
        self._answer: int | LinkLost | ExchangeError | None = None
        self.ahead_ms: int | None = None

    def before_login(self, now: float, unix_ns: Callable[[], int]) -> None:
        """Ask, unless the last answer is fresh. Nobody answering leaves what is known. now: monotonic seconds."""
        if self._asked_at is not None and now - self._asked_at < REFRESH_S:
            return
        began_ms = unix_ns() // 1_000_000
        answer = self._ask_for(PATIENCE_S)
        if not isinstance(answer, int):
            reason = answer or f"no answer within {PATIENCE_S:g} s"
            log.warning("%s exchange_time_unknown ahead_ms=%s reason=%s", self._worker, self.ahead_ms, reason)
            return
        self._asked_at = now
        self.noticed(answer, (began_ms + unix_ns() // 1_000_000) // 2)

    def noticed(self, server_ms: int, unix_ms: int) -> None:
        """The exchange said its time when ours was `unix_ms`."""
        if abs(server_ms - unix_ms) > MOST_MS:
            log.warning("%s exchange_time_odd server_ms=%d unix_ms=%d", self._worker, server_ms, unix_ms)
            return
        was, self.ahead_ms = self.ahead_ms, server_ms - unix_ms
        if abs(self.ahead_ms) > SKEW_MS and (was is None or abs(was) <= SKEW_MS):
            log.warning("%s clock_skew ahead_ms=%d: the exchange's clock is used for logins", self._worker, self.ahead_ms)

    def distrust(self) -> None:
        """A login was refused: ask before the next one."""
        self._asked_at = None

    def at_ms(self, unix_ns: int) -> int:
        """The exchange's time at a moment of ours."""
        return unix_ns // 1_000_000 + (self.ahead_ms or 0)

    def _ask_for(self, seconds: float) -> int | LinkLost | ExchangeError | None:
        """The answer, or what kept it away; None where it takes longer. One question at a time: a late answer tells a stale time."""
        if self._asking is not None and self._asking.is_alive():
            return None
        self._answer = None
        self._asking = threading.Thread(target=self._take_answer, name="exchange-time", daemon=True)
        self._asking.start()
        self._asking.join(seconds)
        return None if self._asking.is_alive() else self._answer

    def _take_answer(self) -> None:
        try:
            self._answer = self._ask()
        except (LinkLost, ExchangeError) as fault:
            self._answer = fault
