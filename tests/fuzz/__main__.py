"""python -m tests.fuzz: mutated frames down the worker's road, until something breaks. Ends with 1 where something did."""

import argparse
import os
import sys
import time

from tests.fuzz import campaign, stretch


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    words.add_argument("--frames", type=int, default=1_000_000_000, help="how many at the most")
    words.add_argument("--seconds", type=float, default=600.0, help="how long at the most (600)")
    words.add_argument(
        "--seed", type=int, default=time.time_ns() % 1_000_000_007, help="the same frames for the same seed (the time)"
    )
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="as many as there are processors")
    words.add_argument("--stretch", type=int, help="this one of the seed's stretches alone, as a report names it")
    given = words.parse_args()
    if given.stretch is not None:
        fault = stretch.run(given.seed, given.stretch).fault
        say(fault or "nothing broke")
        return 1 if fault else 0
    say(f"seed {given.seed}, {given.processes} processes")
    outcome = campaign.run(given.frames, seed=given.seed, seconds=given.seconds, processes=given.processes, say=say)
    for word, count in sorted(outcome.counts.items()):
        say(f"{count:>14,}  {word}")
    say(outcome.in_words())
    for fault in outcome.faults:
        say(f"\n{fault}")
    return 1 if outcome.faults else 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
