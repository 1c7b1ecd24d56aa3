"""What a topic says, and what a subscription's topic and binding are: all read from the rows of the table."""

import re
from dataclasses import dataclass
from functools import lru_cache

from gateway import names
from gateway.protocol.categories import base_coin_of
from gateway.protocol.channels.channel import Channel
from gateway.protocol.channels.table import CHANNELS, RAW, RAW_PRIVATE
from gateway.protocol.forms import family

#: Word of a template → what of a topic it stands for. Symbols may hold dots: strikes do (protocol notes, section 6.1).
_WORDS = {
    "symbol": r"(?P<symbol>.+)", "base_coin": r"(?P<symbol>[^.]+)", "group": r"(?P<symbol>[^.]+)", "depth": r"(?P<depth>[0-9]{1,6})",
    "interval": r"(?P<interval>[^.]+)",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """What a topic in the exchange's own words says.

    channel   the row that reads it
    category  of the narrower form of a private topic, or of its endpoint; None: it says none
    symbol    instrument, base coin or group
    """

    channel: Channel
    category: str | None
    symbol: str | None
    depth: int | None
    interval: str | None


def by_type(channel_type: str) -> Channel | None:
    """The row of a word of the REST API."""
    return next((row for row in CHANNELS if row.channel_type == channel_type), None)


@lru_cache(maxsize=65536)
def named_by(topic: str, endpoint: str) -> Named | None:
    """What a topic on an endpoint says; None for a family that no row but `raw` reads."""
    return _private(topic) if endpoint == "private" else _public(topic, endpoint)


def _private(topic: str) -> Named | None:
    whole, narrower = family(topic)
    for row in CHANNELS:
        of = [category for category, template in row.topics.items() if row.private and template == whole]
        category = narrower or ("" if "" in of else "".join(of[:1]))
        if category in of:
            return Named(row, category or None, None, None, None)
    return None


def _public(topic: str, endpoint: str) -> Named | None:
    for row in CHANNELS:
        for category in row.topics:
            if row.private or row.normalise is None or row.endpoint_for(category) != endpoint:
                continue
            named = read_as(row, topic, category)
            if named is not None:
                return named
    return None


def read_as(channel: Channel, topic: str, category: str) -> Named | None:
    """What a topic says to one row, in the words of a category that the row has; None: nothing."""
    found = _pattern(channel.topics[category]).fullmatch(topic)
    if found is None:
        return None
    words = found.groupdict()
    depth = words.get("depth")
    return Named(channel, category or None, words.get("symbol"), int(depth) if depth else None, words.get("interval"))


def for_topic(topic: str, endpoint: str) -> Channel:
    """The row that reads a topic on an endpoint; `raw` for a family that no other row knows."""
    named = named_by(topic, endpoint)
    return named.channel if named is not None else RAW_PRIVATE if endpoint == "private" else RAW


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile("".join(_WORDS[part] if place % 2 else re.escape(part) for place, part in enumerate(parts)))


def topic_of(channel: Channel, *, category: str | None, symbol: str | None, depth: int | None, interval: str | None) -> str:
    """The exchange's topic of a subscription that has been checked against the row."""
    template = channel.topics[category or ""]
    return template.format(symbol=symbol, group=symbol, base_coin=base_coin_of(symbol or ""), depth=depth, interval=interval)


def binding_of(channel: Channel, *, category: str | None, symbol: str | None, depth: int | None, interval: str | None) -> str:
    """What a service's queue is bound to for a subscription; words that it leaves open are `*`."""
    if channel.symbol_use in ("filter", "none"):
        return names.service_binding(channel.event_type, category=category, symbol=symbol, variant=None)
    if channel.goes_by_base_coin(category):
        base_coin = base_coin_of(symbol or "")
        whole_coin = symbol == base_coin
        return names.service_binding(
            channel.event_type, category=category, symbol=None if whole_coin else symbol, variant=base_coin
        )
    variant = str(depth) if depth is not None else interval or names.NO_WORD
    return names.service_binding(channel.event_type, category=category, symbol=symbol, variant=variant)
