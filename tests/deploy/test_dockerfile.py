"""The Dockerfile as it stands: what hadolint says of it, and what it promises that no linter knows."""

import fnmatch
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy import recipe
from tests.integration.running import ROOT

STAGES = recipe.read()
IMAGE = list(STAGES.values())[-1]


def hadolint(path: Path) -> "subprocess.CompletedProcess[str]":
    tool = Path(sys.executable).with_name("hadolint")
    assert tool.exists(), "hadolint is missing; `make install` brings it with the tools for tests"
    return subprocess.run([str(tool), "--no-color", str(path)], capture_output=True, text=True, check=False)


def test_hadolint_has_nothing_to_say() -> None:
    done = hadolint(recipe.DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("line", "rule"), [("FROM debian:latest", "DL3007"), ("RUN cd /app && ls", "DL3003"), ("USER root", "DL3002")]
)
def test_hadolint_would_find_a_fault(tmp_path: Path, line: str, rule: str) -> None:
    (tmp_path / "Dockerfile").write_text(f"{recipe.DOCKERFILE.read_text()}{line}\n")
    done = hadolint(tmp_path / "Dockerfile")
    assert done.returncode == 1
    assert rule in done.stdout


def test_every_base_is_pinned_or_a_stage_before() -> None:
    earlier: list[str] = []
    for stage in STAGES.values():
        assert stage.base in earlier or recipe.EXACT.fullmatch(stage.base), stage.base
        earlier.append(stage.name)
    assert len(earlier) >= 2, "one stage would carry the tools that build it"


def test_every_python_package_is_checked_by_its_hash() -> None:
    fetching = [step.words[0] for stage in STAGES.values() for step in stage.all("RUN") if "pip install" in step.words[0]]
    lines = [line for text in fetching for line in re.findall(r"pip install[^&]*", text)]
    assert len(lines) == 2
    assert all("--require-hashes" in line or ("--no-deps" in line and "--no-build-isolation" in line) for line in lines), lines


def test_final_stage_installs_nothing_and_is_no_superuser() -> None:
    assert not [step.words[0] for step in IMAGE.all("RUN") if re.search(r"\b(pip|apt-get|apt)\b", step.words[0])]
    user, _, group = IMAGE.last("USER").words[0].partition(":")
    assert int(user) >= 10_000, "a number, so that an engine can see that it is not root's"
    assert int(group) >= 10_000
    assert IMAGE.steps.index(IMAGE.last("USER")) > IMAGE.steps.index(IMAGE.all("RUN")[-1])


def test_health_check_asks_whether_it_lives() -> None:
    check = IMAGE.last("HEALTHCHECK")
    assert "/health/live" in check.words[-1]
    assert {"interval", "timeout", "start-period", "retries"} == set(check.flags)


def test_only_what_the_dockerfile_copies_reaches_the_engine() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        source for stage in STAGES.values() for step in stage.all("COPY") if "from" not in step.flags for source in step.words[:-1]
    }
    assert copied == let_through
    assert not [name for name in let_through if fnmatch.fnmatch(name, "*secret*") or name.startswith((".", "var", "deploy"))]


def test_image_writes_logs_to_standard_output_and_nothing_beside_its_volume(tmp_path: Path) -> None:
    """The build's own edit of supervisord.conf, made here on today's file."""
    [line] = [step.words[0] for step in STAGES["build"].all("RUN") if "supervisord.conf" in step.words[0]]
    [edit] = [part.strip() for part in line.split("&&") if part.strip().startswith("sed ")]
    shutil.copy(ROOT / "supervisord.conf", tmp_path)
    subprocess.run(["sh", "-c", edit], cwd=tmp_path, check=True)
    settings = [line.partition("=") for line in (tmp_path / "supervisord.conf").read_text().splitlines() if "=" in line]
    logs = {value for name, _, value in settings if name.endswith("_logfile")}
    assert {"/dev/stdout"} <= logs <= {"/dev/stdout", "NONE"}, logs
    assert {value for name, _, value in settings if name.endswith("_logfile_maxbytes")} == {"0"}
    own = {
        name: value
        for name, _, value in settings
        if name in ("logfile", "logfile_maxbytes", "logfile_backups", "silent", "childlogdir")
    }
    assert own == {
        "logfile": "%(here)s/var/supervisord.log", "logfile_maxbytes": "10MB", "logfile_backups": "3", "silent": "false",
        "childlogdir": "%(here)s/var",
    }  # fmt: skip
    assert not [value for _, _, value in settings if "%(here)s/var/log" in value]
