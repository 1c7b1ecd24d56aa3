"""py-spy looks at processes under load; what it saw goes into bench/profiles as a table a person can read, and whole into var/bench."""

import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.peers import environments
from bench.places import FOLDER
from tests.peers.environment import PeersMissing

PLACE = Path(__file__).resolve().parent / "profiles"
#: How long it looks, and how often; seconds, times a second.
_SECONDS, _TIMES = 10, 200
_ROWS = 30


def record(pids: Mapping[str, int]) -> list[str]:
    """Of all these processes at once; a line a process: where its table is, or why there is none."""
    try:
        spy = environments.python("tools").with_name("py-spy")
    except PeersMissing as fault:
        return [f"no profile: {fault}"]
    folder = FOLDER / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    looking = {}
    for name, pid in pids.items():
        command = [str(spy), "record", "--pid", str(pid), "--duration", str(_SECONDS), "--rate", str(_TIMES), "--threads"]
        command += ["--format", "raw", "--nonblocking", "--output", str(folder / f"{name}.folded")]
        looking[name] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    for name, process in looking.items():
        words, _ = process.communicate(timeout=_SECONDS + 30)
        if process.returncode:
            last = words.strip().splitlines()[-1:] or ["it said nothing"]
            said.append(f"no profile of {name}: py-spy may not attach to it, or found nothing ({last[0]})")
            continue
        PLACE.mkdir(exist_ok=True)
        table = PLACE / f"{name}.txt"
        table.write_text(summary(name, (folder / f"{name}.folded").read_text().splitlines()))
        said.append(
            f"profile of {name}: bench/profiles/{table.name}; all stacks: {folder.relative_to(FOLDER.parent.parent)}/{name}.folded"
        )
    return said


def parse(lines: Iterable[str]) -> list[tuple[list[str], int]]:
    """Folded stacks, outermost first, with how often each was seen."""
    found = []
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if stack and count.isdigit():
            found.append((stack.split(";"), int(count)))
    return found


def summary(name: str, lines: Iterable[str]) -> str:
    """Which functions were running, and which were running or waiting for what they called; without threads that only wait."""
    stacks = parse(lines)
    own, whole, total = Counter[str](), Counter[str](), 0
    for frames, count in stacks:
        total += count
        own[_function(frames[-1])] += count
        whole.update(dict.fromkeys((_function(frame) for frame in frames), count))
    text = [f"{name}: {total} samples, {_TIMES} a second for {_SECONDS} s, of threads that were not idle", ""]
    for title, counts in (("itself", own), ("with what it called", whole)):
        text += [f"{title}:", *(f"{count / total * 100:5.1f} %  {function}" for function, count in counts.most_common(_ROWS)), ""]
    return "\n".join(text)


def _function(frame: str) -> str:
    """`name (file.py:12)` → `name (file.py)`; a path is cut to its last three parts."""
    function, _, place = frame.rpartition(" (")
    if not function:
        return frame
    file = place.rstrip(")").rpartition(":")[0] or place.rstrip(")")
    return f"{function} ({'/'.join(file.split('/')[-3:])})"
