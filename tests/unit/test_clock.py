"""The exchange's clock: asked before a login, corrected by pongs, distrusted after a refusal, and never in the way."""

import threading
import time
from collections.abc import Callable

import pytest

from gateway.errors import ExchangeError, LinkLost
from gateway.exchange.clock import PATIENCE_S, REFRESH_S, ExchangeClock

UNIX_NS = 1_800_000_000_000_000_000
UNIX_MS = UNIX_NS // 1_000_000


class Exchange:
    """Its time, as it answers; or a fault."""

    def __init__(self, ahead_ms: int) -> None:
        self.ahead_ms = ahead_ms
        self.asked = 0
        self.fault: Exception | None = None

    def __call__(self) -> int:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return UNIX_MS + self.ahead_ms


def before_login(clock: ExchangeClock, now: float) -> None:
    """What a link does: ask, dial, take the answer."""
    clock.begin(now)
    clock.settle(now)


def made(ask: Callable[[], int]) -> ExchangeClock:
    return ExchangeClock(ask, worker="w", unix_ns=lambda: UNIX_NS)


def test_time_is_asked_once_and_again_when_it_is_old() -> None:
    exchange = Exchange(90_000)
    clock = made(exchange)
    assert clock.at_ms(UNIX_NS) == UNIX_MS
    for now in (0.0, REFRESH_S - 1):
        before_login(clock, now)
    assert (exchange.asked, clock.at_ms(UNIX_NS)) == (1, UNIX_MS + 90_000)
    before_login(clock, REFRESH_S)
    assert exchange.asked == 2


def test_a_refused_login_has_it_asked_again() -> None:
    exchange = Exchange(0)
    clock = made(exchange)
    before_login(clock, 0.0)
    exchange.ahead_ms = -60_000
    clock.distrust()
    before_login(clock, 1.0)
    assert clock.ahead_ms == -60_000


def test_the_way_there_and_back_is_shared() -> None:
    moments = iter([UNIX_NS, UNIX_NS + 400_000_000])
    asked = ExchangeClock(lambda: UNIX_MS + 200, worker="w", unix_ns=lambda: next(moments))
    before_login(asked, 0.0)
    assert asked.ahead_ms == 0


@pytest.mark.parametrize("fault", [LinkLost("away"), ExchangeError(10006, "Too many visits!")])
def test_nobody_answering_leaves_what_is_known(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange(5_000)
    clock = made(exchange)
    before_login(clock, 0.0)
    exchange.fault = fault
    clock.distrust()
    before_login(clock, 1.0)
    assert clock.ahead_ms == 5_000
    assert "exchange_time_unknown" in caplog.text


def test_an_answer_that_takes_too_long_holds_nobody_and_is_not_asked_for_twice(caplog: pytest.LogCaptureFixture) -> None:
    come, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        come.wait(60)
        return UNIX_MS

    clock = made(ask)
    began = time.monotonic()
    before_login(clock, 0.0)
    assert PATIENCE_S <= time.monotonic() - began < PATIENCE_S + 1
    assert "no answer within 2 s" in caplog.text
    before_login(clock, 1.0)
    assert (len(asked), clock.ahead_ms) == (1, None)
    come.set()
    assert clock._question is not None
    clock._question.join(10)
    before_login(clock, 2.0)
    assert (len(asked), clock.ahead_ms) == (2, 0)


def test_a_clock_that_is_far_off_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = made(Exchange(0))
    for ahead_ms in (10, 2_000, 2_100, 2_050):
        clock.noticed(UNIX_MS + ahead_ms, UNIX_MS)
    assert caplog.text.count("clock_skew") == 1


@pytest.mark.parametrize("server_ms", [0, 9, 10**18 - 1])
def test_a_time_that_cannot_be_is_not_believed(server_ms: int, caplog: pytest.LogCaptureFixture) -> None:
    """With nobody to ask, logins dated by it would be refused for ever."""
    clock = made(Exchange(0))
    clock.noticed(UNIX_MS + 40, UNIX_MS)
    clock.noticed(server_ms, UNIX_MS)
    assert clock.ahead_ms == 40
    assert "exchange_time_odd" in caplog.text
