"""The page can be read: on a phone, in the light and in the dark, by keyboard alone, and by what reads aloud."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from looking import ANSWERS, Page, reading, tab_of
from running import ROOT, RunningGateway, wait_for
from selenium.webdriver import Chrome, Keys

from simulator.remote import RunningSimulator

#: Of what the README shows. Written when this variable is set; a test run leaves the tree as it is.
PICTURE, ASKED_FOR = ROOT / "docs" / "images" / "control-page.png", "CONTROL_PAGE_PICTURE"
#: Steps of a line that is worth a picture; each takes two seconds.
STEPS = 30 if os.environ.get(ASKED_FOR) else 3
#: Controls that a person must be able to name.
NAMED = ("button", "link", "textbox", "searchbox", "combobox", "DisclosureTriangle")
#: The least contrast of text, as WCAG 2.1 AA has it. Source: success criterion 1.4.3.
CONTRAST = 4.5
#: Each text that is shown with less contrast than given, on the nearest ground that is painted. What is marked as old is meant to be dim.
_FAINT = """
const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
const bright = ([r, g, b]) => [r, g, b].map((x) => x / 255).map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4))
  .reduce((sum, x, place) => sum + x * [0.2126, 0.7152, 0.0722][place], 0);
const ground = (place) => {
  for (let each = place; each; each = each.parentElement) {
    const painted = parts(getComputedStyle(each).backgroundColor);
    if (painted.length === 3 || painted[3] === 1) return painted;
  }
  return [255, 255, 255];
};
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const place = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !place.checkVisibility({ visibilityProperty: true })) continue;
  const [ink, paper] = [parts(getComputedStyle(place).color), ground(place)].map(bright);
  const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  if (contrast < arguments[0]) found.push(`${walk.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
}
return found;
"""


#: What the tab key must reach.
_REACHED = "return [...document.querySelectorAll('a, button, input, select, summary')].filter((each) => each.checkVisibility());"
#: Panels that have more than they show.
_BEYOND = """
return [...document.querySelectorAll('.columns section')].filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.id);
"""


@pytest.fixture(scope="module")
def full(browser: Chrome, gateway: RunningGateway, exchange: RunningSimulator) -> Iterator[Page]:
    """A page with something in each table, and some trouble; one for all tests here, so that its lines grow meanwhile."""
    with tab_of(browser, gateway) as page:
        fill(page.open(), gateway, exchange)
        yield page


@pytest.fixture
def busy(full: Page) -> Page:
    """The same, as who opens it finds it."""
    full.show_as(1440, 900)
    full.script("document.activeElement.blur(); window.scrollTo(0, 0)")
    return full


def fill(page: Page, gateway: RunningGateway, exchange: RunningSimulator) -> None:
    """Until it is seen."""
    wishes = [("trades", "linear", "BTCUSDT"), ("ticker", "linear", "ETHUSDT"), ("orderbook", "linear", "BTCUSDT"), ("kline", "spot", "BTCUSDT"),
              ("trades", "spot", "ETHUSDT"), ("ticker", "inverse", "BTCUSD"), ("orderbook", "inverse", "BTCUSD")]  # fmt: skip
    rows = [
        gateway.subscribe(channel, service, symbol=symbol, category=category)
        for service in ("pricing", "risk")
        for channel, category, symbol in wishes
    ]
    rows += [gateway.subscribe(channel, "treasury") for channel in ("order", "balance")]
    for row in rows:
        gateway.wait_until_held(row["id"])
    order_id = exchange.account("place", symbol="BTCUSDT", quantity="0.010")[0]["data"][0]["orderId"]
    exchange.account("fill", order_id=order_id)
    exchange.account("wallet")
    if not gateway.call("GET", "/api/v1/gaps")[1]["total"]:
        exchange.cut("spot", "1001")
    wait_for(
        lambda: page.rows("balances") and page.rows("gaps") and len(page.rows("topics")) == len(wishes) + 2,
        "something in each table",
        30.0,
    )
    wait_for(
        lambda: len(page.rows("subscriptions")) == len(rows) and len(page.rows("queues")) == 15, "subscriptions and queues", 30.0
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_nothing_is_faint_on_any_screen(busy: Page, scheme: str) -> None:
    for width in (320, 390, 768, 1024, 1440):
        busy.show_as(width, 844, scheme=scheme, is_phone=width < 768)
        wait_for(lambda: busy.script("return document.documentElement.clientWidth") == width, "the screen")  # noqa: B023
        assert busy.script("return document.documentElement.scrollWidth") <= width, f"nothing to be pushed sideways at {width}"
        assert busy.script(_BEYOND) == [], f"and no table either at {width}"
        assert busy.script(_FAINT, CONTRAST) == []
        ground = busy.one("body").value_of_css_property("background-color").partition("(")[2].rstrip(")").split(",")
        assert (sum(map(int, ground[:3])) > 384) == (scheme == "light")


def test_on_a_phone_trouble_is_on_the_first_screen_and_figures_have_their_headings(busy: Page, gateway: RunningGateway) -> None:
    busy.show_as(390, 844, is_phone=True)
    bottoms = [
        busy.script("return arguments[0].getBoundingClientRect().bottom", busy.one(f'[data-answer="{name}"]')) for name in ANSWERS
    ]
    assert max(bottoms) < 844
    heads = busy.script(
        "return [...document.querySelectorAll('#topics tbody tr:first-child td')].map((cell) => getComputedStyle(cell, '::before').content)"
    )
    assert {'"Last event "', '"Sequence "', '"Gaps "'} <= set(heads)
    touched = busy.script(
        "return [...document.querySelectorAll('#subscriptions tbody button')].map((each) => each.getBoundingClientRect().height)"
    )
    assert min(touched) >= 24, "as large as a finger needs. Source: WCAG 2.2, success criterion 2.5.8"


def test_everything_is_reached_with_the_tab_key_in_the_order_of_sight_and_shows_that_it_is(busy: Page) -> None:
    count = len(busy.script(_REACHED))
    seen: list[str] = []
    busy.script("document.querySelector('.skip').focus()")
    while len(seen) < count:
        name, outline = busy.script("""
            const each = document.activeElement;
            return [each.id || each.getAttribute('href') || each.textContent.trim(), getComputedStyle(each).outlineStyle];""")
        assert outline != "none", f"{name[:50]} shows that it has the focus"
        seen.append(name)
        busy.press(Keys.TAB)
    assert busy.focused().tag_name == "body", "that was all"
    assert seen[0] == "#data", "first a way past the head of the page"
    assert seen[1:9] == [
        f"#{each}" for each in ("connections", "topics", "subscriptions", "balances", "queues", "gaps", "occurrences")
    ] + ["/docs/"]
    assert (
        seen.index("connections_search")
        < seen.index("topics_search")
        < seen.index("queues_search")
        < seen.index("occurrences_search")
    )
    busy.script("document.activeElement.blur(); window.scrollTo(0, 0); document.querySelector('.skip').focus()")
    busy.press(Keys.ENTER)
    assert busy.focused().get_attribute("id") == "data"


def test_what_reads_aloud_finds_tables_headings_and_names(busy: Page) -> None:
    for width in (1440, 390):
        busy.show_as(width, 844, is_phone=width == 390)
        nodes = busy.accessible()
        roles = [role for role, _ in nodes]
        assert [(role, name) for role, name in nodes if role in NAMED and not name.strip()] == []
        tables = [name for role, name in nodes if role == "table"]
        assert tables == ["Connections", "Topics", "Subscriptions", "Balances", "Queues", "Gaps of 24 hours", "What happened"]
        assert roles.count("columnheader") > 30, "also where rows are drawn as lines"
        assert roles.count("rowheader") > 20
        assert roles.count("banner") == roles.count("main") == roles.count("navigation") == 1
        assert (
            len(
                [name for role, name in nodes if role == "image" and "in" in name and "seconds" in name]
                + [role for role in roles if role == "img"]
            )
            >= 1
        )
        headings = [name for role, name in nodes if role == "heading"]
        assert headings[:6] == [
            "ws-gateway", "Is it connected?", "What is subscribed?", "How late is it?", "Is anything lost?", "Is anybody reading?"
        ]  # fmt: skip


def test_a_focus_stays_where_it_is_while_figures_change(busy: Page) -> None:
    button = busy.all("#subscriptions tbody button")[3]
    label = button.get_attribute("aria-label")
    busy.script("arguments[0].focus()", button)
    before = busy.text("#as_of")
    wait_for(lambda: busy.text("#as_of") > before, "newer figures")
    assert busy.focused().get_attribute("aria-label") == label


@pytest.mark.long
def test_the_picture_of_the_readme_is_taken_here(busy: Page, gateway: RunningGateway, tmp_path: Path) -> None:
    busy.show_as(1440, 1000, scale=1.5)
    own = [row["name"] for row in busy.rows("queues") if row["kind"] == "service"]
    with ExitStack() as readers:
        for queue in own:
            readers.enter_context(reading(gateway.broker_url, queue))
        words = f"All {len(own)} queues"
        wait_for(lambda: words in busy.answer("read")[0], lambda: f"{words}, found {busy.answer('read')}", 30.0)
        wait_for(lambda: "WS_GATEWAY_CLASS_QUEUES" in busy.text("#queues .hint"), "the hint beside the queues", 90.0)
        wait_for(lambda: not busy.text("#trouble"), lambda: f"no trouble, found {busy.text('#trouble')}", 30.0)
        wait_for(
            lambda: busy.script("return document.querySelector('#rate .line0').getAttribute('d').split('L').length") > STEPS,
            "a line",
            90.0,
        )
        path = PICTURE if os.environ.get(ASKED_FOR) else tmp_path / PICTURE.name
        busy.picture(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert PICTURE.is_file()
    assert f"](docs/images/{PICTURE.name})" in (ROOT / "README.md").read_text()
