"""Chromium and its driver: found on the machine, or installed from Debian's packages where that is permitted.

Headless, with a profile of its own that is gone afterwards; nothing is downloaded by the driver's client.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

MISSING = "tests/browser look at the control page in Chromium, which is missing: install the packages chromium and chromium-driver"
#: What is run, under the names that it has; a package manager that is busy is waited for.
BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver", "chromium.chromedriver")
INSTALL = (
    ["apt-get", "-o", "DPkg::Lock::Timeout=600", "update"],
    ["apt-get", "-o", "DPkg::Lock::Timeout=600", "install", "-y", "--no-install-recommends", "chromium", "chromium-driver"],
)
#: In a container there is no sandbox to be had, and /dev/shm is small.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)
#: Where it was installed by two processes at once, one waits.
LOCK = Path(tempfile.gettempdir()) / f"ws-gateway-chromium-{os.getuid()}.lock"


class ChromiumMissing(Exception):
    """There is none, and it cannot be installed; one sentence."""


def found() -> tuple[str, str] | None:
    """Paths of browser and driver."""
    browser, driver = (next(filter(None, map(shutil.which, names)), None) for names in (BROWSERS, DRIVERS))
    return (browser, driver) if browser and driver else None


def paths() -> tuple[str, str]:
    """Of browser and driver, installed where they were missing. Raises ChromiumMissing."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return found() or _installed()


@contextmanager
def started() -> Iterator[webdriver.Chrome]:
    """A browser of one's own. Raises ChromiumMissing."""
    browser, driver = paths()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in FLAGS:
        options.add_argument(flag)
    running = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield running
    finally:
        running.quit()


def _installed() -> tuple[str, str]:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ChromiumMissing(MISSING)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = [subprocess.run(command, env=environ, capture_output=True, text=True, check=False) for command in INSTALL][-1]
    if done.returncode or (there := found()) is None:
        words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise ChromiumMissing(f"{MISSING} (apt-get said: {words[0]})")
    return there


if __name__ == "__main__":
    try:
        print(*paths())  # noqa: T201 # the answer of a command
    except ChromiumMissing as fault:
        raise SystemExit(str(fault)) from None
