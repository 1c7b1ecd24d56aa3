"""Which category a symbol gets and whether it exists: a real PostgreSQL, a real simulated exchange, and one that is away."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from listener import Line, Listener
from running import wait_for
from stored import OPTION, load

from gateway.database import db, instruments
from gateway.errors import RequestError
from gateway.exchange.asking import REMEMBERED_S, SHORTLY_S
from gateway.exchange.calls import Answer
from gateway.exchange.rest import Rest
from gateway.protocol.endpoints import CATEGORIES
from gateway.resolution import Resolved, Resolver
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator


class CountingRest(Rest):
    """The real calls, and how many there were."""

    counted = 0

    def answer(self, path: str, **fields: str) -> Answer:
        self.counted += 1
        return super().answer(path, **fields)


def resolver(exchange: RunningSimulator, *, default: str = "linear", enabled: tuple[str, ...] = CATEGORIES) -> Resolver:
    return Resolver(CountingRest(exchange.rest_url), default, enabled)


def calls(of: Resolver) -> int:
    assert isinstance(of.rest, CountingRest)
    return of.rest.counted


def resolve(
    by: Resolver, connection: db.Connection, symbol: str, category: str | None = None, among: tuple[str, ...] = CATEGORIES, *,
    is_base_coin: bool = False,
) -> Resolved:  # fmt: skip
    return by.resolve(connection, symbol, category=category, channel_categories=among, is_base_coin=is_base_coin)


def refusal(by: Resolver, connection: db.Connection, symbol: str, category: str | None = None, **more: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        resolve(by, connection, symbol, category, **more)
    assert (caught.value.code, caught.value.status) == ("UNKNOWN_SYMBOL", 400)
    return caught.value


def test_without_a_catalog_a_symbol_is_accepted_unverified_and_nobody_is_asked(
    listing_exchange: RunningSimulator, connection: db.Connection
) -> None:
    by = resolver(listing_exchange)
    assert resolve(by, connection, "NONSENSE", "spot") == Resolved("spot", "given", False)
    assert resolve(by, connection, "BTCUSDT") == Resolved("linear", "default", False)
    assert resolve(by, connection, "BTCUSD") == Resolved("inverse", "symbol", False)
    assert resolve(by, connection, "BTC", "option", is_base_coin=True) == Resolved("option", "given", False)
    assert calls(by) == 0


@pytest.mark.parametrize(
    ("symbol", "category", "expected"),
    [
        ("BTCUSDT", None, ("linear", "default")),
        ("BTCUSDT", "spot", ("spot", "given")),
        ("SPOTUSDT", None, ("spot", "instruments")),
        ("PERPUSDT", None, ("linear", "instruments")),
        ("BTCPERP", None, ("linear", "symbol")),
        ("BTCUSDZ26", None, ("inverse", "symbol")),
        (OPTION, None, ("option", "symbol")),
        ("SOLUSDT_SOL/USDT", None, ("spread", "symbol")),
    ],
)
def test_what_the_catalog_has_is_verified_without_asking(
    listing_exchange: RunningSimulator, connection: db.Connection, symbol: str, category: str | None, expected: tuple[str, str]
) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    by = resolver(listing_exchange)
    found = resolve(by, connection, symbol, category)
    assert (found.category, found.source, found.verified) == (*expected, True)
    assert calls(by) == 0


def test_a_channel_that_has_one_of_the_categories_narrows_them(
    listing_exchange: RunningSimulator, connection: db.Connection
) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    by = resolver(listing_exchange, default="spot")
    assert resolve(by, connection, "BTCUSDT", among=("linear", "inverse")) == Resolved("linear", "symbol", True)


def test_a_base_coin_is_known_by_its_options(listing_exchange: RunningSimulator, connection: db.Connection) -> None:
    load(connection, listing_exchange, "option")
    by = resolver(listing_exchange)
    assert resolve(by, connection, "ETH", "option", is_base_coin=True) == Resolved("option", "given", True)
    assert calls(by) == 0
    error = refusal(by, connection, "BTCC", "option", is_base_coin=True)
    assert str(error) == "found options of the coin 'BTCC', not listed in category 'option'; expected BTC"
    assert calls(by) == 1
    listing_exchange.list_instrument("option", "XRP-26MAR27-2-C")
    assert resolve(by, connection, "XRP", "option", is_base_coin=True) == Resolved("option", "given", True)
    assert instruments.has_base_coin(connection, "XRP")
    listing_exchange.delist("option", "XRP-26MAR27-2-C")


def test_a_new_listing_is_asked_for_once_and_added(listing_exchange: RunningSimulator, connection: db.Connection) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    by = resolver(listing_exchange)
    listing_exchange.list_instrument("linear", "FRESHUSDT")
    listing_exchange.list_instrument("linear", "EARLYUSDT", status="PreLaunch")
    assert resolve(by, connection, "FRESHUSDT", "linear") == Resolved("linear", "given", True)
    asked = calls(by)
    assert resolve(by, connection, "FRESHUSDT") == Resolved("linear", "instruments", True)
    assert calls(by) == asked
    assert resolve(by, connection, "EARLYUSDT", "linear").verified
    for symbol in ("FRESHUSDT", "EARLYUSDT"):
        listing_exchange.delist("linear", symbol)


def test_a_new_listing_is_looked_for_in_every_category_that_its_form_allows(
    listing_exchange: RunningSimulator, connection: db.Connection
) -> None:
    load(connection, listing_exchange, "spot", "linear")
    listing_exchange.list_instrument("spot", "FRESHUSDT")
    assert resolve(resolver(listing_exchange), connection, "FRESHUSDT", among=("spot", "linear")) == Resolved(
        "spot", "instruments", True
    )
    listing_exchange.delist("spot", "FRESHUSDT")


def test_nonsense_is_refused_with_the_nearest_names_and_costs_the_exchange_nothing_for_a_while(
    listing_exchange: RunningSimulator, connection: db.Connection
) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    clock = [0.0]
    by = Resolver(CountingRest(listing_exchange.rest_url), "linear", CATEGORIES, lambda: clock[0])
    error = refusal(by, connection, "BTCUSTD", "linear")
    assert str(error).startswith("found symbol 'BTCUSTD', not listed in category 'linear'; expected BTCUSDT or ")
    assert error.details["nearest"][0] == "BTCUSDT"  # type: ignore[index]
    asked = calls(by)
    assert asked > 0
    clock[0] = REMEMBERED_S - 1
    assert refusal(by, connection, "BTCUSTD", "linear").details == error.details
    assert calls(by) == asked
    clock[0] = REMEMBERED_S + 1
    refusal(by, connection, "BTCUSTD", "linear")
    assert calls(by) == 2 * asked
    assert refusal(by, connection, "QQQQQQQQ").details == {"nearest": []}


def test_a_refusal_says_where_the_symbol_is_and_what_has_ended(
    listing_exchange: RunningSimulator, connection: db.Connection
) -> None:
    listing_exchange.list_instrument("linear", "OLDUSDT")
    load(connection, listing_exchange, *CATEGORIES)
    listing_exchange.delist("linear", "OLDUSDT")
    load(connection, listing_exchange, "linear")
    by = resolver(listing_exchange)
    assert "'BTCUSD', not listed in category 'linear', but in 'inverse'; expected " in str(
        refusal(by, connection, "BTCUSD", "linear")
    )
    assert "found symbol 'OLDUSDT', ended; expected " in str(refusal(by, connection, "OLDUSDT", "linear"))


def test_an_exchange_that_cannot_be_asked_leaves_the_symbol_unverified(
    listing_exchange: RunningSimulator, connection: db.Connection
) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    away = Resolver(Rest(f"http://127.0.0.1:{free_ports(1)[0]}"), "linear", CATEGORIES)
    assert resolve(away, connection, "NONEUSDT") == Resolved("linear", "default", False)
    assert resolve(away, connection, "NONE", "option", is_base_coin=True) == Resolved("option", "given", False)
    number = listing_exchange.fault("rest", how="10016")
    assert resolve(resolver(listing_exchange), connection, "NONEUSDT", "linear") == Resolved("linear", "given", False)
    listing_exchange.lift(number)


def test_nobody_is_asked_about_what_will_be_refused_anyway(listing_exchange: RunningSimulator, connection: db.Connection) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    by = resolver(listing_exchange, enabled=("spot",))
    assert resolve(by, connection, "BTCUSD") == Resolved("inverse", "symbol", True)
    assert resolve(by, connection, "NONEUSD", "spread", among=("spot",)) == Resolved("spread", "given", False)
    assert resolve(by, connection, "NONEUSD", "inverse") == Resolved("inverse", "given", False)
    assert calls(by) == 0


def test_only_enabled_categories_come_into_question(listing_exchange: RunningSimulator, connection: db.Connection) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    two = resolver(listing_exchange, enabled=("spot", "option"))
    assert resolve(two, connection, "BTCUSDT") == Resolved("spot", "symbol", True)
    assert resolve(two, connection, "BTCUSDT", among=("linear", "inverse")) == Resolved("linear", "symbol", True)
    assert resolve(resolver(listing_exchange, enabled=("spot",)), connection, "BTCUSDT") == Resolved("spot", "symbol", True)
    assert resolve(two, connection, "PERPUSDT", among=("linear",)) == Resolved("linear", "symbol", True)
    listing_exchange.list_instrument("spot", "FRESHUSD")
    assert resolve(resolver(listing_exchange, enabled=("spot",)), connection, "FRESHUSD") == Resolved("spot", "instruments", True)
    listing_exchange.delist("spot", "FRESHUSD")


@pytest.mark.parametrize(("category", "symbol"), [("spread", "NEW_PAIR"), ("spot", "JUSTUSD"), ("linear", "ODD_NAME")])
def test_a_new_listing_whose_form_misleads_is_found(
    listing_exchange: RunningSimulator, connection: db.Connection, category: str, symbol: str
) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    listing_exchange.list_instrument(category, symbol)
    found = resolve(resolver(listing_exchange, default="linear"), connection, symbol)
    assert (found.category, found.verified) == (category, True)
    listing_exchange.delist(category, symbol)


def silent(line: Line) -> None:
    """Takes the request and says nothing."""
    line.rest()


def trickling(line: Line) -> None:
    """Headers, a byte now and then."""
    line.until(b"\r\n\r\n")
    pause = threading.Event()
    with suppress(ConnectionError):
        while not pause.wait(0.1):
            line.send(b"x")


@pytest.mark.parametrize("play", [silent, trickling])
def test_all_asking_of_a_request_has_one_deadline_and_an_exchange_that_cannot_be_asked_is_left_alone(
    listing_exchange: RunningSimulator, connection: db.Connection, play: Callable[[Line], None]
) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    clock = [0.0]
    with Listener(play) as listener:
        by = Resolver(Rest(listener.url("http"), timeout_s=1.0, whole_s=1.0), "linear", CATEGORIES, lambda: clock[0], 0.5)
        began = time.monotonic()
        assert resolve(by, connection, "NONEUSDT") == Resolved("linear", "default", False)
        assert 0.4 < time.monotonic() - began < 1.0
        wait_for(lambda: not resolve_s(by, connection, "OTHERUSDT") > 0.2, "nobody asked any more")
        taken = listener.count
        assert resolve(by, connection, "THIRDUSDT") == Resolved("linear", "default", False)
        assert listener.count == taken
        clock[0] = SHORTLY_S + 1
        assert resolve_s(by, connection, "THIRDUSDT") > 0.4
        assert listener.count > taken


def resolve_s(by: Resolver, connection: db.Connection, symbol: str) -> float:
    """How long it takes, in seconds."""
    began = time.monotonic()
    assert not resolve(by, connection, symbol).verified
    return time.monotonic() - began


def test_one_symbol_is_asked_for_by_one_at_a_time(
    listing_exchange: RunningSimulator, connection: db.Connection, database_url: str
) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    by = resolver(listing_exchange)
    start = threading.Barrier(6)

    def ask(_: int) -> str:
        mine = db.connect(database_url, name="test")
        try:
            start.wait()
            return str(refusal(by, mine, "NONEPERP", "linear"))
        finally:
            mine.close()

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(ask, range(6)))) == 1
    assert calls(by) == 2  # what trades, and what will


def test_each_category_is_asked_once(listing_exchange: RunningSimulator, connection: db.Connection) -> None:
    load(connection, listing_exchange, *CATEGORIES)
    by = resolver(listing_exchange)
    refusal(by, connection, "FOOUSDT", among=("spot", "linear"))
    assert calls(by) == 3
