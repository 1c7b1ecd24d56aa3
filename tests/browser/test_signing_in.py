"""Who has no key sees the gateway's health and no data; the key stays in the tab and appears in no URL."""

import urllib3
from looking import Page
from running import KEY, RunningGateway, wait_for

WRONG = "a-wrong-key"


def test_without_a_key_health_is_shown_and_nothing_else(tab: Page, gateway: RunningGateway) -> None:
    gateway.subscribe("trades", "hidden-service", symbol="BTCUSDT", category="linear")
    tab.open(key="")
    wait_for(lambda: tab.answer("connected")[0] == "All 1", lambda: f"one connection, found {tab.answer('connected')}")
    wait_for(lambda: tab.answer("subscribed")[0] == "1 subscription", lambda: f"one subscription, found {tab.answer('subscribed')}")
    assert tab.answer("lost") == ("Not known", "gaps are shown to those who have a key", "unknown")
    assert not tab.one("#data").is_displayed()
    assert "hidden-service" not in tab.text("body").replace(tab.answer("read")[1], "")
    assert "publicTrade" not in tab.text("body")


def test_a_wrong_key_is_refused_in_the_apis_own_words_and_forgotten(tab: Page, gateway: RunningGateway) -> None:
    tab.open(key="")
    tab.sign_in(WRONG)
    said = urllib3.request("GET", f"{tab.url}/api/v1/connections", headers={"X-API-Key": WRONG}).json()["error"]
    wait_for(lambda: tab.text("#sign_in .refusal") == said, lambda: f"{said!r}, found {tab.text('#sign_in .refusal')!r}")
    assert tab.script("return sessionStorage.length") == 0
    assert not tab.one("#data").is_displayed()
    tab.sign_in("no key \N{GREEK SMALL LETTER ALPHA}")
    wait_for(lambda: tab.text("#sign_in .refusal").startswith("found spaces, or letters that no key has"), "a word about it")
    tab.sign_in(KEY)
    wait_for(lambda: tab.rows("connections"), "connections on the page")
    assert tab.text("body").count(said) == 0


def test_the_key_is_kept_in_the_tab_alone_and_is_in_no_url(page: Page) -> None:
    page.driver.refresh()
    wait_for(lambda: page.rows("connections"), "connections after a reload, without typing the key again")
    assert KEY in page.script("return Object.values(sessionStorage)")
    assert page.script("return [localStorage.length, document.cookie]") == [0, ""]
    asked = page.script("return [location.href, ...performance.getEntriesByType('resource').map((each) => each.name)]")
    assert len(asked) > 10
    assert [url for url in asked if KEY in url or not url.startswith(page.url)] == [], "and nothing comes from elsewhere"
    page.click("#forget")
    assert page.script("return sessionStorage.length") == 0
    assert not page.one("#data").is_displayed()
    assert page.focused().get_attribute("id") == "key"
    assert page.rows("connections") == [], "nothing of it stays in the page"
    page.driver.refresh()
    wait_for(page.one("#key").is_displayed, "the field for the key")
    assert page.rows("connections") == []


def test_the_page_itself_holds_no_data_and_its_policy_lets_nothing_in(page: Page, gateway: RunningGateway) -> None:
    answer = urllib3.request("GET", f"{page.url}/")
    text = answer.data.decode()
    assert answer.status == 200
    assert [word for word in ("linear_00", KEY, "simulator") if word in text] == []
    assert [inline for inline in ("<style", "style=", " onclick", "javascript:") if inline in text] == []
    assert text.count("<script") == text.count('<script type="module" src="/static/')
    assert "require-trusted-types-for 'script'" in answer.headers["Content-Security-Policy"]
    refused = page.script("""
        try { document.body.innerHTML += "<p>in</p>"; return "went through"; } catch (fault) { return fault.name; }""")
    assert refused == "TypeError"
    wait_for(lambda: any("TrustedHTML" in line for line in page.complaints()), "the browser's word that it refused it")
