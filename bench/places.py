"""Where the benchmark keeps its things, and what its processes are told."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Environments, which stay, and all that a run leaves behind while it lasts.
FOLDER = ROOT / "var" / "bench"


def environ(**more: str) -> dict[str, str]:
    """For processes of ours."""
    return {"PATH": os.environ["PATH"], "HOME": str(FOLDER), "PYTHONPATH": str(ROOT), **more}
