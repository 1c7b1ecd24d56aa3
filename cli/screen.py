"""What a person sees: tables that fit the terminal, and, on a terminal only, a word on stderr while something takes its time."""

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

#: Columns where nobody looks and COLUMNS says nothing: whoever reads the output of a pipe wants all of it.
UNBOUND = 1000


def console() -> Console:
    """stdout, as wide as the terminal; without colours where it is none."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else UNBOUND
    return Console(width=width, highlight=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, elastic: Collection[str] = ()) -> RenderableType:
    """One line a row. elastic: columns that are cut, with …, where the terminal has no room; the others are whole."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        found.add_column(column, no_wrap=column not in elastic, overflow="ellipsis")
    for row in rows:
        found.add_row(*(_line(cell) for cell in row))
    return found


def _line(cell: str | Text) -> Text:
    text = cell.copy() if isinstance(cell, Text) else Text(cell)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def lasted(seconds: float) -> str:
    """The two largest units: 45 s, 3 min 20 s, 5 h 1 min, 12 d 3 h."""
    whole = max(0, int(seconds))
    for large, small, size, part in (("d", "h", 86_400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size} {large} {whole % size // part} {small}"
    return f"{whole} s"


def ago_s(moment: str | None, now: datetime | None = None) -> float | None:
    """Seconds since an ISO 8601 moment of the API."""
    if moment is None:
        return None
    return ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Say what is waited for, on a terminal's stderr, until it is there."""
    if not sys.stderr.isatty():
        yield
        return
    with Console(stderr=True).status(words):
        yield


class Bar:
    """How far something has come."""

    def __init__(self, progress: Progress | None, words: str, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task(words, total=total) if progress is not None else None

    def add(self, count: int = 1) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)


@contextmanager
def bar(words: str, total: int) -> Iterator[Bar]:
    """A progress bar on a terminal's stderr; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield Bar(None, words, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, words, total)
