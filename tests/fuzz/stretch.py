"""A stretch of mutated frames down one road, the same for the same seed and number; and what is said when something broke."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from random import Random
from types import TracebackType

from gateway.models import Record
from tests.fuzz.bytewise import BYTEWISE, Mutate, at
from tests.fuzz.corpus import Base, corpus
from tests.fuzz.road import Broken, Passed, Road, payload_of
from tests.fuzz.shorter import shorter
from tests.fuzz.structure import STRUCTURE, with_one_changed, with_rows

#: Frames down one road before a new one begins: long enough for books and tickers to have a past.
FRAMES = 500
#: One of so many frames is looked at value by value; so many of a thousand go unchanged; so many have one row changed among good ones.
THOROUGH, PLAIN, NEIGHBOURS = 16, 80, 40
#: The session gets its turn after so many frames.
TURN = 32
#: The setting, and how often it is tried.
_RAW = ("private", "private", "all", "off")

_MUTATIONS: tuple[Mutate, ...] = (*BYTEWISE, *STRUCTURE)
_WEIGHTS = tuple(accumulate((*BYTEWISE.values(), *STRUCTURE.values())))

Check = Callable[[Passed], None]


@dataclass(slots=True)
class Found:
    """What a stretch came to.

    counts  of frames by what was done to them and what they were sorted as
    fault   what broke, in lines for a person; None: nothing
    """

    counts: Counter[str] = field(default_factory=Counter)
    fault: str | None = None


class Caught:
    """Outlives whatever breaks inside, for breaking is what is looked for here.

    fault  which error was raised and where; None: none
    words  the same with its own words
    """

    fault: str | None = None
    words: str = ""

    def __enter__(self) -> "Caught":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        self.fault = f"{kind.__name__} at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else kind.__name__
        self.words = f"{self.fault}: {str(fault)[:500]}"
        return True


class _Neighbours:
    """Where only one of a frame's rows was changed, the payloads of all others must be the same, byte for byte."""

    def __init__(self, expected: list[bytes], place: int) -> None:
        self._others = expected[:place] + expected[place + 1 :]
        self._place = place

    def __call__(self, passed: Passed) -> None:
        found = _payloads(passed.records)
        if len(found) > len(self._others):
            del found[self._place]
        if passed.is_ours and found != self._others:
            raise Broken(f"a change of row {self._place} alone changed its neighbours")


def run(seed: int, number: int, frames: int = FRAMES) -> Found:
    """Send so many frames. The first that breaks something ends it."""
    with _quietly():
        return _sent(seed, number, frames)


@contextmanager
def _quietly() -> Iterator[None]:
    """A line for each of a million bad records helps nobody."""
    logger = logging.getLogger("workers")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _sent(seed: int, number: int, frames: int) -> Found:
    dice = Random(f"{seed}/{number}")
    cases = corpus().by_endpoint  # an endpoint with many of them comes often
    endpoint = dice.choices(list(cases), [len(found) for found in cases.values()])[0]
    road = Road(endpoint, _RAW[at(dice, len(_RAW))], continuity=number % 3 > 0, lives=number % 2 > 0)
    found, sent = Found(), list[bytes]()
    for place in range(frames):
        kind, text, check = _next(dice, cases[endpoint], road)
        sent.append(text)
        with Caught() as caught:
            if place % TURN == 0:
                road.converse()
            check(road.take(text, thoroughly=place % THOROUGH == 0))
        if caught.fault is not None:
            origin = f"seed {seed}, stretch {number}, frame {place} ({kind}), endpoint {endpoint}, raw {road.include_raw}, lives {road.lives}"
            again = f"again: python -m tests.fuzz --seed {seed} --stretch {number}"
            found.fault = "\n".join((origin, caught.words, reproduced(road, sent, caught.fault, check), again))
            break
        found.counts[f"made by {kind}"] += 1
    found.counts.update(road.counts)
    return found


def _next(dice: Random, cases: list[list[Base]], road: Road) -> tuple[str, bytes, Check]:
    """What was done, the text, and what it must come to beyond what always must hold."""
    case = cases[at(dice, len(cases))]
    base = case[at(dice, len(case))]
    way = at(dice, 1000)
    if way < PLAIN:
        return "nothing", base.text, _no_more
    if way < PLAIN + NEIGHBOURS:
        count = 2 + at(dice, 4)
        known = _unchanged(base, count, road.endpoint, road.include_raw)
        if known is not None:
            text, expected = known
            place = at(dice, count)
            return "one row", with_one_changed(dice, text, place), _Neighbours(expected, place)
    return *mutated(dice, cases, base), _no_more


def mutated(dice: Random, cases: list[list[Base]], base: Base) -> tuple[str, bytes]:
    """What was done to a frame, and the text."""
    others = cases[at(dice, len(cases))]
    mutate = dice.choices(_MUTATIONS, cum_weights=_WEIGHTS)[0]
    return mutate.__name__, mutate(dice, base, others[at(dice, len(others))])


def _no_more(_passed: Passed) -> None:
    """Nothing beyond what always must hold."""


@lru_cache(maxsize=4096)
def _unchanged(base: Base, count: int, endpoint: str, include_raw: str) -> tuple[bytes, list[bytes]] | None:
    """A frame of so many good rows, and their payloads; None where this one has no such rows."""
    text = with_rows(base, count)
    if text is None:
        return None
    payloads = _payloads(Road(endpoint, include_raw).take(text).records)
    return (text, payloads) if len(payloads) == count else None


def _payloads(records: list[Record]) -> list[bytes]:
    return [payload_of(record) for record in records]


def reproduced(road: Road, sent: list[bytes], fault: str, check: Check) -> str:
    """The shortest text found that breaks the same alone; where it needs a past, how many frames before it."""

    def breaks(*texts: bytes) -> bool:
        again = Road(road.endpoint, road.include_raw, continuity=road.continuity, lives=road.lives)
        with Caught() as caught:
            for text in texts[:-1]:
                again.take(text)
            check(again.take(texts[-1], thoroughly=True))
        return caught.fault == fault

    if breaks(sent[-1]):
        return f"alone it breaks too; the shortest found: {shorter(sent[-1], breaks)!r:.4000}"
    past = next((count for count in (1, 2, 4, 8, 16, 32, 64, 128, 256) if breaks(*sent[-count - 1 :])), len(sent) - 1)
    return f"it needs the {past} frames before it; the last of them: {sent[-1]!r:.4000}"
