"""Selectors: a subscription's symbol that names many instruments, `*` or a pattern such as `BTC*`; and what it stands for.

A wish with a selector stores its topic with the selector in it, `publicTrade.BTC*`: no topic of the exchange looks like that.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from gateway.protocol import channels
from gateway.protocol.channels.channel import Channel

#: Every instrument.
ALL = "*"

#: What a selector may look like. Two stars in a row say no more than one.
PATTERN = re.compile(r"(?=.*\*)[A-Z0-9_./*-]{1,100}")

#: All options of a coin.
_COIN = re.compile(r"([A-Z0-9]+)-\*+")

#: Words for states of many topics, the least settled first. What is refused or stalled counts only when all are.
_STATES = ("requested", "acknowledged", "live")
_TROUBLED = ("refused", "stalled")
NONE_MATCHES = "no instrument matches yet"


def is_pattern(symbol: str | None) -> bool:
    """Whether a symbol or topic names many. Whether it is a good pattern: `PATTERN.fullmatch`."""
    return symbol is not None and "*" in symbol


def plainest(pattern: str) -> str:
    """The same with one star where several stand in a row."""
    return re.sub(r"\*+", ALL, pattern)


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", pattern))))


def matches(pattern: str, symbol: str) -> bool:
    """Whether a symbol is one of those that a pattern names; `*` stands for any characters, or none."""
    return _expression(pattern).fullmatch(symbol) is not None


def like(pattern: str) -> str:
    """The pattern for SQL's `like`, with its usual escape."""
    return re.sub(r"\*+", "%", re.sub(r"([\\%_])", r"\\\1", pattern))


def topic_of(channel: Channel, *, category: str | None, pattern: str, depth: int | None, interval: str | None) -> str:
    """What stands as the topic of a wish with a selector."""
    template = channel.topics[category or ""]
    return template.format(symbol=pattern, base_coin=pattern, depth=depth, interval=interval)


def whole_of(channel: Channel, *, category: str | None, pattern: str) -> str | None:
    """`*`, or the coin of `COIN-*` where topics go by base coin: one binding is enough, whatever is listed; None: it is not."""
    if set(pattern) == {ALL}:
        return ALL
    coin = _COIN.fullmatch(pattern) if "{base_coin}" in channel.topics.get(category or "", "") else None
    return coin[1] if coin else None


def topics_of(
    channel: Channel, *, category: str | None, depth: int | None, interval: str | None, symbols: Iterable[str]
) -> list[str]:
    """The exchange's topics of the instruments that a selector names, each once: option trades go by base coin."""
    found = (channels.topic_of(channel, category=category, symbol=symbol, depth=depth, interval=interval) for symbol in symbols)
    return list(dict.fromkeys(found))


def bindings_of(
    channel: Channel, *, category: str | None, pattern: str, depth: int | None, interval: str | None, symbols: Iterable[str]
) -> list[str]:
    """What the queue of a wish with a selector is bound to: one binding where one is enough, else one for each of these instruments."""
    whole = whole_of(channel, category=category, pattern=pattern)
    named = symbols if whole is None else [whole]
    found = (channels.binding_of(channel, category=category, symbol=symbol, depth=depth, interval=interval) for symbol in named)
    return list(dict.fromkeys(found))


def together(states: Iterable[tuple[str, str, str | None]]) -> tuple[str, str | None]:
    """State and error of a selector from those of its topics: (topic, state, error) of each."""
    told = list(states)
    if not told:
        return "requested", NONE_MATCHES
    troubled = [(topic, state, error) for topic, state, error in told if state in _TROUBLED]
    words = {state for _, state, _ in told} - set(_TROUBLED)
    state = next((word for word in _STATES if word in words), troubled[0][1] if troubled else "requested")
    if not troubled:
        return state, next((error for _, _, error in told if error), None)
    topic, trouble, error = troubled[0]
    return state, f"{len(troubled)} of {len(told)} {trouble}, such as {topic}: {error or 'without words'}"
