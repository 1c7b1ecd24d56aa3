"""Texts of others are shown as texts, whatever they hold: the exchange's, and what a caller wrote."""

from looking import Page
from running import RunningGateway, wait_for
from test_subscribing import fill, open_form

from simulator.remote import RunningSimulator

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>&amp;"


def test_a_maintenance_whose_title_is_markup_is_read_as_it_is(
    page: Page, gateway: RunningGateway, exchange: RunningSimulator
) -> None:
    gateway.wait_until_held(gateway.subscribe("trades", "desk", symbol="BTCUSDT", category="spot")["id"])
    status = gateway.subscribe("system_status", "desk")
    gateway.wait_until_held(status["id"])
    exchange.system_status(state="ongoing", title=HOSTILE)
    exchange.refuse("spot", on=True)

    def cut_with_it() -> bool:
        exchange.cut("spot", "1001")
        events = gateway.call("GET", "/api/v1/events?limit=50")[1]["events"]
        return any(HOSTILE in (event["detail"] or "") for event in events)

    wait_for(cut_with_it, "an occurrence with the title in it", 40.0)
    exchange.refuse("spot", on=False)
    wait_for(lambda: any(HOSTILE in row["kind"] for row in page.rows("occurrences")), "the title on the page, as text")
    assert page.all("main img, main script, #trouble img") == []
    assert "taken" not in page.driver.title
    exchange.system_status(state="completed", title="over")
    wait_for(lambda: page.answer("connected")[2] == "good", "connected again", 40.0)


def test_a_refusal_that_repeats_markup_is_read_as_it_is(page: Page) -> None:
    open_form(page)
    fill(page, channel_type="trades", category="linear", symbol=HOSTILE, requesting_service="desk")
    page.one("#subscribe button").click()
    wait_for(
        lambda: HOSTILE in page.text("#subscribe .refusal"), lambda: f"the refusal, found {page.text('#subscribe .refusal')!r}"
    )
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
