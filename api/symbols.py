"""Which instruments or group a request means, and which category: the rules of the public contract, section 5.

Pure but for the resolver that is handed in, which knows the catalog and may ask the exchange.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from api.asked import Asked, Rules
from gateway.errors import RequestError
from gateway.protocol import selectors
from gateway.protocol.categories import OPTION, SYMBOL, is_plain
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import CATEGORIES
from gateway.resolution import Resolved


class Resolve(Protocol):
    """Decides a symbol's category, and whether the exchange has it; see `gateway/resolution.py`. Raises RequestError UNKNOWN_SYMBOL."""

    def __call__(self, symbol: str, *, category: str | None, channel_categories: Sequence[str], is_base_coin: bool) -> Resolved: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a wish belongs.

    category  None: the topic carries all
    source    where the category is known from; None where there is none
    verified  whether the exchange lists the symbol; None where no single instrument is meant
    """

    category: str | None = None
    source: str | None = None
    verified: bool | None = None


def symbol_of(asked: Asked, channel: Channel) -> str | None:
    """As the channel uses it: an instrument, a base coin, a group, or a pattern of instruments; None: all of the topic."""
    asked = asked if asked.symbol is None else replace(asked, symbol=selectors.plainest(asked.symbol))
    if channel.symbol_use in ("none", "topic"):
        if asked.symbol is not None:
            raise RequestError(f"found symbol {asked.symbol!r}; expected none for {channel.channel_type}", code="UNEXPECTED_SYMBOL")
        return None
    if channel.symbol_use == "filter" and asked.symbol in (None, "*"):
        return None
    if asked.symbol is None:
        expected = f"one of {', '.join(channel.groups)}" if channel.groups else "one"
        raise RequestError(f"symbol is missing; expected {expected} for {channel.channel_type}", code="MISSING_SYMBOL")
    if channel.groups:
        if asked.symbol not in channel.groups:
            groups = ", ".join(channel.groups)
            raise RequestError(
                f"found symbol {asked.symbol!r}; expected a group of contracts for {channel.channel_type}: {groups}",
                code="UNKNOWN_SYMBOL",
            )
        return asked.symbol
    if selectors.is_pattern(asked.symbol):
        _check_pattern(asked, channel)
        return asked.symbol
    if not SYMBOL.fullmatch(asked.symbol):
        raise RequestError(
            f"found symbol {asked.symbol!r}; expected an instrument's name in upper case, such as BTCUSDT", code="UNKNOWN_SYMBOL"
        )
    return asked.symbol


def place_of(asked: Asked, channel: Channel, symbol: str | None, rules: Rules, resolve: Resolve) -> Place:
    """The category, which the channel has and the settings allow, and what is known of the symbol."""
    if asked.category is not None and asked.category not in CATEGORIES:
        raise RequestError(f"found category {asked.category!r}; expected one of {', '.join(CATEGORIES)}")
    place = _decided(asked, channel, symbol, resolve)
    category = place.category
    if category is None:
        return place
    if category not in channel.topics and channel.symbol_use != "topic":
        known = ", ".join(filter(None, channel.topics)) or "none"
        raise RequestError(
            f"{channel.channel_type} does not exist for category {category!r}; expected {known}", code="UNSUPPORTED_FOR_CATEGORY"
        )
    its_own = channel.groups.get(symbol or "", category)
    if its_own != category:
        raise RequestError(
            f"{channel.channel_type} of {symbol!r} does not exist for category {category!r}; expected {its_own}",
            code="UNSUPPORTED_FOR_CATEGORY",
        )
    if category not in rules.enabled_categories:
        raise RequestError(
            f"category {category!r} is disabled; expected one of {', '.join(rules.enabled_categories)}", code="CATEGORY_DISABLED"
        )
    return place


def is_base_coin(channel: Channel, category: str | None, symbol: str) -> bool:
    """Option trades go by base coin: whether a symbol is one."""
    return channel.goes_by_base_coin(category) and is_plain(symbol)


def check_option(channel: Channel, category: str | None, symbol: str | None) -> None:
    """What looks like no option is none, whatever the exchange acknowledges."""
    if symbol is None or category != "option" or selectors.is_pattern(symbol) or is_base_coin(channel, category, symbol):
        return
    if not OPTION.fullmatch(symbol):
        raise RequestError(f"found symbol {symbol!r}; expected an option such as BTC-25DEC26-70000-C-USDT", code="UNKNOWN_SYMBOL")


def _check_pattern(asked: Asked, channel: Channel) -> None:
    """A pattern follows the listings of one category."""
    symbol = asked.symbol or ""
    if channel.symbol_use != "required":
        raise RequestError(f"found symbol {symbol!r}; expected one instrument, or none for all, for {channel.channel_type}")
    if not selectors.PATTERN.fullmatch(symbol):
        raise RequestError(
            f"found symbol {symbol!r}; expected a pattern of upper case letters, digits, _ . / - and *", code="UNKNOWN_SYMBOL"
        )
    if asked.category is None:
        raise RequestError(
            f"found symbol {symbol!r} without a category; expected one out of {', '.join(channel.topics)} beside a pattern"
        )
    if asked.topic is not None:
        raise RequestError(f"found topic {asked.topic!r} beside the pattern {symbol!r}; expected one of them")


def _decided(asked: Asked, channel: Channel, symbol: str | None, resolve: Resolve) -> Place:
    """As given, else as the group or the symbol has it."""
    given = "given" if asked.category is not None else None
    if symbol is None or selectors.is_pattern(symbol):
        return Place(asked.category, given)
    if channel.groups:
        return Place(asked.category or channel.groups[symbol], given or "symbol", verified=True)
    if channel.symbol_use == "filter" and asked.category == "spread":  # its rows name the legs too, whose category nobody says
        return Place(asked.category, given, verified=False)
    found = resolve(
        symbol,
        category=asked.category,
        channel_categories=[category for category in channel.topics if category],
        is_base_coin=is_base_coin(channel, asked.category, symbol),
    )
    if channel.symbol_use == "filter":
        return Place(asked.category, given, found.verified)
    return Place(found.category, given or found.source, found.verified)
