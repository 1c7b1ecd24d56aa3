"""All tests: `python -m tests`. Those that compute run beside those that mostly wait for real servers, and give way to them.

Real parts run in four processes, each with servers of its own and whole files at a time, the slowest first. What the computing ones say is kept
and printed after the others. Real parts that failed beside others are tried once more, alone: what passes then is named as
unsteady, at the very end, where what failed stands too; before it, which files took the most time. A row of the table of faults that found something lost is not: what
a kill does once in ten times is what it is there to find. The exit code is 0 when each test has passed.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

#: They start no server and need no pause of real time.
COMPUTING = ("tests/unit", "tests/virtual", "tests/fuzz")
#: What is made: of the table of faults the rows of its slice; not the drill of the alerts, nor what `make test-long` is for.
MADE = "(not chaos or slice) and not alarms and not long"
#: How far the computing ones step back.
NICENESS = 10
#: How real parts are shared out: a file's tests have its simulator or gateway in common, so one process has them all. They mostly
#: wait, so there are more processes than cores; and they are taken as tests/conftest.py sorts them, not those with many tests first.
TOGETHER = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder")
#: More failures than these are no matter of two cores shared by five runs, and are not tried again.
TRIED_AGAIN = 5
#: pytest's exit code when tests ran and some failed.
SOME_FAILED = 1
#: A row of the table of faults, and what it says where all that was wrong are figures.
ROW = "tests.chaos.test_rows"
ONLY_FIGURES = re.compile(r"AssertionError: seed \d+( \w+: found [\d.]+; expected at most [\d.]+)+ assert ")
#: How much of an assertion is said again at the end.
SHOWN = 300
#: How many files are named as the slowest, of each: real parts, and computing ones.
SLOW_FILES = 40

_PYTEST = (sys.executable, "-m", "pytest", "-v", "--tb=short", "--durations=10")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        return _all(Path(folder))


def _all(folder: Path) -> int:
    parts = ("-m", MADE, "-o", f"cache_dir={folder / 'cache'}", "tests", *(f"--ignore={each}" for each in COMPUTING))
    with (folder / "computing").open("w+") as said:
        command = (*_PYTEST, "-m", MADE, "-p", "no:cacheprovider", f"--junit-xml={folder / 'computing.xml'}", *COMPUTING)
        beside = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, preexec_fn=lambda: os.nice(NICENESS))
        began = time.monotonic()
        try:
            real = _run(folder / "real.xml", (*TOGETHER, *parts))
            print(f"\nwaited for: {' '.join(COMPUTING)}, begun {time.monotonic() - began:.0f} s ago", flush=True)
            computing = beside.wait()
        finally:
            if beside.poll() is None:
                beside.send_signal(signal.SIGINT)
            beside.wait()
        said.seek(0)
        for line in said:
            sys.stdout.write(line)
    failed = failures(folder / "real.xml")
    unsteady = {}
    if real == SOME_FAILED and len(failed) <= TRIED_AGAIN and not any(map(found_a_loss, failed.items())):
        print(f"\nonce more, alone: {', '.join(failed)}", flush=True)
        real = _run(folder / "again.xml", (*parts, "--last-failed", "--last-failed-no-failures=none"))
        again = failures(folder / "again.xml") if real in (0, SOME_FAILED) else failed
        unsteady = {name: why for name, why in failed.items() if name not in again}
        failed = again
    failed |= failures(folder / "computing.xml")
    for what in ("real", "computing"):
        print(f"{what}: {slowest(folder / f'{what}.xml')}")
    for word, those in (("unsteady", unsteady), ("failed", failed)):
        for name, why in those.items():
            print(f"{word}: {name}: {why}")
    for what, code in (("real parts", real), ("computing", computing)):
        print(f"{what}: {'passed' if code == 0 else f'failed, exit code {code}'}")
    return real or computing


def _run(report: Path, arguments: tuple[str, ...]) -> int:
    return subprocess.run((*_PYTEST, f"--junit-xml={report}", *arguments), check=False).returncode


def found_a_loss(failed: tuple[str, str]) -> bool:
    """Whether a row of the table of faults found more than a figure that is too large, which a busy machine may be to blame for."""
    name, why = failed
    return ROW in name and not ONLY_FIGURES.match(why)


def failures(report: Path) -> dict[str, str]:
    """The tests that failed, by name, each with the beginning of why."""
    found = {}
    for case in cases(report):
        for fault in (*case.findall("failure"), *case.findall("error")):
            found[f"{case.get('classname')}.{case.get('name')}"] = " ".join((fault.get("message") or "").split())[:SHOWN]
    return found


def cases(report: Path) -> Iterator[ElementTree.Element]:
    """Of all tests. None where pytest wrote no report."""
    return ElementTree.parse(report).iter("testcase") if report.exists() else iter(())  # noqa: S314 - pytest has just written it


def slowest(report: Path) -> str:
    """The files that took the most time, in the words of one line. Files of one process follow each other; processes run side by side."""
    spent: dict[str, float] = defaultdict(float)
    for case in cases(report):
        spent[case.get("classname", "")] += float(case.get("time", "0"))
    first = sorted(spent.items(), key=lambda each: -each[1])[:SLOW_FILES]
    return f"{sum(spent.values()):.0f} s of tests; " + ", ".join(f"{name} {took:.0f}" for name, took in first)


if __name__ == "__main__":
    sys.exit(main())
