"""The peers' environment is built once, and where it cannot be built one sentence says why."""

import os
import subprocess
import sys
from pathlib import Path

import environment
import pytest

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing


def test_environment_that_is_there_is_not_built_again(peers_python: Path) -> None:
    before = (environment.FOLDER / "stamp").stat().st_mtime_ns
    assert environment.python() == peers_python
    assert (environment.FOLDER / "stamp").stat().st_mtime_ns == before


def test_environment_holds_what_is_pinned_and_nothing_else(peers_python: Path) -> None:
    command = [str(peers_python), "-m", "pip", "list", "--format=freeze", "--exclude=pip", "--disable-pip-version-check"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    lines = environment.REQUIREMENTS.read_text().splitlines()
    pinned = [line.split()[0] for line in lines if "==" in line]

    def as_one(names: list[str]) -> set[str]:
        return {name.lower().replace("_", "-").replace(".", "-") for name in names}

    assert as_one(listed) == as_one(pinned)


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/none", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    done = subprocess.run(
        [sys.executable, str(Path(environment.__file__)), str(tmp_path / "peers")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("the peers of tests/peers could not be installed; is there a network, a C compiler")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "peers" / "stamp").exists()
