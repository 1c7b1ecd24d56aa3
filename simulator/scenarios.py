"""SCENARIOS: days by name, and scripts of one's own. A scenario is how lively the exchange is, and when it has which fault.

A script is a TOML file of `[[fault]]` tables: the fields of a fault, `at_s` (seconds from the start) and `every_s` (again and again).
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Protocol

import msgspec

from simulator.dialect import DIALECTS
from simulator.exchange import Exchange
from simulator.faults import BadFault, Fault, checked


class BadScript(Exception):
    """A script that cannot be used; one sentence."""


class Step(Fault, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault and its time: seconds from the start, and the seconds between its repeats (0: once)."""

    at_s: float = 0.0
    every_s: float = 0.0


#: The shortest time between two repeats of a script's fault, and the longest of any of its times; seconds.
LEAST_EVERY_S, MOST_S = 0.05, 86_400.0 * 366

#: Seconds between two strokes of bad luck, on average.
BAD_LUCK_EVERY_S = 240.0


class Timeline(Protocol):
    """Steps in the order of their time, from a seed; may be endless. every_s: between two of them on average, where dice are rolled."""

    def __call__(self, seed: int, every_s: float = BAD_LUCK_EVERY_S) -> Iterator[Step]: ...


@dataclass(frozen=True, slots=True)
class Scenario:
    """words: what it is like. options: what differs from the usual ones."""

    words: str
    options: dict[str, float] = field(default_factory=dict)
    timeline: Timeline | None = None


#: An outage a minute, in turn; each is over before the next.
_OUTAGES = (
    Fault(kind="cut", how="abort"),
    Fault(kind="cut", how="1001"),
    Fault(kind="refuse", how="503", seconds=20),
    Fault(kind="cut", how="mid_frame"),
    Fault(kind="silence", how="socket", seconds=30),
    Fault(kind="refuse", how="mid_handshake", seconds=10),
    Fault(kind="cut", how="maintenance"),
)


def _outages(seed: int, every_s: float = 0.0) -> Iterator[Step]:  # noqa: ARG001 # as every timeline
    for number in count(1):
        fault = _OUTAGES[(number - 1) % len(_OUTAGES)]
        if fault.kind == "refuse":  # keeping newcomers out hurts only who must come anew
            yield _step(Fault(kind="cut", how="abort"), number * 60.0)
        yield _step(fault, number * 60.0)


@dataclass(frozen=True, slots=True)
class Luck:
    """A kind of bad luck. weight: how often, against the others. seconds, amount: the least and the most."""

    weight: int
    kind: str
    hows: tuple[str, ...] = ("",)
    topics: tuple[str, ...] = ("*",)
    ops: tuple[str, ...] = ("*",)
    seconds: tuple[float, float] = (0.0, 0.0)
    times: int = 0
    amount: tuple[float, float] = (0.0, 0.0)


BAD_LUCK: tuple[Luck, ...] = (
    Luck(12, "cut", ("abort", "1000", "1001", "mid_frame", "maintenance")),
    Luck(6, "refuse", ("503", "429", "403", "reset", "hang", "mid_handshake"), seconds=(5, 120)),
    Luck(5, "silence", ("socket", "all_but_pongs"), seconds=(5, 120)),
    Luck(4, "silence", ("topic",), ("orderbook.*", "publicTrade.*", "tickers.*", "order", "wallet"), seconds=(5, 60)),
    Luck(3, "refuse_topic", ("",), ("tickers.*", "publicTrade.*", "execution"), seconds=(5, 30)),
    Luck(5, "answer", ("drop", "twice"), ops=("auth", "subscribe", "unsubscribe", "ping"), times=2, seconds=(30, 120)),
    Luck(4, "answer", ("delay",), ops=("auth", "subscribe", "ping"), times=2, seconds=(30, 120), amount=(0.5, 8)),
    Luck(3, "login", ("refuse", "refuse_and_close"), seconds=(5, 60)),
    Luck(8, "book", ("skip", "repeat", "reorder", "cross"), ("orderbook.*",), times=1, seconds=(60, 120)),
    Luck(3, "drop", ("",), ("order", "execution", "wallet"), times=1, seconds=(60, 120)),
    Luck(4, "hostile", ("all",)),
    Luck(3, "odd", ("extra_fees", "numbers", "blank_wallet", "smp_number", "smp_text"), seconds=(60, 600)),
    Luck(3, "restart", ("",), ("BTCUSDT", "*")),
    Luck(2, "clock", ("",), seconds=(30, 300), amount=(-90_000, 90_000)),
    Luck(3, "rest", ("10006", "10016", "503"), seconds=(1, 30)),
    Luck(1, "key", ("read_only",), seconds=(5, 60)),
    Luck(2, "rate", ("",), seconds=(5, 60), amount=(2, 20)),
    Luck(2, "burst", ("",), amount=(2, 20)),
)


