"""A refused login is explained beside the loop, which is woken for the answer."""

import os
import select
from collections.abc import Iterator

import pytest

from gateway.exchange.clock import ExchangeClock
from gateway.exchange.rest import Rest
from gateway.exchange.signed import SignedRest
from gateway.exchange.signing import signer
from gateway.protocol.session import Credentials
from simulator import remote
from simulator.remote import RunningSimulator
from workers.diagnosing import Diagnosis


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, paused=True)
    yield running
    running.stop()


def test_the_answer_wakes_the_loop_and_is_forgotten_after_a_login(
    exchange: RunningSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    rest, wake = Rest(exchange.rest_url), os.eventfd(0, os.EFD_NONBLOCK)
    signed = SignedRest(rest, Credentials(exchange.api_key, signer("wrong")), ExchangeClock(rest.server_time_ms, worker="w"))
    diagnosis = Diagnosis(signed, worker="w", wake=wake)
    assert diagnosis.words is None
    diagnosis.begin()
    diagnosis.begin()
    assert select.select([wake], [], [], 10.0)[0]
    assert diagnosis.words == "the signature is wrong: BYBIT_API_SECRET is not the secret of this key (code 10004)"
    assert caplog.text.count("login_refused because") == 1
    assert exchange.api_key not in caplog.text
    diagnosis.over()
    assert diagnosis.words is None
