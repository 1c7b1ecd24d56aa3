"""The control page of a whole gateway, in a real browser."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import chromium
import pytest
from selenium.webdriver import Chrome

from simulator import remote
from simulator.remote import RunningSimulator

sys.path.append(str(Path(__file__).resolve().parents[1] / "integration"))
from looking import Page, tab_of
from running import RunningGateway, healthy_gateway

#: The first test on a machine may install Chromium; seconds.
LONGEST_S = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(LONGEST_S))


@pytest.fixture(scope="package")
def browser() -> Iterator[Chrome]:
    """A failure, never a skip, where there is no Chromium and none can be installed."""
    try:
        with chromium.started() as driver:
            yield driver
    except chromium.ChromiumMissing as fault:
        pytest.fail(str(fault), pytrace=False)


@pytest.fixture(scope="package")
def exchange() -> Iterator[RunningSimulator]:
    """Its account acts only when told to."""
    running = remote.start(account_every_s=0, status_every_s=0, steps_per_s=10)
    yield running
    running.stop()


@pytest.fixture(scope="package")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    new_empty_database: Callable[[], str],
    new_broker: Callable[[], str],
    exchange: RunningSimulator,
) -> Iterator[RunningGateway]:
    """All processes under supervisord; one for all tests here."""
    with healthy_gateway(tmp_path_factory.mktemp("gateway"), new_empty_database(), new_broker(), exchange) as running:
        running.wait_for_the_catalog()
        yield running


@pytest.fixture
def tab(browser: Chrome, gateway: RunningGateway) -> Iterator[Page]:
    """The page, not loaded yet; afterwards nothing is blocked, no service is subscribed, and the console has not complained."""
    with tab_of(browser, gateway) as page:
        yield page


@pytest.fixture
def page(tab: Page) -> Page:
    """The page, opened with the administrator's key."""
    return tab.open()
