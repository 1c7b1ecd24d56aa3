"""The peers' environments: built when first needed, under var/bench, from pinned and hashed requirements of their own."""

from pathlib import Path

from bench.places import FOLDER, ROOT
from tests.peers import environment

#: Name of an environment → its requirements.
PARTS = {name: ROOT / "requirements" / f"{file}.txt" for name, file in {
    "plain": "bench-plain", "pybit": "bench-pybit", "cryptofeed": "bench-cryptofeed", "tools": "bench",
}.items()}  # fmt: skip


def python(name: str) -> Path:
    """The environment's interpreter. Raises environment.PeersMissing with one sentence where it cannot be built."""
    found: Path = environment.python(FOLDER / "environments" / name, PARTS[name])
    return found
