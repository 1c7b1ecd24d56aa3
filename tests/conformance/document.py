"""docs/CONFORMANCE.md out of the table of cases. `PYTHONPATH=.:tests python tests/conformance/document.py` writes it anew."""

from itertools import groupby
from pathlib import Path

from cases import CASES, CHAPTERS, Case

PATH = Path(__file__).resolve().parents[2] / "docs" / "CONFORMANCE.md"

#: What `autobahn.py` brought from the suite's own fuzzing server: chapter, cases, passed, remark.
AUTOBAHN = (
    ("1 Framing", 16, 16, ""),
    ("2 Pings and pongs", 11, 11, ""),
    ("3 Reserved bits", 7, 7, ""),
    ("4 Opcodes", 10, 10, ""),
    ("5 Fragmentation", 20, 20, ""),
    ("6 UTF-8", 145, 70, "the 75 others send text that is no UTF-8 and expect it to cost the connection: our deviation"),
    ("7 Close handling", 37, 37, "3 of them informational: 7.1.6, 7.13.1, 7.13.2"),
    ("9 Limits, performance", 54, 54, ""),
    ("10 Misc", 1, 1, ""),
    ("12, 13 Compression", 216, 0, "do not apply: we do not offer the extension, and the server says 'unimplemented'"),
)

HEAD = """# Conformance

The receiving code (`workers/dial.py` on websocket-client) before servers that do right and servers that do wrong.
This file is written by `tests/conformance/document.py`; a test compares it with the table.

## The Autobahn testsuite

Its fuzzing server (autobahntestsuite 25.10.1 on Python 2.7) was run against this code with `tests/conformance/autobahn.py`, which
says how to do it again. It is not part of `make test`, for it needs Python 2.7; the table below is, and has its chapters and more.

| chapter | cases | passed | |
|---|---|---|---|
"""

DEVIATIONS = """
## Deviations

RFC 6455 wants a client to fail the connection (code 1007) over text that is no UTF-8. Ours hands it on unchecked: the JSON codec
refuses it, so it becomes an unreadable frame that is counted and passed on, and one bad message does not cost the connection. A
reason to close that is no UTF-8 does end it with 1007. Beyond the RFC: a message is at most {most} MiB, whole or summed over its
fragments; a larger one ends the connection with 1009 as soon as a head tells, before its payload is read or room for it is made.

## The table

{count} cases, {deviating} of them with a deviation. Each is one connection, and where it says "closes with", the client sends a close
with that code: its answer to the server's own, or its verdict.

"""


def chapter(case: Case) -> int:
    return int(case.number.partition(".")[0])


def outcome(case: Case) -> str:
    """A row's expectation in words."""
    what = [counted(len(case.messages), "message") if case.messages else "nothing delivered"]
    what += [counted(len(case.pongs), "pong")] if case.pongs else []
    what += [f"closes with {case.answer}" if case.answer else "says nothing more"]
    return ", ".join(what) + ("; deviates" if case.deviates else "")


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def written() -> str:
    """The whole file."""
    text = HEAD + "".join(f"| {' | '.join(str(cell) for cell in row)} |\n" for row in AUTOBAHN)
    text += DEVIATIONS.format(most=16, count=len(CASES), deviating=sum(bool(case.deviates) for case in CASES))
    for number, rows in groupby(CASES, chapter):
        cases = list(rows)
        text += f"### {number}. {CHAPTERS[number]} ({len(cases)})\n\n| case | the server sends | the client: |\n|---|---|---|\n"
        text += "".join(f"| {case.number} | {case.title} | {outcome(case)} |\n" for case in cases) + "\n"
    return text.rstrip() + "\n"


if __name__ == "__main__":
    PATH.write_text(written(), encoding="utf-8")
