"""The exchange's clock: asked before a login, corrected by pongs, distrusted after a refusal, and never in the way."""

import threading
import time

import pytest

from gateway.errors import ExchangeError, LinkLost
from workers.exchange_clock import PATIENCE_S, REFRESH_S, ExchangeClock

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


def test_time_is_asked_once_and_again_when_it_is_old() -> None:
    exchange = Exchange(90_000)
    clock = ExchangeClock(exchange, worker="w")
    assert clock.at_ms(UNIX_NS) == UNIX_MS
    for now in (0.0, REFRESH_S - 1):
        clock.before_login(now, lambda: UNIX_NS)
    assert (exchange.asked, clock.at_ms(UNIX_NS)) == (1, UNIX_MS + 90_000)
    clock.before_login(REFRESH_S, lambda: UNIX_NS)
    assert exchange.asked == 2


def test_a_refused_login_has_it_asked_again() -> None:
    exchange = Exchange(0)
    clock = ExchangeClock(exchange, worker="w")
    clock.before_login(0.0, lambda: UNIX_NS)
    exchange.ahead_ms = -60_000
    clock.distrust()
    clock.before_login(1.0, lambda: UNIX_NS)
    assert clock.ahead_ms == -60_000


def test_the_way_there_and_back_is_shared() -> None:
    moments = iter([UNIX_NS, UNIX_NS + 400_000_000])
    asked = ExchangeClock(lambda: UNIX_MS + 200, worker="w")
    asked.before_login(0.0, lambda: next(moments))
    assert asked.ahead_ms == 0


@pytest.mark.parametrize("fault", [LinkLost("away"), ExchangeError(10006, "Too many visits!")])
def test_nobody_answering_leaves_what_is_known(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange(5_000)
    clock = ExchangeClock(exchange, worker="w")
    clock.before_login(0.0, lambda: UNIX_NS)
    exchange.fault = fault
    clock.distrust()
    clock.before_login(1.0, lambda: UNIX_NS)
    assert clock.ahead_ms == 5_000
    assert "exchange_time_unknown" in caplog.text


def test_an_answer_that_takes_too_long_holds_nobody_and_is_not_asked_for_twice(caplog: pytest.LogCaptureFixture) -> None:
    come, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        come.wait(60)
        return UNIX_MS

    clock = ExchangeClock(ask, worker="w")
    began = time.monotonic()
    clock.before_login(0.0, lambda: UNIX_NS)
    assert PATIENCE_S <= time.monotonic() - began < PATIENCE_S + 1
    assert "no answer within 3 s" in caplog.text
    clock.before_login(1.0, lambda: UNIX_NS)
    assert (len(asked), clock.ahead_ms) == (1, None)
    come.set()
    assert clock._asking is not None
    clock._asking.join(10)
    clock.before_login(2.0, lambda: UNIX_NS)
    assert (len(asked), clock.ahead_ms) == (2, 0)


def test_a_clock_that_is_far_off_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = ExchangeClock(Exchange(0), worker="w")
    for ahead_ms in (10, 2_000, 2_100, 2_050):
        clock.noticed(UNIX_MS + ahead_ms, UNIX_MS)
    assert caplog.text.count("clock_skew") == 1


@pytest.mark.parametrize("server_ms", [0, 9, 10**18 - 1])
def test_a_time_that_cannot_be_is_not_believed(server_ms: int, caplog: pytest.LogCaptureFixture) -> None:
    """With nobody to ask, logins dated by it would be refused for ever."""
    clock = ExchangeClock(Exchange(0), worker="w")
    clock.noticed(UNIX_MS + 40, UNIX_MS)
    clock.noticed(server_ms, UNIX_MS)
    assert clock.ahead_ms == 40
    assert "exchange_time_odd" in caplog.text
