"""How tests look at the control page: what stands on it, as a person finds it, and what a person does with it."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
from running import KEY, RunningGateway, wait_for
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

#: Names of the five answers.
ANSWERS = ("connected", "subscribed", "late", "lost", "read")
#: What is written where nothing is known: an en dash.
UNKNOWN = "\u2013"
#: A table as it is shown: for each row its heading, its class, and the texts of its cells by column.
_ROWS = """
return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map((tr) => [tr.firstChild.innerText.trim(), tr.className,
  Object.fromEntries([...tr.children].map((cell) => [cell.dataset.id, cell.innerText.trim()]))]);
"""


class Page:
    """The control page of one gateway in one tab."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, key: str = KEY) -> "Page":
        """Load it in a fresh tab and type the key in; "" leaves it at that."""
        self.driver.switch_to.new_window("tab")
        mine = self.driver.current_window_handle
        for other in self.driver.window_handles:
            if other != mine:
                self.driver.switch_to.window(other)
                self.driver.close()
        self.driver.switch_to.window(mine)
        self.show_as(1440, 900)
        self.driver.get(f"{self.url}/")
        wait_for(lambda: self.answer("connected")[0] != "Not known", "an answer of health")
        if key:
            self.sign_in(key)
            wait_for(lambda: self.rows("connections"), "connections on the page")
        return self

    def sign_in(self, key: str) -> None:
        wait_for(self.one("#key").is_displayed, "the field for the key")
        self.one("#key").send_keys(key, Keys.ENTER)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What a person reads there; "" where nothing is shown."""
        return self.one(selector).text

    def answer(self, name: str) -> tuple[str, str, str]:
        """One of the five at the top: answer, detail, look."""
        cell = f'[data-answer="{name}"]'
        look = self.one(cell).get_attribute("class") or ""
        return self.text(f"{cell} .answer"), self.text(f"{cell} .detail"), look

    def rows(self, section: str) -> list[dict[str, str]]:
        """A table's rows as they are shown, top to bottom."""
        return [cells for _, _, cells in self.driver.execute_script(_ROWS, section)]

    def looks(self, section: str) -> dict[str, str]:
        """Heading of each row → good, warn, bad, idle or plain."""
        return {heading: look for heading, look, _ in self.driver.execute_script(_ROWS, section)}

    def row(self, section: str, **cells: str) -> dict[str, str] | None:
        """The row whose cells begin so; None where there is none."""
        matching = (row for row in self.rows(section) if all(row[name].startswith(text) for name, text in cells.items()))
        return next(matching, None)

    def is_stale(self, section: str) -> bool:
        return "stale" in (self.one(f"#{section}").get_attribute("class") or "").split()

    def script(self, code: str, *given: Any) -> Any:
        return self.driver.execute_script(code, *given)

    def module(self, name: str, code: str, *given: Any) -> Any:
        """The value of an expression of `m`, one of the page's own modules, and `given`."""
        wrapped = f"""
            const [given, done] = [[...arguments].slice(0, -1), arguments[arguments.length - 1]];
            import("/static/{name}.js").then((m) => done({code}), (fault) => done(String(fault)));"""
        return self.driver.execute_async_script(wrapped, *given)

    def ask_again(self) -> None:
        """As when somebody looks at the tab again: all is asked at once, not some seconds from now."""
        self.script("document.dispatchEvent(new Event('visibilitychange'))")

    def press(self, *keys: str) -> None:
        """On whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, selector: str) -> None:
        """Once it stands in the middle of the screen, where nothing covers it."""
        self.driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", self.one(selector))
        self.one(selector).click()

    def focused(self) -> WebElement:
        return self.driver.switch_to.active_element

    def block(self, *patterns: str) -> None:
        """Keep these URLs from being reached; none: all can be."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(patterns)})

    def show_as(self, width: int, height: int, *, scheme: str = "light", scale: float = 1, is_phone: bool = False) -> None:
        """A screen of so many CSS pixels, for a person who has chosen light or dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def complaints(self) -> list[str]:
        """What the browser's console says since it was last asked, but for answers that are no success: those are shown."""
        return [line["message"] for line in self.driver.get_log("browser") if line["source"] != "network"]

    def accessible(self) -> list[tuple[str, str]]:
        """Role and name of each node of Chromium's own accessibility tree."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        told = [node for node in nodes if not node.get("ignored") and "role" in node]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in told]

    def picture(self, path: Path) -> None:
        """What is on the screen, as PNG."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def tab_of(driver: Chrome, gateway: RunningGateway) -> Iterator[Page]:
    """The page, not loaded yet; afterwards nothing is blocked, no service is subscribed, and the console has not complained."""
    page = Page(driver, f"http://127.0.0.1:{gateway.port}")
    yield page
    page.block()
    active = gateway.call("GET", "/api/v1/subscriptions?is_active=true&limit=1000")[1]["subscriptions"]
    for service in {row["requesting_service"] for row in active}:
        assert gateway.call("DELETE", f"/api/v1/subscriptions/by-service/{service}")[0] == 200
    assert page.complaints() == []


@contextmanager
def reading(broker_url: str, queue: str) -> Iterator[None]:
    """Somebody consumes from a queue, slowly."""
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(queue, lambda *_: None)
        yield
