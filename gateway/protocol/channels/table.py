"""The literal table CHANNELS: every family of topics the gateway reads. A new one is a file beside this, a row here, and golden frames."""

from dataclasses import replace

from gateway.protocol.channels import (
    balance,
    execution,
    funding,
    greeks,
    kline,
    liquidation,
    order,
    orderbook,
    pools,
    position,
    price_limit,
    raw,
    system,
    system_status,
    ticker,
    trades,
)
from gateway.protocol.channels.channel import Channel

#: Source: protocol notes, sections 6.2 and 6.7.
_DEEP = (1, 50, 200, 1000)
_INTERVALS = ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")
#: Group of contracts → the category whose endpoint has it: the natural split, it is not documented (protocol notes, section 6.1).
_GROUPS = {"USDT": "linear", "USDC": "linear", "inverse": "inverse"}
_CONTRACTS = ("linear", "inverse")
_FULL_SERVICE = ("spot", "linear", "inverse")
#: The demo exchange's private stream has five topics: `order`, `execution`, `position`, `wallet`, `greeks` (protocol notes, section 1.1).
_NOT_IN_DEMO = ("demo",)
_NO_SPREADS_IN_DEMO = {"spread": _NOT_IN_DEMO}

#: Source of topics and availability: protocol notes, sections 6.1 and 7; of types, defaults and named fields: the public
#: contract, section 3. `system` has no topic: the gateway itself tells. `raw` reads what no other row reads.
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
        fields=trades.FIELDS,
    ),
    Channel(
        channel_type="ticker",
        event_type="ticker",
        topics=dict.fromkeys(("spot", "linear", "inverse", "option", "spread"), "tickers.{symbol}"),
        symbol_use="required",
        normalise=ticker.normalise,
        fields=ticker.FIELDS,
        pushes_first=True,
    ),
    Channel(
        channel_type="orderbook",
        event_type="orderbook",
        topics=dict.fromkeys(("spot", "linear", "inverse", "option", "spread"), "orderbook.{depth}.{symbol}"),
        symbol_use="required",
        normalise=orderbook.normalise,
        fields=orderbook.FIELDS,
        depths={"spot": _DEEP, "linear": _DEEP, "inverse": _DEEP, "option": (25, 100), "spread": (25,)},
        default_depth={"spot": 50, "linear": 50, "inverse": 50, "option": 25, "spread": 25},
        pushes_first=True,
        is_book=True,
    ),
    Channel(
        channel_type="rpi_orderbook",
        event_type="rpi_orderbook",
        topics=dict.fromkeys(_FULL_SERVICE, "orderbook.rpi.{symbol}"),
        symbol_use="required",
        normalise=orderbook.normalise_rpi,
        fields=orderbook.FIELDS,
        pushes_first=True,
        is_book=True,
    ),
    Channel(
        channel_type="full_orderbook",
        event_type="full_orderbook",
        topics={"spot": "orderbook.full.{symbol}"},
        symbol_use="required",
        normalise=orderbook.normalise_full,
        fields=orderbook.FULL,
        is_book=True,
        rest_snapshots=True,
    ),
    Channel(
        channel_type="kline",
        event_type="kline",
        topics=dict.fromkeys(("spot", "linear", "inverse"), "kline.{interval}.{symbol}"),
        symbol_use="required",
        normalise=kline.normalise,
        fields=kline.FIELDS,
        intervals=_INTERVALS,
        default_interval="1",
        pushes_first=True,
    ),
    Channel(
        channel_type="liquidation",
        event_type="liquidation",
        topics=dict.fromkeys(_CONTRACTS, "allLiquidation.{symbol}"),
        symbol_use="required",
        normalise=liquidation.normalise,
        fields=liquidation.FIELDS,
    ),
    Channel(
        channel_type="funding",
        event_type="funding",
        topics=dict.fromkeys(_CONTRACTS, "tickers.{symbol}"),
        symbol_use="required",
        normalise=None,
        fields=funding.FIELDS,
        pushes_first=True,
        derived_from="ticker",
    ),
    Channel(
        channel_type="insurance",
        event_type="insurance",
        topics=dict.fromkeys(_CONTRACTS, "insurance.{group}"),
        symbol_use="group",
        normalise=pools.normalise_insurance,
        fields=pools.INSURANCE,
        groups=_GROUPS,
    ),
    Channel(
        channel_type="price_limit",
        event_type="price_limit",
        topics=dict.fromkeys(_FULL_SERVICE, "priceLimit.{symbol}"),
        symbol_use="required",
        normalise=price_limit.normalise,
        fields=price_limit.FIELDS,
    ),
    Channel(
        channel_type="adl_alert",
        event_type="adl_alert",
        topics=dict.fromkeys(_CONTRACTS, "adlAlert.{group}"),
        symbol_use="group",
        normalise=pools.normalise_alerts,
        fields=pools.ADL_ALERT,
        groups=_GROUPS,
    ),
    Channel(
        channel_type="system_status",
        event_type="system_status",
        topics={"": "system.status"},
        symbol_use="none",
        normalise=system_status.normalise,
        fields=system_status.FIELDS,
        endpoint="status",
    ),
    Channel(
        channel_type="order",
        event_type="order",
        topics=dict.fromkeys(("", "spot", "linear", "inverse", "option"), "order") | {"spread": "spread.order"},
        symbol_use="filter",
        normalise=order.normalise,
        fields=order.FIELDS,
        private=True,
        endpoint="private",
        absent_from=_NO_SPREADS_IN_DEMO,
    ),
    Channel(
        channel_type="execution",
        event_type="execution",
        topics=dict.fromkeys(("", "spot", "linear", "inverse", "option"), "execution") | {"spread": "spread.execution"},
        symbol_use="filter",
        normalise=execution.normalise,
        fields=execution.FIELDS,
        private=True,
        endpoint="private",
        absent_from=_NO_SPREADS_IN_DEMO,
    ),
    Channel(
        channel_type="execution_fast",
        event_type="execution_fast",
        topics=dict.fromkeys(("", "spot", "linear", "inverse", "option"), "execution.fast"),
        symbol_use="filter",
        normalise=execution.normalise_fast,
        fields=execution.FAST,
        private=True,
        endpoint="private",
        absent_from=dict.fromkeys(("", "spot", "linear", "inverse", "option"), _NOT_IN_DEMO),
    ),
    Channel(
        channel_type="position",
        event_type="position",
        topics=dict.fromkeys(("", "linear", "inverse", "option"), "position"),
        symbol_use="filter",
        normalise=position.normalise,
        fields=position.FIELDS,
        private=True,
        endpoint="private",
    ),
    Channel(
        channel_type="balance",
        event_type="balance",
        topics={"": "wallet"},
        symbol_use="none",
        normalise=balance.normalise,
        fields=balance.FIELDS,
        private=True,
        endpoint="private",
    ),
    Channel(
        channel_type="greeks",
        event_type="greeks",
        topics={"": "greeks"},
        symbol_use="none",
        normalise=greeks.normalise,
        fields=greeks.FIELDS,
        private=True,
        endpoint="private",
    ),
    Channel(
        channel_type="raw",
        event_type="raw",
        topics={},
        symbol_use="topic",
        normalise=raw.normalise_public,
        fields=raw.FIELDS,
    ),
    Channel(
        channel_type="system",
        event_type="system",
        topics={"": "system"},
        symbol_use="none",
        normalise=None,
        fields=system.FIELDS,
        endpoint="",
    ),
)

RAW = next(row for row in CHANNELS if row.channel_type == "raw")
#: The same for the account's stream.
RAW_PRIVATE = replace(RAW, normalise=raw.normalise_private, private=True, endpoint="private", absent_from={"": _NOT_IN_DEMO})
