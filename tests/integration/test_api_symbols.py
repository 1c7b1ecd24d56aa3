"""Symbols and categories over the control API: what `category_source`, `symbol_verified` and each refusal say, with a real catalog."""

import time
from pathlib import Path

import pytest
from asking import BASE, ask, assert_error, call, make_client
from flask.testing import FlaskClient
from listener import Line, Listener
from stored import OPTION, load

from gateway.database import db
from gateway.protocol.endpoints import CATEGORIES
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator


@pytest.fixture
def loaded(connection: db.Connection, listing_exchange: RunningSimulator) -> None:
    load(connection, listing_exchange, *CATEGORIES)


@pytest.fixture
def client(tmp_path: Path, database_url: str, broker_url: str, listing_exchange: RunningSimulator) -> FlaskClient:
    return make_client(tmp_path, database_url, broker_url, BYBIT_ENVIRONMENT="simulator", BYBIT_REST_URL=listing_exchange.rest_url)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("given", "category", "source"),
    [
        ({"symbol": "BTCUSDT", "category": "spot"}, "spot", "given"),
        ({"symbol": "BTCPERP"}, "linear", "symbol"),
        ({"symbol": OPTION}, "option", "symbol"),
        ({"symbol": "SPOTUSDT"}, "spot", "instruments"),
        ({"symbol": "PERPUSDT"}, "linear", "instruments"),
        ({"symbol": "BTCUSDT"}, "linear", "default"),
    ],
)
def test_an_answer_says_where_the_category_is_known_from(
    client: FlaskClient, given: dict[str, str], category: str, source: str
) -> None:
    status, row = ask(client, **given)
    assert (status, row["category"], row["category_source"], row["symbol_verified"]) == (201, category, source, True)
    assert call(client, "GET", f"{BASE}/{row['id']}") == (200, row)


@pytest.mark.usefixtures("loaded")
def test_what_was_listed_a_moment_ago_is_found_at_the_exchange(client: FlaskClient, listing_exchange: RunningSimulator) -> None:
    listing_exchange.list_instrument("spread", "NEW_PAIR")
    status, row = ask(client, symbol="NEW_PAIR")
    assert (status, row["category"], row["category_source"], row["symbol_verified"]) == (201, "spread", "instruments", True)
    listing_exchange.delist("spread", "NEW_PAIR")


def test_a_symbol_is_verified_once_the_catalog_is_read(
    client: FlaskClient, connection: db.Connection, listing_exchange: RunningSimulator
) -> None:
    status, early = ask(client, symbol="BTCUSDT")
    assert (status, early["category_source"], early["symbol_verified"]) == (201, "default", False)
    assert ask(client, symbol="BTCUSDT") == (200, early)
    load(connection, listing_exchange, *CATEGORIES)
    status, later = ask(client, symbol="BTCUSDT")
    assert (status, later["id"], later["symbol_verified"]) == (200, early["id"], True)


@pytest.mark.usefixtures("loaded")
def test_an_unknown_symbol_is_refused_with_the_nearest_names(client: FlaskClient) -> None:
    answer = ask(client, symbol="BTCUSTD", category="linear")
    assert_error(answer, 400, "UNKNOWN_SYMBOL", "found symbol 'BTCUSTD', not listed in category 'linear'; expected BTCUSDT or ")
    assert answer[1]["details"]["nearest"][0] == "BTCUSDT"
    assert_error(ask(client, symbol="QQQQQQQQ"), 400, "UNKNOWN_SYMBOL", "expected an instrument that the exchange lists")
    answer = ask(client, "trades", symbol="BTCC", category="option")
    assert_error(answer, 400, "UNKNOWN_SYMBOL", "found options of the coin 'BTCC'")
    assert answer[1]["details"] == {"nearest": ["BTC"]}


@pytest.mark.usefixtures("loaded")
def test_a_disabled_category_is_refused_and_never_chosen(
    tmp_path: Path, database_url: str, broker_url: str, listing_exchange: RunningSimulator
) -> None:
    client = make_client(
        tmp_path, database_url, broker_url, BYBIT_ENVIRONMENT="simulator", BYBIT_REST_URL=listing_exchange.rest_url,
        WS_GATEWAY_ENABLED_CATEGORIES="spot,option",
    )  # fmt: skip
    words = "is disabled; expected one of spot, option"
    assert_error(ask(client, symbol="BTCUSDT", category="linear"), 400, "CATEGORY_DISABLED", f"category 'linear' {words}")
    assert_error(ask(client, symbol="BTCUSD"), 400, "CATEGORY_DISABLED", f"category 'inverse' {words}")
    assert_error(ask(client, "liquidation", symbol="BTCUSDT"), 400, "CATEGORY_DISABLED", f"category 'linear' {words}")
    status, row = ask(client, symbol="BTCUSDT")
    assert (status, row["category"], row["category_source"]) == (201, "spot", "symbol")


def silent(line: Line) -> None:
    """Takes the request and says nothing."""
    line.rest()


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("given", [{"symbol": "NONEUSDT"}, {"symbol": "NONE_PAIR"}, {"symbol": "NONEPERP", "category": "linear"}])
def test_a_silent_exchange_holds_up_a_request_for_two_seconds_only(
    tmp_path: Path, database_url: str, broker_url: str, given: dict[str, str]
) -> None:
    with Listener(silent) as listener:
        client = make_client(tmp_path, database_url, broker_url, BYBIT_ENVIRONMENT="simulator", BYBIT_REST_URL=listener.url("http"))
        began = time.monotonic()
        status, row = ask(client, **given)
        assert time.monotonic() - began < 3.5
        assert (status, row["symbol_verified"], row["category"]) == (201, False, "linear")
        assert listener.count > 0


@pytest.mark.usefixtures("loaded")
def test_an_exchange_that_is_away_leaves_known_symbols_verified_and_others_accepted(
    tmp_path: Path, database_url: str, broker_url: str
) -> None:
    away = f"http://127.0.0.1:{free_ports(1)[0]}"
    client = make_client(tmp_path, database_url, broker_url, BYBIT_ENVIRONMENT="simulator", BYBIT_REST_URL=away)
    assert ask(client, symbol="BTCUSDT")[1]["symbol_verified"] is True
    status, row = ask(client, symbol="NONEUSDT", category="spot")
    assert (status, row["symbol_verified"]) == (201, False)


def test_a_pattern_is_one_wish_however_many_stars_it_has(client: FlaskClient) -> None:
    status, row = ask(client, symbol="**", category="linear")
    assert (status, row["symbol"], row["topic"], row["symbol_verified"]) == (201, "*", "tickers.*", None)
    assert ask(client, symbol="*", category="linear") == (200, row)


def test_the_full_book_of_contracts_passes_as_raw_alone(client: FlaskClient) -> None:
    status, row = ask(client, "raw", topic="orderbook.full.BTCUSDT", category="linear")
    assert (status, row["queue"], row["symbol"]) == (201, "ws-gateway.raw.tester", None)
    answer = ask(client, "full_orderbook", symbol="BTCUSDT", category="linear")
    assert_error(answer, 400, "UNSUPPORTED_FOR_CATEGORY", "expected spot")
