"""Many stretches on several processes, until so many frames are done, the time is up, or something broke."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field

from tests.fuzz import stretch
from tests.fuzz.stretch import FRAMES, Found

#: Stretches that a process is given at once.
HANDFUL = 20
#: Between two words of how far it is; seconds.
EVERY_S = 5.0


@dataclass(slots=True)
class Outcome:
    """What a campaign came to.

    frames  that were sent
    counts  of frames by what was done to them and what they were sorted as
    faults  what broke, in lines for a person
    """

    frames: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def in_words(self) -> str:
        rate = self.frames / self.seconds if self.seconds else 0.0
        return f"{self.frames:,} frames in {self.seconds:.0f} s, {rate:,.0f} a second, {len(self.faults)} broke something"


def several(seed: int, first: int, sizes: list[int]) -> list[Found]:
    """Stretches one after the other, of so many frames each; the last is the first that broke something."""
    found: list[Found] = []
    for number, frames in enumerate(sizes, start=first):
        found.append(stretch.run(seed, number, frames))
        if found[-1].fault is not None:
            break
    return found


def run(frames: int, *, seed: int, seconds: float, processes: int, say: Callable[[str], object]) -> Outcome:
    """Frames and seconds: whichever comes first."""
    outcome, began = Outcome(), time.monotonic()
    said, number, left = began, 0, frames
    with ProcessPoolExecutor(processes) as pool:
        under_way: set[Future[list[Found]]] = set()
        while under_way or left > 0:
            while left > 0 and len(under_way) < 2 * processes and not outcome.faults and time.monotonic() - began < seconds:
                sizes = [min(FRAMES, left - place * FRAMES) for place in range(HANDFUL) if left > place * FRAMES]
                under_way.add(pool.submit(several, seed, number, sizes))
                number, left = number + len(sizes), left - sum(sizes)
            if not under_way:
                break
            done, under_way = wait(under_way, EVERY_S, FIRST_COMPLETED)
            for found in (found for future in done for found in future.result()):
                outcome.frames += sum(count for word, count in found.counts.items() if word.startswith("made by"))
                outcome.counts.update(found.counts)
                outcome.faults += [found.fault] if found.fault is not None else []
            outcome.seconds = time.monotonic() - began
            if time.monotonic() - said >= EVERY_S:
                said = time.monotonic()
                say(outcome.in_words())
    return outcome
