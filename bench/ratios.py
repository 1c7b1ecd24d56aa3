"""`python -m bench.ratios`, `make bench-check`: each stage of the hot path against a reference of the same run, so that no machine matters.

The reference is one untyped `msgspec` decode of the same frames. A stage that costs more of them than its row allows has grown slower.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.micro.stages import FRAMES
from bench.peers import environments
from bench.places import ROOT, environ
from tests.peers.environment import PeersMissing

#: A run that finds a stage too slow is made again: only what is too slow each time has grown.
_ATTEMPTS = 3
_MICRO = ROOT / "bench" / "micro"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One stage. most: references that a frame may cost in it."""

    stage: str
    reference: str
    most: float


#: Half more than what was measured when the row was last set.
RATIOS = (
    Ratio("read", "reference", 3),
    Ratio("decode", "reference", 6),
    Ratio("normalise", "reference", 2),
    Ratio("encode", "reference", 6),
    Ratio("bus", "reference", 3),
    Ratio("publish", "reference", 9),
    Ratio("book", "book_reference", 4),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """us: of one frame; found: the same in references."""

    ratio: Ratio
    us: float
    found: float

    @property
    def is_met(self) -> bool:
        return self.found <= self.ratio.most


def least(report: Mapping[str, Any]) -> dict[str, float]:
    """Of pytest-benchmark's report: stage → the least time of a round, which other work on the machine can only lengthen; seconds."""
    return {row["name"].removeprefix("test_"): row["stats"]["min"] for row in report["benchmarks"]}


def judge(times: Mapping[str, float], frames: int = FRAMES) -> list[Judged]:
    """Raises KeyError where a stage or its reference was not measured."""
    return [Judged(row, times[row.stage] / frames * 1_000_000, times[row.stage] / times[row.reference]) for row in RATIOS]


def better(some: list[Judged], others: list[Judged]) -> list[Judged]:
    """Of two runs, each stage's better one."""
    return [min(pair, key=lambda each: each.found) for pair in zip(some, others, strict=True)]


def measured(python: Path) -> dict[str, float]:
    """Raises subprocess.CalledProcessError where a stage fails."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(python), "-m", "pytest", "-q", "-c", str(_MICRO / "pytest.ini"), "--rootdir", str(ROOT), str(_MICRO)]
        command += [
            "--benchmark-json",
            str(report),
            "--benchmark-disable-gc",
            "--benchmark-warmup=off",
            "--basetemp",
            f"{folder}/t",
        ]
        done = subprocess.run(command, cwd=ROOT, env=environ(), capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
            done.check_returncode()
        return least(json.loads(report.read_text()))


def main() -> int:
    argparse.ArgumentParser(prog="bench.ratios", description=__doc__).parse_args()
    try:
        python = environments.python("tools")
    except PeersMissing as fault:
        print(fault, file=sys.stderr)
        return 2
    found = judge(measured(python))
    for _ in range(_ATTEMPTS - 1):
        if all(each.is_met for each in found):
            break
        found = better(found, judge(measured(python)))
    for each in found:
        limit = f"at most {each.ratio.most:g}{'' if each.is_met else '   TOO SLOW'}"
        print(f"{each.ratio.stage:10} {each.us:7.2f} µs a frame   {each.found:6.1f} references, {limit}")
    return 0 if all(each.is_met for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
