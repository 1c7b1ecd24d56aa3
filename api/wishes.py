"""A subscription request → the wish that is stored: all rules of the public contract, section 5, in one place. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway import names
from gateway.errors import RequestError
from gateway.protocol import channels
from gateway.protocol.categories import OPTION, SYMBOL, category_of
from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import CATEGORIES

#: One message an event. `batch` is not delivered yet.
SINGLE = "single"
CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
#: Said of what the contract knows and this version does not do.
NOT_YET = "is not supported by this version"


@dataclass(frozen=True, slots=True)
class Asked:
    """The body of POST /subscriptions, its types checked."""

    channel_type: str
    requesting_service: str
    symbol: str | None = None
    category: str | None = None
    depth: int | None = None
    interval: str | None = None
    topic: str | None = None
    delivery: str | None = None
    snapshot_seconds: float | None = None
    ttl_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about subscriptions."""

    enabled_categories: Sequence[str]
    default_category: str
    has_credentials: bool


def wish_of(asked: Asked, rules: Rules) -> dict[str, Any]:
    """The columns of table subscriptions. Raises RequestError with the contract's code."""
    channel = channels.by_type(asked.channel_type)
    if channel is None:
        known = ", ".join(row.channel_type for row in CHANNELS)
        raise RequestError(f"found channel_type {asked.channel_type!r}; expected one of {known}", code="INVALID_CHANNEL_TYPE")
    _refuse_what_is_not_done(asked)
    symbol = _symbol(asked, channel)
    category, source = _category(asked, channel, symbol, rules)
    depth, interval = _depth(asked, channel, category), _interval(asked, channel)
    _check_option_symbol(channel, category, symbol)
    topic = channels.topic_of(channel, category=category, symbol=symbol, depth=depth, interval=interval)
    if asked.topic not in (None, topic):
        raise RequestError(f"found topic {asked.topic!r}; expected none, or {topic!r} for this channel_type", code="INVALID_TOPIC")
    told_by_us = channel.normalise is None
    return {
        "channel_type": channel.channel_type,
        "symbol": symbol,
        "category": category,
        "category_source": source,
        "symbol_verified": None if symbol is None else False,
        "depth": depth,
        "interval": interval,
        "topic": topic,
        "endpoint": channel.endpoint_for(category),
        "requesting_service": asked.requesting_service,
        "delivery": SINGLE,
        "queue": names.service_queue(channel.event_type, asked.requesting_service),
        "binding": channels.binding_of(channel, category=category, symbol=symbol, depth=depth, interval=interval),
        "state": "acknowledged" if told_by_us else "requested",
        "last_error": CREDENTIALS_MISSING if channel.private and not rules.has_credentials else None,
    }


def _refuse_what_is_not_done(asked: Asked) -> None:
    if asked.delivery not in (None, SINGLE):
        known = f"{asked.delivery!r} {NOT_YET}" if asked.delivery == "batch" else f"found {asked.delivery!r}"
        raise RequestError(f"delivery: {known}; expected {SINGLE!r} or none")
    for name in ("snapshot_seconds", "ttl_seconds"):
        if getattr(asked, name) is not None:
            raise RequestError(f"{name} {NOT_YET}; expected none")


def _symbol(asked: Asked, channel: Channel) -> str | None:
    if channel.symbol_use == "none":
        if asked.symbol is not None:
            raise RequestError(f"found symbol {asked.symbol!r}; expected none for {channel.channel_type}", code="UNEXPECTED_SYMBOL")
        return None
    if channel.symbol_use == "filter" and asked.symbol in (None, "*"):
        return None
    if asked.symbol is None:
        raise RequestError(f"symbol is missing; expected one for {channel.channel_type}", code="MISSING_SYMBOL")
    if "*" in asked.symbol:
        raise RequestError(
            f"found symbol {asked.symbol!r}; a pattern {NOT_YET} for {channel.channel_type}; expected one instrument"
        )
    if not SYMBOL.fullmatch(asked.symbol):
        raise RequestError(
            f"found symbol {asked.symbol!r}; expected an instrument's name in upper case, such as BTCUSDT", code="UNKNOWN_SYMBOL"
        )
    return asked.symbol


def _category(asked: Asked, channel: Channel, symbol: str | None, rules: Rules) -> tuple[str | None, str | None]:
    if asked.category is not None and asked.category not in CATEGORIES:
        raise RequestError(f"found category {asked.category!r}; expected one of {', '.join(CATEGORIES)}")
    if asked.category is not None:
        category, source = asked.category, "given"
    elif channel.symbol_use == "required" and symbol is not None:
        category, source = category_of(symbol, default=rules.default_category)
    else:
        return None, None  # the topic carries all categories
    if category not in channel.topics:
        known = ", ".join(filter(None, channel.topics)) or "none"
        raise RequestError(
            f"{channel.channel_type} does not exist for category {category!r}; expected {known}", code="UNSUPPORTED_FOR_CATEGORY"
        )
    if category not in rules.enabled_categories:
        raise RequestError(
            f"category {category!r} is disabled; expected one of {', '.join(rules.enabled_categories)}", code="CATEGORY_DISABLED"
        )
    return category, source


def _depth(asked: Asked, channel: Channel, category: str | None) -> int | None:
    allowed = channel.depths.get(category or "", ())
    if asked.depth is None:
        return channel.default_depth.get(category or "")
    if asked.depth not in allowed:
        known = ", ".join(map(str, allowed)) or "none"
        raise RequestError(
            f"found depth {asked.depth}; expected {known} for {channel.channel_type} {category}", code="INVALID_DEPTH"
        )
    return asked.depth


def _interval(asked: Asked, channel: Channel) -> str | None:
    if asked.interval is None:
        return channel.default_interval
    if asked.interval not in channel.intervals:
        known = ", ".join(channel.intervals) or "none"
        raise RequestError(
            f"found interval {asked.interval!r}; expected {known} for {channel.channel_type}", code="INVALID_INTERVAL"
        )
    return asked.interval


def _check_option_symbol(channel: Channel, category: str | None, symbol: str | None) -> None:
    """Option trades go by base coin: the coin, or one option of it."""
    if symbol is None or category != "option":
        return
    is_coin = category_of(symbol, default="") == ("spot", "symbol")  # no suffix of a contract
    if "{base_coin}" in channel.topics[category] and is_coin:
        return
    if not OPTION.fullmatch(symbol):
        raise RequestError(f"found symbol {symbol!r}; expected an option such as BTC-25DEC26-70000-C-USDT", code="UNKNOWN_SYMBOL")
