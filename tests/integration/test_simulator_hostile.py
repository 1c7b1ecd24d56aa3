"""Whatever is sent to the HTTP side: no answer is a 500, and the exchange goes on."""

import json
from collections.abc import Iterator

import pytest
import urllib3

from simulator import remote
from simulator.remote import RunningSimulator

DEEP = '{"a":' * 5_000 + "1" + "}" * 5_000
FIGURES = ("1e999999", "1e-999999", "1e30", "-1e30", "1e-30", "NaN", "Infinity")


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    """Its account acts often: what poisons it ends it at once."""
    running = remote.start(only="BTCUSDT", account_every_s=0.05)
    yield running
    running.stop()


def _post(exchange: RunningSimulator, path: str, body: str | bytes, content_type: str = "application/json") -> int:
    headers = {"Content-Type": content_type}
    return urllib3.request("POST", exchange.rest_url + path, body=body, headers=headers, retries=False).status


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("field", ["price", "quantity"])
@pytest.mark.parametrize("category", ["spot", "linear"])
def test_an_order_of_impossible_figures_is_refused(exchange: RunningSimulator, category: str, field: str, figure: str) -> None:
    wish = {"action": "place", "category": category, "symbol": "BTCUSDT", field: figure}
    assert _post(exchange, "/simulator/account", json.dumps(wish)) == 400


@pytest.mark.parametrize("figure", FIGURES)
def test_an_impossible_balance_is_refused(exchange: RunningSimulator, figure: str) -> None:
    if figure == "1e-30":
        figure = "1.000000000000000000000000000001"
    assert _post(exchange, "/simulator/account", json.dumps({"action": "wallet", "balances": {"USDT": figure}})) == 400


def test_the_largest_figures_that_are_taken_leave_an_account_that_counts(exchange: RunningSimulator) -> None:
    for category, price, quantity in (("linear", "999999999", "999999999"), ("linear", "0.00000001", "999999999")):
        exchange.account("place", category=category, symbol="BTCUSDT", price=price, quantity=quantity)
    exchange.account("wallet", balances={"BTC": "999999999.999999999999999999"})
    assert exchange.account("wallet")


@pytest.mark.parametrize("name", ["faults", "pause", "step", "send", "account", "system_status"])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"\xff\xfe", b'{"self":[]}', DEEP, '{"endpoint":"spot","frame":' + DEEP + "}"]
)
def test_no_body_is_a_500(exchange: RunningSimulator, name: str, body: str | bytes) -> None:
    assert _post(exchange, f"/simulator/{name}", body) in (200, 400)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=nonsense", "text/plain; charset=utf-16"])
@pytest.mark.parametrize("body", [b"\xff\xfe\xff", DEEP])
def test_no_body_of_a_call_is_a_500(exchange: RunningSimulator, body: str | bytes, content_type: str) -> None:
    assert _post(exchange, "/v5/order/create", body, content_type) == 401


def test_it_still_runs(exchange: RunningSimulator) -> None:
    assert exchange.account("wallet")
    assert exchange.is_running()
