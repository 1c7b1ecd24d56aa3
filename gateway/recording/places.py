"""Where recorder and worker meet: Unix sockets in the var folder, on which the recorder listens and which the workers look for."""

import os
from collections.abc import Iterator
from pathlib import Path

#: In the name of a socket in the place of a worker's.
ALL = "all"
#: The path of a Unix socket; bytes. Source: unix(7).
LONGEST_PATH = 107


def folder(var_dir: Path) -> Path:
    return var_dir / "record"


def place(var_dir: Path, worker: str, pid: int) -> Path:
    """Of the socket of one recorder. worker: whom it is for, or ALL."""
    return folder(var_dir) / f"{worker}.{pid}.sock"


def found_by(records: Path, worker: str) -> Iterator[Path]:
    """The sockets that are for a worker. Costs a look into a folder, which need not be there."""
    try:
        names = os.listdir(records)
    except OSError:  # most often: nobody ever recorded anything
        return
    for name in names:
        if name.endswith(".sock") and name.split(".", 1)[0] in (worker, ALL):
            yield records / name
