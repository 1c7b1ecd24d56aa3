"""Signed REST calls: what is signed is what is sent, and each of the exchange's refusals has its remedy."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from listener import Line, Listener, ok

from gateway.errors import CredentialsRefused, ExchangeError, LinkLost, NotAsked
from gateway.exchange import signing
from gateway.exchange.budget import RestBudget
from gateway.exchange.clock import ExchangeClock
from gateway.exchange.diagnosis import diagnose
from gateway.exchange.rest import Rest
from gateway.exchange.signed import SignedRest
from gateway.protocol.session import Credentials
from simulator import remote
from simulator.remote import RunningSimulator

KEY, SECRET = RunningSimulator.api_key, RunningSimulator.api_secret
WALLET = {"accountType": "UNIFIED"}


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, paused=True)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _without_faults(exchange: RunningSimulator) -> Iterator[None]:
    yield
    exchange.lift()


@dataclass
class Pauses:
    """Kept, not slept."""

    waits: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def signed(
    url: str,
    *,
    key: str = KEY,
    secret: str = SECRET,
    ahead_s: float = 0.0,
    pause: Pauses | None = None,
    budget: RestBudget | None = None,
) -> SignedRest:
    """ahead_s: how much our own clock is wrong."""
    rest = Rest(url, budget=budget)
    clock = ExchangeClock(rest.server_time_ms, worker="w", unix_ns=lambda: time.time_ns() + int(ahead_s * 1e9))
    return SignedRest(rest, Credentials(key, signing.signer(secret)), clock, pause=pause or Pauses())


def test_the_vectors_of_the_notes_come_out() -> None:
    """Source: protocol notes, section 9.1."""
    headers = signing.rest_headers(
        "test_api_key", signing.signer("test_secret"), timestamp_ms=1_700_000_000_000, payload="category=linear&symbol=BTCUSDT"
    )
    assert headers == {
        "X-BAPI-API-KEY": "test_api_key",
        "X-BAPI-TIMESTAMP": "1700000000000",
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7",
        "X-BAPI-SIGN-TYPE": "2",
    }
    body = '{"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "test-order-1"}'
    headers = signing.rest_headers("test_api_key", signing.signer("test_secret"), timestamp_ms=1_700_000_000_000, payload=body)
    assert headers["X-BAPI-SIGN"] == "2df4a0603d69c08d5dea29ba85b46eb7db64ce9e9ebd34a7802a3d69700cb2a1"


def test_a_signed_call_is_answered(exchange: RunningSimulator) -> None:
    answer = signed(exchange.rest_url).answer("/v5/account/wallet-balance", **WALLET)
    assert answer.result["list"][0]["accountType"] == "UNIFIED"
    assert answer.headers["x-bapi-limit"] == "50"


def test_rsa_keys_sign_too() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    running = remote.start(account_every_s=0, status_every_s=0, paused=True, api_secret=public)
    try:
        assert signed(running.rest_url, secret=pem).answer("/v5/account/info").code == 0
        with pytest.raises(CredentialsRefused, match="10004"):
            signed(running.rest_url, secret="another").answer("/v5/account/info")
    finally:
        running.stop()


def test_what_is_signed_is_what_is_sent_byte_for_byte() -> None:
    sent: list[bytes] = []

    def play(line: Line) -> None:
        sent.append(line.until(b"\r\n\r\n"))
        line.send(ok(b'{"retCode":0,"result":{}}'))

    fields = {"symbol": "SOLUSDT_SOL/USDT", "cursor": "page_token=39380& +%", "orderLinkId": "ä b~*'"}
    with Listener(play) as listener:
        signed(listener.url("http")).answer("/v5/spread/order/realtime", **fields)
    target = sent[0].split()[1].decode()
    headers = dict(re.findall(r"(X-BAPI-[A-Z-]+): (.*?)\r", sent[0].decode()))
    origin = headers["X-BAPI-TIMESTAMP"] + KEY + headers["X-BAPI-RECV-WINDOW"] + target.partition("?")[2]
    assert headers["X-BAPI-SIGN"] == signing.signer(SECRET)(origin)


def test_odd_names_are_found_at_the_exchange(exchange: RunningSimulator) -> None:
    """Its check is over the query as it came."""
    answer = signed(exchange.rest_url).answer("/v5/spread/order/realtime", symbol="SOLUSDT_SOL/USDT", orderLinkId="ä b~*'+%")
    assert answer.result["list"] == []


def test_all_pages_are_read(exchange: RunningSimulator) -> None:
    made = {exchange.account("place", symbol="BTCUSDT")[0]["data"][0]["orderId"] for _ in range(130)}
    found = list(signed(exchange.rest_url).pages("/v5/order/realtime", category="linear", settleCoin="USDT", limit="50"))
    assert len(found) == 3
    assert {row["orderId"] for answer in found for row in answer.result["list"]} == made


def test_a_clock_that_is_off_is_read_anew_and_the_call_sent_once_more(exchange: RunningSimulator) -> None:
    rest = signed(exchange.rest_url, ahead_s=-60.0)
    assert rest.answer("/v5/account/info").code == 0
    assert rest.clock_reads == 1
    assert rest.answer("/v5/account/info").code == 0
    assert rest.clock_reads == 1


def test_a_clock_that_stays_wrong_is_the_exchanges_refusal(exchange: RunningSimulator) -> None:
    exchange.fault("rest", how="10002", endpoint="private")
    rest = signed(exchange.rest_url)
    with pytest.raises(ExchangeError, match="10002"):
        rest.answer("/v5/account/info")
    assert rest.clock_reads == 1


@pytest.mark.parametrize("how", ["10006", "429"])
def test_too_many_visits_are_waited_out(exchange: RunningSimulator, how: str) -> None:
    exchange.fault("rest", how=how, endpoint="private", times=2)
    pause = Pauses()
    assert signed(exchange.rest_url, pause=pause).answer("/v5/account/info").code == 0
    assert len(pause.waits) == 2
    assert all(0.5 < wait <= 1.0 for wait in pause.waits)


def test_a_reset_that_is_far_away_is_not_waited_for() -> None:
    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        body = b'{"retCode":10006,"retMsg":"Too many visits!"}'
        reset = int(time.time() * 1000) + 60_000
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nX-Bapi-Limit-Reset-Timestamp: {reset}\r\n\r\n"
        line.send(head.encode() + body)

    pause = Pauses()
    with Listener(play) as listener, pytest.raises(ExchangeError, match="10006"):
        signed(listener.url("http"), pause=pause).answer("/v5/account/info")
    assert pause.waits == []


@pytest.mark.parametrize("reset", ["9" * 400, "9" * 5_000, "²", "-1", "", "1e3"])
def test_a_reset_that_is_no_time_is_a_second(reset: str) -> None:
    bodies = iter((b'{"retCode":10006}', b'{"retCode":0}'))

    def play(line: Line) -> None:
        while True:
            line.until(b"\r\n\r\n")
            body = next(bodies)
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nX-Bapi-Limit-Reset-Timestamp: {reset}\r\n\r\n"
            line.send(head.encode("latin-1") + body)

    pause = Pauses()
    with Listener(play) as listener:
        assert signed(listener.url("http"), pause=pause).answer("/v5/account/info").code == 0
    assert pause.waits == [1.0]


@pytest.mark.parametrize("nanoseconds", ['"²"', '"' + "9" * 30 + '"', '""', '"-5"', "5", "null", "[]"])
def test_a_time_that_is_none_is_a_fault_of_the_line(nanoseconds: str) -> None:
    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(ok(b'{"retCode":0,"result":{"timeNano":%b}}' % nanoseconds.encode()))

    with Listener(play) as listener, pytest.raises(LinkLost, match="tells no time"):
        Rest(listener.url("http")).server_time_ms()


def test_an_answer_that_goes_too_deep_is_a_fault_of_the_line() -> None:
    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(ok(b'{"retCode":0,"result":' + b"[" * 300 + b"]" * 300 + b"}"))

    with Listener(play) as listener, pytest.raises(LinkLost, match="within each other"):
        signed(listener.url("http")).answer("/v5/account/info")


def test_a_clock_that_others_asked_for_says_nothing_of_a_refused_login(exchange: RunningSimulator) -> None:
    """Readers of the account use the same calls, several at a time."""
    rest = signed(exchange.rest_url)

    class Busy:
        """A clock that another thread asks for whenever it is looked at."""

        def now_ms(self) -> int:
            busy.clock_reads += 1
            return rest.clock.now_ms()

        def reread(self) -> None:
            rest.clock.reread()

    busy = SignedRest(Rest(exchange.rest_url), Credentials(KEY, signing.signer(SECRET)), Busy())
    assert "takes the same key and secret" in diagnose(busy)


def test_whoever_has_nothing_left_this_second_waits_for_the_next() -> None:
    left = iter(("1", "0", "49"))

    def play(line: Line) -> None:
        while True:
            line.until(b"\r\n\r\n")
            line.send(ok(b'{"retCode":0}').replace(b"\r\n\r\n", f"\r\nX-Bapi-Limit-Status: {next(left)}\r\n\r\n".encode(), 1))

    pause = Pauses()
    with Listener(play) as listener:
        rest = signed(listener.url("http"), pause=pause)
        rest.answer("/v5/account/info")
        rest.answer("/v5/account/info")
        assert pause.waits == []
        rest.answer("/v5/account/info")
    assert len(pause.waits) == 1
    assert 0.5 < pause.waits[0] <= 1.0


def test_trouble_of_the_exchange_is_asked_again_ever_later(exchange: RunningSimulator) -> None:
    exchange.fault("rest", how="10016", endpoint="private", times=2)
    pause = Pauses()
    assert signed(exchange.rest_url, pause=pause).answer("/v5/account/info").code == 0
    assert pause.waits == [0.25, 0.5]
    exchange.fault("rest", how="10016", endpoint="private")
    with pytest.raises(ExchangeError, match="10016"):
        signed(exchange.rest_url).answer("/v5/account/info")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("10003", "does not know this API key"), ("10004", "BYBIT_API_SECRET is not the secret"), ("10005", "permission"),
        ("10007", "still exists"), ("10010", "address is not in the API key's list"), ("33004", "expired"), ("401", "no usable API key"),
    ],
)  # fmt: skip
def test_what_a_person_must_mend_is_an_error_of_its_own(exchange: RunningSimulator, how: str, words: str) -> None:
    exchange.fault("rest", how=how, endpoint="private")
    pause = Pauses()
    with pytest.raises(CredentialsRefused) as refused:
        signed(exchange.rest_url, pause=pause).answer("/v5/account/info")
    assert words in refused.value.words
    assert pause.waits == []


@pytest.mark.parametrize(("key", "secret", "code"), [("another-key", SECRET, 10003), (KEY, "another-secret", 10004)])
def test_a_refusal_names_neither_key_nor_secret(exchange: RunningSimulator, key: str, secret: str, code: int) -> None:
    with pytest.raises(CredentialsRefused, match=str(code)) as refused:
        signed(exchange.rest_url, key=key, secret=secret).answer("/v5/account/info")
    said = f"{refused.value} {refused.value.words}"
    assert key not in said
    assert secret not in said


@pytest.mark.parametrize("code", [10003, 10001])
def test_a_key_that_the_exchange_repeats_is_not_shown(code: int) -> None:
    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(ok(b'{"retCode":%d,"retMsg":"no such key: %s"}' % (code, KEY.encode())))

    with Listener(play) as listener, pytest.raises(ExchangeError, match="no such key: …"):
        signed(listener.url("http")).answer("/v5/account/info")


def test_a_ban_is_respected_by_every_process_of_the_host(exchange: RunningSimulator, tmp_path: Path) -> None:
    exchange.fault("rest", how="403", times=1)
    with pytest.raises(NotAsked, match="has banned this address"):
        signed(exchange.rest_url, budget=RestBudget(tmp_path, private=True)).answer("/v5/account/info")
    for another in (RestBudget(tmp_path, private=True), RestBudget(tmp_path, private=False)):
        with pytest.raises(NotAsked, match="nothing is asked for another"):
            Rest(exchange.rest_url, budget=another).server_time_ms()
    later = RestBudget(tmp_path, private=True, unix_s=lambda: time.time() + 600.0)
    assert Rest(exchange.rest_url, budget=later).server_time_ms() > 0


def test_our_budget_is_used_up_before_the_exchanges(exchange: RunningSimulator, tmp_path: Path) -> None:
    rest = Rest(exchange.rest_url, whole_s=0.0, timeout_s=5.0, budget=RestBudget(tmp_path, private=True, most=3))
    with pytest.raises(LinkLost):
        rest.server_time_ms()  # an answer may take no time at all here
    spent = RestBudget(tmp_path, private=True, most=3)
    for _ in range(2):
        Rest(exchange.rest_url, budget=spent).server_time_ms()
    with pytest.raises(NotAsked, match="used up"):
        rest.server_time_ms()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("10003", "does not know this API key"), ("10004", "BYBIT_API_SECRET"), ("33004", "expired"), ("10002", "clock differs"),
        ("10010", "address"), ("10016", "answers 10016"), ("503", "cannot be asked"),
    ],
)  # fmt: skip
def test_a_refused_login_is_explained(exchange: RunningSimulator, how: str, words: str) -> None:
    exchange.fault("rest", how=how, endpoint="private")
    assert words in diagnose(signed(exchange.rest_url))


def test_a_refused_login_of_a_good_key_is_said_to_have_another_cause(exchange: RunningSimulator) -> None:
    assert "takes the same key and secret" in diagnose(signed(exchange.rest_url))


def test_a_refused_login_of_a_wrong_clock_is_explained(exchange: RunningSimulator) -> None:
    assert "clock differs" in diagnose(signed(exchange.rest_url, ahead_s=30.0))
