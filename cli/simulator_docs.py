"""The tables of docs/SIMULATOR.md: scenarios, options, faults and choices, from the tables of the simulated exchange."""

import re
from collections.abc import Callable
from dataclasses import fields

from simulator.__main__ import FIGURES
from simulator.choices import WORDS, Choices
from simulator.exchange import Options
from simulator.faults import KINDS
from simulator.hostile import TEXTS
from simulator.scenarios import SCENARIOS

Rows = list[tuple[str, ...]]


def scenarios() -> Rows:
    rows: Rows = [("scenario", "what it is like", "options that differ")]
    for name, row in SCENARIOS.items():
        differ = ", ".join(f"`--{option.replace('_', '-')} {value:g}`" for option, value in row.options.items())
        rows.append((f"`{name}`", row.words, differ or "-"))
    return rows


def options() -> Rows:
    usual = Options()
    rows: Rows = [("option", "usually", "from", "to", "meaning")]
    for name, (least, most, words) in FIGURES.items():
        rows.append((f"`--{name}`", f"{getattr(usual, name.replace('-', '_')):g}", f"{least:g}", f"{most:g}", words))
    return rows


def faults() -> Rows:
    rows: Rows = [("kind", "forms (`how`)", "lasts", "what it does")]
    for name, kind in KINDS.items():
        hows = "`all`, or one of the texts below" if name == "hostile" else ", ".join(f"`{how}`" for how in kind.hows) or "-"
        rows.append((f"`{name}`", hows, "yes" if kind.stands else "at once", kind.words))
    return rows


def hostile() -> Rows:
    rows: Rows = [("form", "text")]
    for name, text in TEXTS.items():
        rows.append((f"`{name}`", f"`{text}`" if 0 < len(text) <= 120 else f"{len(text):,} characters"))
    return rows


def choices() -> Rows:
    rows: Rows = [("choice", "words, the default first", "meaning")]
    said = dict(re.findall(r"^    (\w+)  +(.+(?:\n {8,}.+)*)$", Choices.__doc__ or "", re.MULTILINE))
    for field in fields(Choices):
        words = ", ".join(f"`{word}`" for word in WORDS.get(field.name, (str(field.default),)))
        rows.append((f"`{field.name}`", words, " ".join(said[field.name].split())))
    return rows


TABLES: dict[str, Callable[[], Rows]] = {
    "scenarios": scenarios,
    "simulator_options": options,
    "faults": faults,
    "hostile": hostile,
    "choices": choices,
}
