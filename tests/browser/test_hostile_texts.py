"""Texts of others are shown as texts, whatever they hold: the exchange's, and what a caller wrote."""

from looking import Page
from running import RunningGateway, wait_for
from test_subscribing import URL, fill, open_form

from simulator.remote import RunningSimulator

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>&amp;"


def test_a_maintenance_whose_title_is_markup_is_read_as_it_is(
    page: Page, gateway: RunningGateway, exchange: RunningSimulator
) -> None:
    gateway.wait_until_held(gateway.subscribe("trades", "desk", symbol="BTCUSDT", category="spot")["id"])
    status = gateway.subscribe("system_status", "desk")
    gateway.wait_until_held(status["id"])
    exchange.system_status(id="hostile", state="ongoing", title=HOSTILE)

    def cut_with_it() -> bool:
        if gateway.health()["connections"]["spot_00"]["connection_status"] == "connected":
            exchange.cut("spot", "1001")
        events = gateway.call("GET", "/api/v1/events?limit=50")[1]["events"]
        return any(HOSTILE in (event["detail"] or "") for event in events)

    wait_for(cut_with_it, "an occurrence with the title in it", 40.0)
    wait_for(lambda: any(HOSTILE in row["kind"] for row in page.rows("occurrences")), "the title on the page, as text")
    assert page.all("main img, main script, #trouble img") == []
    assert "taken" not in page.driver.title
    exchange.system_status(id="hostile", state="completed", title="over")
    wait_for(lambda: page.answer("connected")[2] == "good", "connected again", 40.0)


def test_a_refusal_that_repeats_markup_is_read_as_it_is(page: Page, gateway: RunningGateway) -> None:
    wish = {"channel_type": "trades", "category": "linear", "symbol": HOSTILE, "requesting_service": "desk"}
    said = gateway.call("POST", URL, wish)[1]["error"]
    assert "<img src=x onerror=" in said
    open_form(page)
    fill(page, **wish)
    page.click("#subscribe form button")
    wait_for(lambda: said in page.text("#subscribe .refusal"), lambda: f"the refusal, found {page.text('#subscribe .refusal')!r}")
    assert page.all("#subscribe img, #subscribe script") == []
    assert "taken" not in page.driver.title


def test_a_health_that_is_markup_is_read_as_it_is(page: Page) -> None:
    shown = page.module(
        "glance",
        "(m.showTrouble(document.querySelector('#trouble'), given, []), document.querySelector('#trouble li').textContent)",
        HOSTILE,
    )
    assert shown == HOSTILE
    assert page.all("#trouble img, #trouble script") == []
