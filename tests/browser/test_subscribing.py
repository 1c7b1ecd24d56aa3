"""Subscribing and cancelling on the page, by keyboard alone; what the API refuses is shown in its own words."""

import re
from contextlib import closing
from typing import Any

import pytest
from looking import UNKNOWN, Page
from running import RunningGateway, wait_for
from selenium.webdriver import Keys
from selenium.webdriver.support.ui import Select

from gateway.database import api_keys, db
from gateway.database.audit import By

URL = "/api/v1/subscriptions"


def open_form(page: Page) -> None:
    """With the keyboard."""
    page.script("document.querySelector('#subscribe summary').focus()")
    page.press(Keys.ENTER)
    wait_for(lambda: len(page.all("#f_channel_type option")) > 10, "channels to choose from")


def fill(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        field = page.one(f"#f_{name}")
        if field.tag_name == "select":
            Select(field).select_by_value(text)
        else:
            field.clear()
            field.send_keys(text)


def held(gateway: RunningGateway, service: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = gateway.call("GET", f"{URL}?requesting_service={service}&is_active=true")[1]["subscriptions"]
    return rows


def test_a_service_is_subscribed_and_cancelled_with_the_keyboard_alone(page: Page, gateway: RunningGateway) -> None:
    open_form(page)
    page.press(Keys.TAB)
    assert page.focused().get_attribute("name") == "channel_type"
    page.press("kl")
    page.press(Keys.TAB)
    page.press("BTCUSDT", Keys.TAB, "lin", Keys.TAB, "typist", Keys.TAB, Keys.TAB, "5", Keys.ENTER)
    wait_for(lambda: page.text("#subscribe .done"), lambda: f"subscribed, found {page.text('#subscribe .refusal')!r}")
    [row] = held(gateway, "typist")
    assert (row["channel_type"], row["symbol"], row["category"], row["interval"]) == ("kline", "BTCUSDT", "linear", "5")
    assert page.text("#subscribe .done") == (
        "typist is subscribed to kline.5.BTCUSDT of linear. Its queue is ws-gateway.kline.typist."
    )
    assert page.text("#subscribe .refusal") == ""
    wait_for(lambda: page.row("subscriptions", service="typist", state="live"), "the subscription, live")

    page.script("arguments[0].focus()", page.one('#subscriptions button[aria-label="Cancel kline BTCUSDT of typist"]'))
    page.press(Keys.ENTER)
    assert page.one("dialog .what").text == "kline BTCUSDT of typist, linear: kline.5.BTCUSDT"
    assert page.focused().text == "Keep it", "what changes nothing has the focus"
    page.press(Keys.ESCAPE)
    assert not page.one("dialog").is_displayed()
    assert held(gateway, "typist")
    assert page.focused().get_attribute("aria-label") == "Cancel kline BTCUSDT of typist", "the focus is where it was"
    page.press(Keys.ENTER)
    page.press(Keys.ENTER)
    assert not page.one("dialog").is_displayed()
    assert held(gateway, "typist")
    page.press(Keys.ENTER, Keys.TAB, Keys.ENTER)
    wait_for(lambda: not held(gateway, "typist"), "cancelled")
    wait_for(lambda: not page.row("subscriptions", service="typist"), "gone from the page")
    wait_for(lambda: not page.row("topics", topic="kline.5.BTCUSDT"), "its topic gone, too")


@pytest.mark.parametrize(
    ("fields", "body", "blamed"),
    [
        ({"symbol": "NOSUCHUSDT"}, {"symbol": "NOSUCHUSDT"}, "symbol"),
        ({"symbol": "BTCUSDT", "depth": "7"}, {"symbol": "BTCUSDT", "depth": 7}, "depth"),
        ({"symbol": "BTCUSDT", "depth": "deep"}, {"symbol": "BTCUSDT", "depth": "deep"}, "depth"),
        (
            {"symbol": "BTCUSDT", "requesting_service": "no good"},
            {"symbol": "BTCUSDT", "requesting_service": "no good"},
            "requesting_service",
        ),
    ],
)
def test_what_the_api_refuses_is_shown_in_its_words_at_the_field(
    page: Page, gateway: RunningGateway, fields: dict[str, str], body: dict[str, Any], blamed: str
) -> None:
    wish = {"channel_type": "orderbook", "requesting_service": "refused", "category": "linear"}
    status, said = gateway.call("POST", URL, {**wish, **body})
    assert status == 400
    open_form(page)
    fill(page, **{**wish, **fields})
    page.click("#subscribe button")
    sentence = f"{said['error']} ({said['code']})"
    wait_for(
        lambda: page.text("#subscribe .refusal") == sentence, lambda: f"{sentence!r}, found {page.text('#subscribe .refusal')!r}"
    )
    assert [field.get_attribute("name") for field in page.all("#subscribe [aria-invalid]")] == [blamed]
    assert page.focused().get_attribute("name") == blamed
    assert page.text("#subscribe .done") == ""
    assert held(gateway, "refused") == []


def test_a_key_that_may_only_read_is_told_so_and_stays(tab: Page, gateway: RunningGateway) -> None:
    gateway.subscribe("trades", "desk", symbol="BTCUSDT", category="linear")
    with closing(db.connect(gateway.database_url, name="test")) as connection:
        key, _ = api_keys.create(connection, name="reader", scopes=["read"], service=None, by=By("tester"))
    tab.open(key=key)
    wait_for(lambda: tab.row("subscriptions", service="desk"), "the subscription")
    tab.click("#subscriptions tbody button")
    tab.click("dialog .danger")
    wait_for(lambda: "expected scope write" in tab.text("dialog .refusal"), "the refusal")
    tab.click('dialog button[value="keep"]')
    assert held(gateway, "desk")
    assert tab.rows("connections"), "who may read still does"


def test_hundreds_of_topics_are_searched_and_sorted(page: Page, gateway: RunningGateway) -> None:
    intervals = ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")
    symbols = [
        ("linear", "BTCUSDT"),
        ("linear", "ETHUSDT"),
        ("spot", "BTCUSDT"),
        ("spot", "ETHUSDT"),
        ("inverse", "BTCUSD"),
        ("inverse", "ETHUSD"),
    ]
    wishes = [
        {"channel_type": "kline", "symbol": symbol, "category": category, "interval": interval}
        for category, symbol in symbols
        for interval in intervals
    ] + [
        {"channel_type": "orderbook", "symbol": symbol, "category": category, "depth": depth}
        for category, symbol in symbols
        for depth in (1, 50, 200)
    ]
    for service in ("first", "second", "third"):
        status, body = gateway.call("PUT", f"{URL}/by-service/{service}", {"subscriptions": wishes})
        assert status == 200, body
    count = len(wishes)
    wait_for(
        lambda: page.text("#topics .count") == str(count), lambda: f"{count} topics, found {page.text('#topics .count')}", 40.0
    )
    wait_for(lambda: page.text("#subscriptions .count") == str(3 * count), "all subscriptions")
    assert (len(page.rows("topics")), page.text("#topics .more")) == (25, f"Show all {count}")
    page.click("#topics .more")
    assert len(page.rows("topics")) == count
    page.click('#topics th[data-id="worker"] button')
    shown = [row["worker"] for row in page.rows("topics")]
    assert shown == sorted(shown)
    assert page.one('#topics th[data-id="worker"]').get_attribute("aria-sort") == "ascending"
    page.click('#topics th[data-id="topic"] button')
    minutes = [int(row["topic"].split(".")[1]) for row in page.rows("topics") if re.fullmatch(r"kline\.\d+\.BTCUSDT", row["topic"])]
    assert minutes == sorted(minutes), "by number, not by letter"
    assert page.one('#topics th[data-id="worker"]').get_attribute("aria-sort") == "none"
    page.click('#topics th[data-id="topic"] button')
    assert page.rows("topics")[0]["topic"].startswith("orderbook.200")
    page.click('#topics th[data-id="sequence"] button')
    numbers = [int(row["sequence"].replace(",", "").replace(UNKNOWN, "-1")) for row in page.rows("topics")]
    assert numbers == sorted(numbers, reverse=True)
    page.one("#topics_search").send_keys("ethusd orderbook.50 linear_00")
    assert [(row["topic"], row["worker"]) for row in page.rows("topics")] == [("orderbook.50.ETHUSDT", "linear_00")]
    assert page.text("#topics .count") == f"1 of {count}"
    page.one("#topics_search").send_keys(" nowhere")
    assert (page.rows("topics"), page.text("#topics .none")) == ([], "No topics match.")
    for service in ("first", "second", "third"):
        gateway.call("DELETE", f"{URL}/by-service/{service}")
    page.one("#topics_search").clear()
    page.one("#topics_search").send_keys(Keys.BACKSPACE)
    wait_for(lambda: page.text("#topics .none") == "No topic is wanted of the exchange.", "no topics")
