"""promtool, which checks rules and expressions: the machine's own, or unpacked from Debian's package `prometheus`.

Unpacked, not installed: the package would start a server. So no rights are needed, and it is kept in `.venv/promtool`.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.integration.running import ROOT

FOLDER = ROOT / ".venv" / "promtool"
MISSING = "promtool is missing: install the package prometheus, or put promtool on PATH"


class PromtoolMissing(Exception):
    """There is none and none can be had; one sentence."""


def find(tool: str = "promtool", folder: Path = FOLDER) -> Path:
    """Where it is; `tool` may be `prometheus`, which comes with it. Unpacks it where the machine has none; one process at a time."""
    on_path = shutil.which(tool)
    if on_path:
        return Path(on_path)
    found = folder / "usr" / "bin" / tool
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            _unpack(folder)
    return found


def run(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run it; what it says is in stdout."""
    return subprocess.run([str(find()), *words], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def _unpack(folder: Path) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise PromtoolMissing(MISSING)
    with tempfile.TemporaryDirectory(dir=folder.parent) as part:
        if _said(["apt-get", "download", "prometheus"], part) is not None:
            if os.geteuid() == 0:
                _said(["apt-get", "update"], part)  # an old list names files that the mirrors no longer have
            fault = _said(["apt-get", "download", "prometheus"], part)
            if fault is not None:
                raise PromtoolMissing(f"{MISSING} (apt-get said: {fault})")
        [package] = Path(part).glob("prometheus_*.deb")
        fault = _said(["dpkg-deb", "--extract", str(package), f"{part}/unpacked"], part)
        if fault is not None:
            raise PromtoolMissing(f"{MISSING} (dpkg-deb said: {fault})")
        shutil.rmtree(folder, ignore_errors=True)
        Path(part, "unpacked").rename(folder)


def _said(command: list[str], folder: str) -> str | None:
    """The last line of a command that failed; None when it did not."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.strip().splitlines() or [f"exit code {done.returncode}"]
    return lines[-1] if done.returncode else None