def _bad_day(seed: int, every_s: float = BAD_LUCK_EVERY_S) -> Iterator[Step]:
    """Endless; strokes come at random and may overlap."""
    dice, at_s = Random(f"{seed}|bad day"), 0.0
    endpoints = [*(name for name in DIALECTS if name != "rfq"), "*"]  # where nobody would notice
    while True:
        at_s += dice.expovariate(1.0 / every_s)
        luck = dice.choices(BAD_LUCK, [row.weight for row in BAD_LUCK])[0]
        endpoint = dice.choice(endpoints)
        fault = Fault(
            kind=luck.kind,
            how=dice.choice(luck.hows),
            endpoint=endpoint,
            topic=dice.choice(luck.topics),
            op=dice.choice(luck.ops),
            seconds=round(dice.uniform(*luck.seconds), 1),
            times=luck.times,
            amount=round(dice.uniform(*luck.amount), 1),
        )
        if luck.kind in ("refuse", "login") or luck.ops != ("*",):  # who is connected must come anew to meet it
            yield _step(Fault(kind="cut", how="abort", endpoint=endpoint), at_s)
        yield _step(fault, at_s)


SCENARIOS: dict[str, Scenario] = {
    "calm": Scenario("a slow market, nothing goes wrong", {"steps_per_s": 2.0, "trade_rate": 1.0, "account_every_s": 5.0}),
    "busy": Scenario("a fast market, nothing goes wrong", {"steps_per_s": 20.0, "trade_rate": 50.0, "account_every_s": 0.2}),
    "outages": Scenario("an outage of all endpoints every minute, one kind after another", timeline=_outages),
    "bad-day": Scenario("all that can go wrong does, at random: a stroke of bad luck every four minutes", timeline=_bad_day),
}


def script(path: Path) -> Timeline:
    """The timeline of a file. Raises BadScript."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        steps = msgspec.convert(found.pop("fault", []), list[Step])
        for step in steps:
            _timed(step)
            checked(step)
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, BadFault) as fault:
        raise BadScript(f"the script {path} cannot be used: {fault}") from fault
    if found:
        raise BadScript(f"the script {path} cannot be used: found {', '.join(found)}; expected [[fault]] tables only")

    def timeline(seed: int, every_s: float = 0.0) -> Iterator[Step]:  # noqa: ARG001 # as every timeline
        return iter(sorted(steps, key=lambda step: step.at_s))

    return timeline


def follow(exchange: Exchange, steps: Iterator[Step], *, until_s: float = float("inf")) -> None:
    """Put the steps on the exchange's agenda, one at a time, since they may never end. until_s: none begins later."""
    began_ms = exchange.clock_ms()

    def have(step: Step) -> None:
        exchange.do(_fault(step))
        if step.every_s:
            later = msgspec.structs.replace(step, at_s=step.at_s + step.every_s)
            schedule(later)

    def schedule(step: Step) -> None:
        if step.at_s <= until_s:
            exchange.agenda.at(began_ms + int(step.at_s * 1000), lambda: have(step))

    def proceed() -> None:
        step = next(steps, None)
        if step is None or step.at_s > until_s:
            return
        schedule(step)
        exchange.agenda.at(began_ms + int(step.at_s * 1000), proceed)

    proceed()


def _step(fault: Fault, at_s: float) -> Step:
    return Step(**msgspec.structs.asdict(fault), at_s=round(at_s, 1))


def _timed(step: Step) -> None:
    """Raises BadFault: a repeat that is due at once for ever would stop everything, SIGTERM included."""
    if not 0 <= step.at_s <= MOST_S:
        raise BadFault(f"found at_s {step.at_s:g}; expected 0 to {MOST_S:g}")
    if step.every_s != 0 and not LEAST_EVERY_S <= step.every_s <= MOST_S:
        raise BadFault(f"found every_s {step.every_s:g}; expected 0, or {LEAST_EVERY_S:g} to {MOST_S:g}")


def _fault(step: Step) -> Fault:
    return Fault(**{name: getattr(step, name) for name in Fault.__struct_fields__})
