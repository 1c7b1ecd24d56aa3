"""What Linux says of processes: CPU seconds, memory, children. Parsing is apart from reading."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

#: Clock ticks of a second.
TICKS = os.sysconf("SC_CLK_TCK")


def parse_stat(text: str) -> tuple[int, float]:
    """Of /proc/PID/stat: the parent's pid, and CPU seconds so far, of all its threads. The name in it may hold anything."""
    words = text.rpartition(")")[2].split()
    return int(words[1]), (int(words[11]) + int(words[12])) / TICKS


def parse_pss(text: str) -> float:
    """Of /proc/PID/smaps_rollup: its share of the memory that it uses, in MiB."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"found no line 'Pss:' in {text[:60]!r}")


def descendants(parents: dict[int, int], root: int) -> set[int]:
    """A process, and all below it, of a table pid → parent."""
    found, layer = set[int](), {root}
    while layer:
        found |= layer
        layer = {pid for pid, parent in parents.items() if parent in layer} - found
    return found


def parents() -> dict[int, int]:
    """Of all processes now: pid → parent."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                found[int(entry.name)] = parse_stat((entry / "stat").read_text())[0]
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Of those that live."""
    seconds = 0.0
    for pid in pids:
        with suppress(OSError):
            seconds += parse_stat(Path(f"/proc/{pid}/stat").read_text())[1]
    return seconds


def pss_mb(pids: Iterable[int]) -> float:
    """MiB, of those that live and whose memory we may see."""
    total = 0.0
    for pid in pids:
        with suppress(OSError, ValueError):
            total += parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return total
