"""A subscription request → the wish that is stored: the rules of the public contract, section 5.

request ─▶ row of the table ─▶ what its topic says ─▶ symbol ─▶ category ─▶ depth, interval ─▶ the exchange's topic ─▶ wish

Topics in the exchange's own words are read in `topics.py`, symbols and categories in `symbols.py`.
"""

from dataclasses import replace
from typing import Any

from api import symbols, topics
from api.asked import Asked, Rules
from api.symbols import Resolve
from gateway import names
from gateway.database.deliveries import DELIVERIES
from gateway.database.leases import TTL_SECONDS
from gateway.database.store import CREDENTIALS_MISSING
from gateway.errors import RequestError
from gateway.protocol import channels, selectors
from gateway.protocol.channels import CHANNELS, RAW
from gateway.protocol.channels.channel import Channel

#: Bounds of `snapshot_seconds`.
SNAPSHOT_SECONDS = (1, 3600)


def wish_of(asked: Asked, rules: Rules, resolve: Resolve) -> dict[str, Any]:
    """The columns of table subscriptions; `delivery` is None where none is named.

    Raises RequestError with the contract's code, and whatever `resolve` raises.
    """
    channel = _row(asked)
    _check_delivery(asked)
    _check_snapshots(asked, channel)
    _check_lease(asked)
    asked = _with_what_the_topic_says(asked, channel)
    symbol = symbols.symbol_of(asked, channel)
    place = symbols.place_of(asked, channel, symbol, rules, resolve)
    category = place.category
    _check_environment(channel, category, rules)
    depth, interval = _depth(asked, channel, category), _interval(asked, channel)
    symbols.check_option(channel, category, symbol)
    topic, binding = _topic_and_binding(asked, channel, category=category, symbol=symbol, depth=depth, interval=interval)
    endpoint = channel.endpoint_for(category)
    return {
        "channel_type": asked.channel_type,
        "symbol": symbol,
        "category": category,
        "category_source": place.source,
        "symbol_verified": place.verified,
        "depth": depth,
        "interval": interval,
        "topic": topic,
        "endpoint": endpoint,
        "requesting_service": asked.requesting_service,
        "delivery": asked.delivery,
        "queue": names.service_queue(channel.event_type, asked.requesting_service),
        "binding": binding,
        "snapshot_seconds": asked.snapshot_seconds,
        "ttl_seconds": asked.ttl_seconds,
        "state": "requested" if endpoint else "acknowledged",  # without one, the gateway itself tells
        "last_error": CREDENTIALS_MISSING if channel.private and not rules.has_credentials else None,
    }


def _row(asked: Asked) -> Channel:
    """The row whose events are wanted. Of a topic in the exchange's own words that is its family's, so that it keeps its class."""
    channel = channels.by_type(asked.channel_type)
    if channel is None:
        known = ", ".join(row.channel_type for row in CHANNELS)
        raise RequestError(f"found channel_type {asked.channel_type!r}; expected one of {known}", code="INVALID_CHANNEL_TYPE")
    if asked.topic is not None:
        topics.check(asked.topic)
    if channel is not RAW:
        return channel
    if asked.topic is None:
        raise RequestError("topic is missing; expected one in the exchange's own words for raw", code="INVALID_TOPIC")
    for name, code in (("symbol", "UNEXPECTED_SYMBOL"), ("depth", "INVALID_DEPTH"), ("interval", "INVALID_INTERVAL")):
        if getattr(asked, name) is not None:
            raise RequestError(f"found {name} {getattr(asked, name)!r}; expected none for raw: its topic says all", code=code)
    return topics.row_of(asked.topic, asked.category)


def _with_what_the_topic_says(asked: Asked, channel: Channel) -> Asked:
    """The topic fills in what was not given besides; whether all of it agrees is seen in the topic that comes out at the end."""
    if asked.topic is None or channel.symbol_use == "topic":
        return asked
    said = topics.said_by(channel, asked.topic, asked.category)
    return replace(
        asked,
        symbol=said.symbol if asked.symbol is None else asked.symbol,
        category=said.category if asked.category is None and channel.private else asked.category,
        depth=said.depth if asked.depth is None else asked.depth,
        interval=said.interval if asked.interval is None else asked.interval,
    )


def _check_delivery(asked: Asked) -> None:
    if asked.delivery not in (None, *DELIVERIES):
        raise RequestError(f"found delivery {asked.delivery!r}; expected one of {', '.join(DELIVERIES)}")


def _check_lease(asked: Asked) -> None:
    least, most = TTL_SECONDS
    if asked.ttl_seconds is not None and not least <= asked.ttl_seconds <= most:
        raise RequestError(f"found ttl_seconds {asked.ttl_seconds:.15g}; expected {least} to {most}")


def _check_snapshots(asked: Asked, channel: Channel) -> None:
    """Only a book can be published whole."""
    if asked.snapshot_seconds is None:
        return
    if not channel.is_book:
        books = ", ".join(row.channel_type for row in CHANNELS if row.is_book)
        raise RequestError(f"found snapshot_seconds for {channel.channel_type}; expected it only for a book: {books}")
    least, most = SNAPSHOT_SECONDS
    if not least <= asked.snapshot_seconds <= most:
        raise RequestError(f"found snapshot_seconds {asked.snapshot_seconds:.15g}; expected {least} to {most}")


def _check_environment(channel: Channel, category: str | None, rules: Rules) -> None:
    if channel.is_absent(rules.environment, category):
        what = f"{channel.channel_type} of category {category!r}" if category is not None else channel.channel_type
        there = [row.channel_type for row in CHANNELS if row.private and not row.is_absent(rules.environment, None)]
        raise RequestError(
            f"found {what}, which the environment {rules.environment!r} does not have; expected {', '.join(there)} of the account",
            code="UNSUPPORTED_FOR_ENVIRONMENT",
        )


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


def _topic_and_binding(
    asked: Asked, channel: Channel, *, category: str | None, symbol: str | None, depth: int | None, interval: str | None
) -> tuple[str, str]:
    if channel.symbol_use == "topic":
        topic = asked.topic or ""
        return topic, names.service_binding(channel.event_type, category=category, symbol=None, variant=topic)
    if symbol is not None and selectors.is_pattern(symbol):
        topic = selectors.topic_of(channel, category=category, pattern=symbol, depth=depth, interval=interval)
        whole = selectors.whole_of(channel, category=category, pattern=symbol)
        if whole is None:
            return topic, ""  # it has many, which the catalog says
        return topic, channels.binding_of(channel, category=category, symbol=whole, depth=depth, interval=interval)
    made = channels.topic_of(channel, category=category, symbol=symbol, depth=depth, interval=interval)
    topic = topics.agreed(channel, made, given=asked.topic, category=category)
    return topic, channels.binding_of(channel, category=category, symbol=symbol, depth=depth, interval=interval)
