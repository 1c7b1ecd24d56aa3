"""What the control interface of the simulated exchange refuses, each in one sentence."""

import json
from typing import Any

import pytest
import urllib3

from gateway.errors import ExchangeError
from gateway.exchange.clock import ExchangeClock
from gateway.exchange.rest import Rest
from gateway.exchange.signed import SignedRest
from gateway.exchange.signing import signer
from gateway.protocol.session import Credentials
from simulator.remote import RunningSimulator


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "cut", "endpoint": "moon"}),
        ("faults", {"kind": "cut", "how": "softly"}),
        ("faults", {"kind": "earthquake"}),
        ("faults", {"kind": "answer", "op": "sing"}),
        ("faults", {"kind": "rate", "amount": 1e9}),
        ("faults", {"kind": "cut", "seconds": -1}),
        ("faults", {"kind": "cut", "reason": "none"}),
        ("account", {"action": "fill", "order_id": "none"}),
        ("account", {"action": "place", "symbol": "NOPE"}),
        ("pause", []),
    ],
)
def test_a_bad_control_request_is_one_sentence(exchange: RunningSimulator, path: str, body: Any) -> None:
    answer = urllib3.request("POST", f"{exchange.rest_url}/simulator/{path}", body=json.dumps(body))
    assert answer.status == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "call", "body", "words"),
    [
        ("POST", "account", {"action": "dance"}, "found action 'dance'; expected one of place, "),
        ("POST", "account", {"action": "place", "price": "NaN"}, "found price 'NaN'; expected a decimal"),
        (
            "POST",
            "account",
            {"action": "rfq", "category": "spread", "symbol": "SOLUSDT_SOL/USDT"},
            "found spread SOLUSDT_SOL/USDT",
        ),
        ("POST", "key", {"api_key": "none"}, "found an API key that is not good anyway; expected one that is"),
        ("POST", "step", {"count": 0}, "Expected `int` >= 1"),
        ("POST", "send", {"endpoint": "spot"}, "found both or neither of text and frame"),
        ("GET", "ledger?after=soon", None, "found after 'soon'; expected a whole number"),
        ("GET", "ledger?endpoint=moon", None, "found endpoint 'moon'; expected one of spot, "),
        ("GET", "connections?endpoint=moon", None, "found endpoint 'moon'; expected one of spot, "),
    ],
)
def test_bad_control_request_says_what_was_found(exchange: RunningSimulator, method: str, call: str, body: Any, words: str) -> None:
    answer = urllib3.request(method, f"{exchange.rest_url}/simulator/{call}", body=json.dumps(body) if body else None)
    assert answer.status == 400
    assert words in answer.json()["error"]


def test_a_further_key_is_good_until_it_ends(exchange: RunningSimulator) -> None:
    def answer(key: str, secret: str) -> int:
        rest = Rest(exchange.rest_url)
        signed = SignedRest(rest, Credentials(key, signer(secret)), ExchangeClock(rest.server_time_ms, worker="test"))
        try:
            return signed.answer("/v5/user/query-api").code
        except ExchangeError as fault:
            return fault.ret_code

    assert answer("second", "its-secret") == 10003
    exchange.key("second", "its-secret")
    assert answer("second", "its-secret") == 0
    assert answer("second", exchange.api_secret) == 10004
    assert answer(exchange.api_key, exchange.api_secret) == 0
    exchange.key("second", None)
    assert answer("second", "its-secret") == 10003
