"""What is old is never shown as if it held: it is marked, and what follows from it is not known."""

import re
from functools import partial

from looking import UNKNOWN, Page
from running import RunningGateway, wait_for

from gateway.servers import RabbitMQ
from tests.standins import frozen

TABLES = ("connections", "topics", "subscriptions", "queues", "gaps", "occurrences", "balances")


def is_unknown(page: Page, answer: str) -> bool:
    return page.answer(answer)[0::2] == ("Not known", "unknown")


def test_when_the_api_is_gone_everything_is_marked_as_old_and_nothing_is_known(page: Page, gateway: RunningGateway) -> None:
    gateway.wait_until_held(gateway.subscribe("trades", "desk", symbol="BTCUSDT", category="linear")["id"])
    wait_for(lambda: page.answer("connected")[0] == "All 1", "all connected")
    wait_for(lambda: page.row("topics", topic="publicTrade.BTCUSDT", state="acknowledged"), "the topic")
    gateway.control("stop", "api:api_00")
    try:
        wait_for(
            lambda: all(map(page.is_stale, TABLES)),
            lambda: f"old, but {[name for name in TABLES if not page.is_stale(name)]}",
            30.0,
        )
        for name in TABLES:
            assert page.text(f"#{name} .freshness").startswith("Not current: as it was at ")
            assert page.text(f"#{name} .freshness").endswith("The API cannot be reached.")
        for answer in ("connected", "subscribed", "late", "lost", "read"):
            wait_for(partial(is_unknown, page, answer), f"{answer} not known")
        assert page.answer("connected")[1].startswith(
            "It was \N{LEFT DOUBLE QUOTATION MARK}All 1\N{RIGHT DOUBLE QUOTATION MARK} at "
        )
        assert page.text("#status") == "not known"
        assert page.text("#trouble").startswith("The gateway's health is not known. Not current")
        assert page.text("#rate .now") == "not known"
        assert page.one("#topics table").value_of_css_property("opacity") == "0.5"
        assert "line-through" in page.one("#topics td").value_of_css_property("text-decoration-line")
        assert page.driver.title == f"not known {UNKNOWN} ws-gateway"
    finally:
        gateway.control("start", "api:api_00")
    wait_for(
        lambda: not any(map(page.is_stale, TABLES)),
        lambda: f"current, but {[name for name in TABLES if page.is_stale(name)]}",
        30.0,
    )
    wait_for(lambda: page.answer("connected")[0] == "All 1", "known again")
    assert [page.text(f"#{name} .freshness") for name in TABLES] == [""] * len(TABLES)


def test_only_what_fails_is_marked_and_what_follows_from_it(page: Page) -> None:
    wait_for(lambda: page.answer("lost")[2] in ("good", "warn"), lambda: f"known, found {page.answer('lost')}")
    page.block("*/api/v1/gaps*")
    page.ask_again()
    wait_for(lambda: page.is_stale("gaps") and page.is_stale("topics"), "old gaps, and topics that count them")
    assert page.answer("lost")[0::2] == ("Not known", "unknown")
    assert [page.is_stale(name) for name in ("connections", "queues", "balances")] == [False] * 3
    assert page.answer("connected")[2] in ("good", "idle")
    page.block()
    page.ask_again()
    wait_for(lambda: not page.is_stale("gaps") and page.answer("lost")[2] != "unknown", "known again")


def test_queues_are_old_while_the_broker_cannot_be_asked(page: Page, gateway: RunningGateway) -> None:
    wait_for(lambda: page.rows("queues"), "queues")
    gateway.control("stop", "router:router_00")
    try:
        wait_for(lambda: page.is_stale("queues"), "old queues", 30.0)
        assert "RabbitMQ cannot be asked" in page.text("#queues .freshness")
        assert page.answer("read")[0::2] == ("Not known", "unknown")
        nothing = ("Not known", "nothing can be delivered now", "unknown")
        wait_for(lambda: page.answer("late") == nothing, lambda: f"{nothing}, found {page.answer('late')}", 30.0)
        assert "the router is silent: nothing is delivered" in page.text("#trouble")
        assert page.text("#status") == "unhealthy"
    finally:
        gateway.control("start", "router:router_00")
    wait_for(lambda: not page.is_stale("queues"), "current queues", 30.0)


def test_what_waits_for_a_frozen_rabbitmq_is_late_and_not_nothing_to_time(
    page: Page, gateway: RunningGateway, rabbitmq_server: RabbitMQ
) -> None:
    gateway.wait_until_held(gateway.subscribe("ticker", "desk", symbol="BTCUSDT", category="linear")["id"])
    page.ask_again()
    wait_for(lambda: page.answer("late")[2] in ("good", "warn"), lambda: f"timed, found {page.answer('late')}", 30.0)
    late = re.compile(
        r"(\d+\.\d|\d\d) s the oldest event has waited so long for RabbitMQ, which confirms nothing; [\d,]+ wait on disk bad"
    )
    with frozen(rabbitmq_server.pid):
        wait_for(lambda: late.fullmatch(" ".join(page.answer("late"))), lambda: f"late, found {page.answer('late')}", 30.0)
    gateway.wait_until_healthy()
    page.ask_again()
    wait_for(lambda: page.answer("late")[1].startswith("99 % "), lambda: f"timed again, found {page.answer('late')}", 30.0)


def test_a_tab_that_was_out_of_sight_asks_at_once_when_it_is_looked_at_again(page: Page) -> None:
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.driver.close()
    page.driver.switch_to.window(first)
    wait_for(lambda: not page.is_stale("connections") and page.answer("connected")[0] != "Not known", "current figures")
