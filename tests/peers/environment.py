"""The virtual environment of the peers: other people's clients of the exchange, apart from what the gateway is made of.

Built on demand from `requirements/peers.txt`, every file checked by its hash, and kept in `.venv/peers` for as long as that file
stays the same.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "peers.txt"
FOLDER = ROOT / ".venv" / "peers"
#: Needed to compile cryptofeed, which has no wheel for newer Pythons; installed before the rest, since pip is not to fetch others.
BUILDERS = ("cython==", "setuptools==")


class PeersMissing(Exception):
    """The environment cannot be built; one sentence says what is missing."""


def python(folder: Path = FOLDER, requirements: Path = REQUIREMENTS) -> Path:
    """The environment's interpreter. Builds the environment unless it is there already; one process at a time."""
    wanted = hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()
    stamp = folder / "stamp"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text() != wanted:
            _build(folder, requirements.read_text())
            stamp.write_text(wanted)
    return folder / "bin" / "python"


def _see_to_a_compiler() -> None:
    """cryptofeed is compiled here. Installed from Debian's packages where there is none and we may."""
    if shutil.which("cc") and Path(sysconfig.get_path("include"), "Python.h").is_file():
        return
    fault = "cryptofeed is compiled for tests/peers, and there is no C compiler with Python's headers: install gcc and python3-dev"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise PeersMissing(fault)
    _run(fault, ["apt-get", "update"])
    _run(fault, ["apt-get", "install", "-y", "--no-install-recommends", "gcc", "libc6-dev", "python3-dev"])


def _build(folder: Path, pinned: str) -> None:
    _see_to_a_compiler()
    _run("no virtual environment could be made", [sys.executable, "-m", "venv", "--clear", str(folder)])
    blocks = re.split(r"(?m)^(?=\S)", pinned)
    builders = folder / "builders.txt"
    builders.write_text("".join(block for block in blocks if block.startswith(BUILDERS)))
    everything = folder / "peers.txt"
    everything.write_text(pinned)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--require-hashes"]
    fault = "the peers of tests/peers could not be installed; is there a network, a C compiler and room on the disk?"
    _run(fault, [*pip, "-r", str(builders)])
    _run(fault, [*pip, "--no-build-isolation", "-r", str(everything)])


def _run(fault: str, command: Sequence[str]) -> None:
    environ = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if "error" in line.lower()] or done.stdout.splitlines()
        raise PeersMissing(f"{fault} ({lines[-1].strip() if lines else 'it said nothing'})")


if __name__ == "__main__":
    try:
        print(python(*(Path(word) for word in sys.argv[1:2])))  # noqa: T201 # the answer of a command
    except PeersMissing as fault:
        sys.exit(str(fault))
