"""`ws-gateway tail`: live events from the broker, one a line, or how many come a second."""

import fnmatch
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import click
import msgspec

from cli import figures, rates, running
from cli.exits import DONE
from cli.rates import Rates
from gateway import config, names
from gateway.consumer import Consumer, Received
from gateway.protocol.channels import CHANNELS
from gateway.protocol.endpoints import CATEGORIES

#: Between two lines of --rates; seconds.
EVERY_S = 1.0
#: What makes a symbol a pattern.
PATTERN = ("*", "?")


@click.command()
@click.option(
    "--type",
    "types",
    type=click.Choice([row.event_type for row in CHANNELS]),
    multiple=True,
    help="Of this event type; may be repeated.",
)
@click.option("--category", "categories", type=click.Choice(CATEGORIES), multiple=True, help="Of this category; may be repeated.")
@click.option("--symbol", "symbols", multiple=True, help="Of this symbol, or of those that BTC* stands for; may be repeated.")
@click.option("--match", "text", help="Only lines in which this text is found.")
@click.option("--count", type=click.IntRange(1), help="End after so many lines.")
@click.option("--rates", "as_rates", is_flag=True, help="How many come a second, by type and category, instead of the events.")
@click.option("--colour/--no-colour", default=None, help="Else: when the output is a terminal.")
@click.option("--json", "as_json", is_flag=True, help="The envelopes as they are, one a line; with --rates the rates.")
def command(
    types: tuple[str, ...], categories: tuple[str, ...], symbols: tuple[str, ...], text: str | None, count: int | None,
    as_rates: bool, colour: bool | None, as_json: bool,
) -> int:  # fmt: skip
    """Show events as they come, without taking them from anybody. Ctrl-C ends it."""
    settings = running.settings()
    config.require(settings, "BROKER_URL")
    coloured = sys.stdout.isatty() if colour is None else colour
    show: Callable[[Received], str] = _json if as_json else lambda event: figures.line(event, coloured=coloured)
    with Consumer(settings.broker_url, bindings=bindings(types, categories, symbols)) as consumer:
        found = _wanted(consumer, symbols)
        lines = _rates(found, as_json=as_json) if as_rates else (show(event) for event in found if event is not None)
        shown = 0
        try:
            for said in lines:
                if text is not None and text not in (click.unstyle(said) if coloured else said):
                    continue
                print(said, flush=True)
                shown += 1
                if count is not None and shown >= count:
                    return DONE
        except KeyboardInterrupt:
            return DONE
        except BrokenPipeError:
            # The reader, `head` for one, has left; Python would complain again when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def bindings(types: Sequence[str], categories: Sequence[str], symbols: Sequence[str]) -> list[str]:
    """What the broker filters by; a pattern of symbols is looked at here."""
    whole: Sequence[str | None] = [None] if any(is_pattern(symbol) for symbol in symbols) else list(symbols) or [None]
    return [
        names.service_binding(event_type or names.ANY, category=category, symbol=symbol, variant=None)
        for event_type, category, symbol in product(types or (None,), categories or (None,), whole)
    ]


def is_pattern(symbol: str) -> bool:
    return any(mark in symbol for mark in PATTERN)


def is_of(event: Received, symbols: Sequence[str]) -> bool:
    """Whether it is of one of the symbols; with none named, every one is."""
    found = str(event.envelope["symbol"] or "")
    return not symbols or any(fnmatch.fnmatchcase(found, symbol) for symbol in symbols)


def _wanted(consumer: Consumer, symbols: Sequence[str]) -> Iterator[Received | None]:
    """Events, and None where none came for a while."""
    while True:
        event = consumer.next(timeout_s=EVERY_S / 5)
        if event is None or is_of(event, symbols):
            yield event


def _rates(found: Iterator[Received | None], *, as_json: bool) -> Iterator[str]:
    counted, due = Rates(time.monotonic()), time.monotonic() + EVERY_S
    for event in found:
        if event is not None:
            counted.add(event)
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY_S
            told = counted.read(time.monotonic())
            yield msgspec.json.encode(told).decode() if as_json else rates.line(told)


def _json(event: Received) -> str:
    return msgspec.json.encode(event.envelope).decode()
