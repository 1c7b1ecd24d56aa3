"""Where Chromium is missing, one sentence says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import chromium


def test_where_it_is_missing_and_may_not_be_installed_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, chromium.__file__], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"{chromium.MISSING}\n")
    assert "install the packages chromium and chromium-driver" in done.stderr


def test_where_it_is_found_nothing_is_installed() -> None:
    browser, driver = chromium.paths()
    assert os.access(browser, os.X_OK)
    assert os.access(driver, os.X_OK)
