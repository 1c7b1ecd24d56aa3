"""docs/ADD_A_SINK.md, followed: its own blocks in a copy of the project pass the contract test, and a gateway with them writes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running import ROOT, healthy_gateway, wait_for

from simulator.remote import RunningSimulator
from tests.pages import blocks

FOLDERS = ("gateway", "workers", "api", "cli", "simulator", "migrations", "tests")
PLACES = "tests/contract/sink_places.py"
CONTRACT = "tests/contract/test_sinks.py"
ROUTER = "workers/router.py"


def add(path: Path, *, before: str, text: str) -> None:
    """Put a text before the only line that begins so."""
    lines = path.read_text().splitlines(keepends=True)
    [at] = [number for number, line in enumerate(lines) if line.startswith(before)]
    path.write_text("".join([*lines[:at], text, *lines[at:]]))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the page's sink."""
    copy = tmp_path_factory.mktemp("copy")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "supervisord.conf"):
        shutil.copy(ROOT / name, copy)
    sink, imported, line, place, row = [block.text for block in blocks("docs/ADD_A_SINK.md", "python")]
    (copy / "gateway" / "sinks" / "jsonlines.py").write_text(sink)
    add(copy / ROUTER, before="from gateway.sinks.postgres import", text=imported)
    add(copy / ROUTER, before="    for lane in lanes:", text=f"    {line}")
    add(
        copy / PLACES,
        before="from gateway.sinks.memory import",
        text=f"from tempfile import mkdtemp\nfrom pathlib import Path\n{imported}",
    )
    with (copy / PLACES).open("a") as file:
        file.write(f"\n\n{place}")
    add(copy / CONTRACT, before="MAKERS: ", text="from sink_places import jsonlines\n")
    add(copy / CONTRACT, before="@pytest.fixture(params=MAKERS)", text=row)
    return copy


def test_the_sink_of_the_page_passes_the_contract(copy: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": f"{copy}:{copy / 'tests' / 'contract'}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", CONTRACT, "-k", "jsonlines"]
    done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout, done.stdout


def test_what_a_crash_left_of_a_line_spoils_no_other(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"event_id": "1"}\n{"event')
    code = (
        "import sys; from pathlib import Path; from gateway.sinks.jsonlines import JsonLinesSink\n"
        "sink = JsonLinesSink(Path(sys.argv[1])); sink.open(); sink.close(); sink.open(); sink.close()"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "events.jsonl")], cwd=copy, env={"PYTHONPATH": str(copy)}, check=True
    )
    assert (tmp_path / "events.jsonl").read_text() == '{"event_id": "1"}\n{"event\n'


def test_a_gateway_with_the_sink_of_the_page_writes_every_event_once_and_in_order(
    copy: Path, tmp_path: Path, new_empty_database: Callable[[], str], broker_url: str, simulator: RunningSimulator
) -> None:
    with healthy_gateway(tmp_path, new_empty_database(), broker_url, simulator, PYTHONPATH=str(copy)) as gateway:
        gateway.wait_until_held(gateway.subscribe("orderbook", symbol="BTCUSDT", category="linear")["id"])

        def written() -> list[int]:
            lines = (gateway.folder / "var" / "events.jsonl").read_bytes().splitlines()
            events = [json.loads(line) for line in lines]
            return [event["sequence"] for event in events if event["event_type"] == "orderbook"]

        wait_for(lambda: len(written()) >= 20, "twenty changes of a book in the file")
        found = written()
        assert found == list(range(1, len(found) + 1))
        assert gateway.health()["status"] == "healthy"
