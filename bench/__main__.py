"""`python -m bench`: measure, say it, and write bench/RESULTS.md. See bench/README.md."""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench import findings, machine, scenarios
from bench.child import ChildLost
from bench.peers_run import peers
from bench.places import ROOT
from bench.scenarios import Bench
from bench.stack import Stack
from bench.stages_run import stages
from gateway.errors import ServerError

SCENARIOS: dict[str, Callable[[Bench], None]] = {
    "core": scenarios.core,
    "stages": stages,
    "peers": peers,
    "tls": scenarios.tls,
    "books": scenarios.books,
    "batch": scenarios.batch,
    "growth": scenarios.growth,
    "topics": scenarios.topics,
    "burst": scenarios.burst,
    "soak": scenarios.soak,
}
#: Without SCENARIO: what is short enough, and everything but the soak.
QUICK = ("core", "peers")
FULL = ("core", "stages", "peers", "tls", "books", "batch", "growth", "topics", "burst")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Measure the gateway under load, beside what it is compared with.")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), action="append", help="only this; may be given several times")
    parser.add_argument("--quick", action="store_true", help="about three minutes, with more noise")
    parser.add_argument("--seconds", type=float, default=3600.0, help="length of the soak")
    parser.add_argument("--profile", action="store_true", help="have py-spy look at worker and router under load")
    parser.add_argument("--label", default="now", help="column of the results")
    given = parser.parse_args()
    if given.seconds < 60:
        parser.error(f"found --seconds {given.seconds:g}; expected at least 60, for a soak of less shows no drift")
    names = given.scenario or (QUICK if given.quick else FULL)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found, stolen, failed = findings.load(given.label), machine.steal(), list[str]()
    try:
        stack = Stack(say)
    except ServerError as fault:
        print(fault, file=sys.stderr)
        return 1
    try:
        found.place = {
            "date": datetime.now(UTC).date().isoformat(),
            "revision": machine.revision(ROOT),
            "quick": given.quick,
            "machine": machine.machine(),
            "versions": machine.versions(*stack.versions()),
        }
        bench = Bench(stack, found, say, given.quick, given.seconds, given.profile)
        for name in names:
            say(f"{name}: {SCENARIOS[name].__doc__}")
            try:
                SCENARIOS[name](bench)
                found.notes.pop(f"scenario {name}", None)
            except (AssertionError, ChildLost) as fault:
                found.note(f"scenario {name}", f"not finished: {fault}")
                say(f"  not finished: {fault}")
                failed.append(name)
            found.save()
    finally:
        stack.close()
    took, stolen = time.monotonic() - began, machine.steal() - stolen
    found.place["steal"] = f"The machine below gave {stolen / took * 100:.1f} % of a core to others meanwhile."
    found.save()
    findings.write()
    say(f"written: bench/RESULTS.md{'; not finished: ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
