"""`make smoke`, with the simulated exchange in the place of the testnet: what each endpoint said first, or why it said nothing."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import Checkout

from cli.smoke import endpoint_of, verdict
from gateway.protocol.endpoints import ENDPOINTS
from simulator import remote
from simulator.remote import RunningSimulator


@pytest.fixture
def testnet() -> Iterator[RunningSimulator]:
    """Its account trades; nothing is announced."""
    running = remote.start(account_every_s=1, status_every_s=0)
    yield running
    running.stop()


def smoke(folder: Path, exchange: RunningSimulator, seconds: int, **keys: str) -> "subprocess.CompletedProcess[str]":
    checkout = Checkout(folder, BYBIT_WS_URL=exchange.ws_url, BYBIT_REST_URL=exchange.rest_url, **keys)
    command = ["make", "smoke", f"SECONDS={seconds}"]
    return subprocess.run(command, cwd=folder, env=checkout.environ, capture_output=True, text=True, check=False, timeout=110)


def told(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """Endpoint → its line."""
    lines = re.findall(rf"^({'|'.join(ENDPOINTS)}) +(.+)$", done.stdout, re.MULTILINE)
    assert [name for name, _ in lines] == list(ENDPOINTS), done.stdout + done.stderr
    return dict(lines)


def test_every_endpoint_says_what_came_first(tmp_path: Path, testnet: RunningSimulator) -> None:
    keys = {"BYBIT_API_KEY": testnet.api_key, "BYBIT_API_SECRET": testnet.api_secret}
    done = smoke(tmp_path, testnet, 8, **keys)
    lines = told(done)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "starting a gateway on testnet" in done.stdout
    assert re.match(r"(order|execution|position|balance)\b.*: of 20", lines["private"])
    for name in ("spot", "linear", "inverse", "option", "spread"):
        assert re.match(r"(trade|ticker|orderbook|kline) \S+: of \S+Z, received \S+Z$", lines[name]), name
    assert lines["status"] == "no event within 8 s; system.status acknowledged: quiet by nature"


def test_what_did_not_come_is_said_with_its_reason_in_time(tmp_path: Path, testnet: RunningSimulator) -> None:
    testnet.refuse("linear", True)
    done = smoke(tmp_path, testnet, 4)
    lines = told(done)
    assert done.returncode == 2, done.stdout + done.stderr  # make's own word for a command that failed
    assert lines["linear"] == "reconnecting: the handshake was answered with HTTP 503; expected 101"
    assert lines["private"] == "not tried: no BYBIT_API_KEY"
    assert re.match(r"(trade|ticker|orderbook|kline) \S+: of ", lines["spot"])


def test_a_gateway_that_does_not_start_is_said(tmp_path: Path, testnet: RunningSimulator) -> None:
    done = smoke(tmp_path, testnet, 4, BYBIT_ENVIRONMENT="moon")
    assert "BYBIT_ENVIRONMENT is 'moon'; expected one of mainnet, testnet, demo, simulator" in done.stderr


STATE = {"wanted": 1, "connection_status": "connected", "last_error": None}


@pytest.mark.parametrize(
    ("endpoint", "topics", "is_well", "words"),
    [
        ("spot", {"a": {"state": "acknowledged", "last_error": None}}, False, "no event within 3 s; a acknowledged"),
        (
            "status",
            {"a": {"state": "acknowledged", "last_error": None}},
            True,
            "no event within 3 s; a acknowledged: quiet by nature",
        ),
        ("spot", {"a": {"state": "refused", "last_error": "no such topic"}}, False, "refused: a: no such topic"),
    ],
)
def test_a_silent_endpoint_is_judged_by_what_it_holds(
    endpoint: str, topics: dict[str, dict[str, str | None]], is_well: bool, words: str
) -> None:
    assert verdict(endpoint, None, [{**STATE, "topics": topics}], 3) == (is_well, words)


@pytest.mark.parametrize(
    ("event_type", "category", "endpoint"),
    [("trade", "spot", "spot"), ("order", "linear", "private"), ("balance", None, "private"), ("system_status", None, "status"),
     ("system", "linear", "")],
)  # fmt: skip
def test_an_event_belongs_to_the_endpoint_that_told_it(event_type: str, category: str | None, endpoint: str) -> None:
    assert endpoint_of({"event_type": event_type, "category": category}) == endpoint
