"""CHANNELS: every family of topics the gateway reads. A new one is a file beside this, a row here, and golden frames."""

from functools import lru_cache

from gateway import names
from gateway.protocol.channels import (
    balance,
    execution,
    kline,
    order,
    orderbook,
    position,
    system_status,
    ticker,
    trades,
)
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import CATEGORIES

#: Source: protocol notes, sections 6.2 and 6.7.
_DEEP = (1, 50, 200, 1000)
_INTERVALS = ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")

#: Source of topics and availability: protocol notes, sections 6.1 and 7; of types, defaults and named fields: the public
#: contract, section 3. `system` has no topic: the gateway itself tells.
CHANNELS: tuple[Channel, ...] = (
    Channel(
        channel_type="trades",
        event_type="trade",
        topics={
            "spot": "publicTrade.{symbol}",
            "linear": "publicTrade.{symbol}",
            "inverse": "publicTrade.{symbol}",
            "option": "publicTrade.{base_coin}",
            "spread": "publicTrade.{symbol}",
        },
        symbol_use="required",
        normalise=trades.normalise,
        named=trades.NAMED,
    ),
    Channel(
        channel_type="ticker",
        event_type="ticker",
        topics=dict.fromkeys(("spot", "linear", "inverse", "option", "spread"), "tickers.{symbol}"),
        symbol_use="required",
        normalise=ticker.normalise,
        named=ticker.NAMED,
        pushes_first=True,
    ),
    Channel(
        channel_type="orderbook",
        event_type="orderbook",
        topics=dict.fromkeys(("spot", "linear", "inverse", "option", "spread"), "orderbook.{depth}.{symbol}"),
        symbol_use="required",
        normalise=orderbook.normalise,
        named=orderbook.NAMED,
        depths={"spot": _DEEP, "linear": _DEEP, "inverse": _DEEP, "option": (25, 100), "spread": (25,)},
        default_depth={"spot": 50, "linear": 50, "inverse": 50, "option": 25, "spread": 25},
        pushes_first=True,
    ),
    Channel(
        channel_type="kline",
        event_type="kline",
        topics=dict.fromkeys(("spot", "linear", "inverse"), "kline.{interval}.{symbol}"),
        symbol_use="required",
        normalise=kline.normalise,
        named=kline.NAMED,
        intervals=_INTERVALS,
        default_interval="1",
        pushes_first=True,
    ),
    Channel(
        channel_type="order",
        event_type="order",
        topics=dict.fromkeys(("", "spot", "linear", "inverse", "option"), "order"),
        symbol_use="filter",
        normalise=order.normalise,
        named=order.NAMED,
        private=True,
        endpoint="private",
    ),
    Channel(
        channel_type="execution",
        event_type="execution",
        topics=dict.fromkeys(("", "spot", "linear", "inverse", "option"), "execution"),
        symbol_use="filter",
        normalise=execution.normalise,
        named=execution.NAMED,
        private=True,
        endpoint="private",
    ),
    Channel(
        channel_type="position",
        event_type="position",
        topics=dict.fromkeys(("", "linear", "inverse", "option"), "position"),
        symbol_use="filter",
        normalise=position.normalise,
        named=position.NAMED,
        private=True,
        endpoint="private",
    ),
    Channel(
        channel_type="balance",
        event_type="balance",
        topics={"": "wallet"},
        symbol_use="none",
        normalise=balance.normalise,
        named=balance.NAMED,
        private=True,
        endpoint="private",
    ),
    Channel(
        channel_type="system_status",
        event_type="system_status",
        topics={"": "system.status"},
        symbol_use="none",
        normalise=system_status.normalise,
        named=system_status.NAMED,
        endpoint="status",
    ),
    Channel(
        channel_type="system",
        event_type="system",
        topics={"": "system"},
        symbol_use="none",
        normalise=None,
        named=("kind", "endpoint", "worker", "topic", "gap_id", "detail"),
        endpoint="",
    ),
)


def by_type(channel_type: str) -> Channel | None:
    """The row of a word of the REST API."""
    return next((row for row in CHANNELS if row.channel_type == channel_type), None)


@lru_cache(maxsize=65536)
def for_topic(topic: str, endpoint: str) -> Channel | None:
    """The row that reads a topic on an endpoint; None for a family that no row knows."""
    head, _, rest = topic.partition(".")
    for row in CHANNELS:
        for category, template in row.topics.items():
            if row.normalise is None or row.endpoint_for(category) != endpoint:
                continue
            if "{" not in template:
                if topic == template or (row.private and head == template and rest in CATEGORIES):
                    return row
            elif template.partition(".")[0] == head and (not row.depths or rest.partition(".")[0].isdigit()):
                return row
    return None


def topic_of(channel: Channel, *, category: str | None, symbol: str | None, depth: int | None, interval: str | None) -> str:
    """The exchange's topic of a subscription that has been checked against the row."""
    template = channel.topics[category or ""]
    return template.format(symbol=symbol, base_coin=(symbol or "").partition("-")[0], depth=depth, interval=interval)


def binding_of(channel: Channel, *, category: str | None, symbol: str | None, depth: int | None, interval: str | None) -> str:
    """What a service's queue is bound to for a subscription; words that it leaves open are `*`."""
    if channel.symbol_use != "required":
        return names.service_binding(channel.event_type, category=category, symbol=symbol, variant=None)
    base_coin = (symbol or "").partition("-")[0]
    if "{base_coin}" in channel.topics[category or ""]:
        whole_coin = symbol == base_coin
        return names.service_binding(
            channel.event_type, category=category, symbol=None if whole_coin else symbol, variant=base_coin
        )
    variant = str(depth) if depth is not None else interval or names.NO_WORD
    return names.service_binding(channel.event_type, category=category, symbol=symbol, variant=variant)
