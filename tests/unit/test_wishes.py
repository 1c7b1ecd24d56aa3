"""A subscription request becomes a wish, or one sentence with the contract's code."""

from typing import Any

import pytest
from resolving import without_catalog

from api.asked import Asked, Rules
from api.wishes import wish_of
from gateway.database.store import CREDENTIALS_MISSING
from gateway.errors import RequestError

RULES = Rules(("spot", "linear", "inverse", "option", "spread"), "mainnet", has_credentials=True)


def wish(channel_type: str, rules: Rules = RULES, **given: Any) -> dict[str, Any]:
    return wish_of(Asked(channel_type, "svc", **given), rules, without_catalog("linear"))


@pytest.mark.parametrize(
    ("channel_type", "given", "topic", "endpoint", "category", "source", "queue"),
    [
        ("trades", {"symbol": "BTCUSDT"}, "publicTrade.BTCUSDT", "linear", "linear", "default", "ws-gateway.trade.svc"),
        ("trades", {"symbol": "BTCUSDT", "category": "spot"}, "publicTrade.BTCUSDT", "spot", "spot", "given", "ws-gateway.trade.svc"),
        ("trades", {"symbol": "BTC", "category": "option"}, "publicTrade.BTC", "option", "option", "given", "ws-gateway.trade.svc"),
        ("trades", {"symbol": "BTC-26JUL24-65000-C"}, "publicTrade.BTC", "option", "option", "symbol", "ws-gateway.trade.svc"),
        ("ticker", {"symbol": "BTCUSD"}, "tickers.BTCUSD", "inverse", "inverse", "symbol", "ws-gateway.ticker.svc"),
        ("orderbook", {"symbol": "BTCUSDT"}, "orderbook.50.BTCUSDT", "linear", "linear", "default", "ws-gateway.orderbook.svc"),
        ("orderbook", {"symbol": "BTCUSDT", "depth": 200}, "orderbook.200.BTCUSDT", "linear", "linear", "default", "ws-gateway.orderbook.svc"),
        ("orderbook", {"symbol": "SOLUSDT_SOL/USDT"}, "orderbook.25.SOLUSDT_SOL/USDT", "spread", "spread", "symbol", "ws-gateway.orderbook.svc"),
        ("kline", {"symbol": "BTCUSDT"}, "kline.1.BTCUSDT", "linear", "linear", "default", "ws-gateway.kline.svc"),
        ("kline", {"symbol": "BTCUSDT", "interval": "D"}, "kline.D.BTCUSDT", "linear", "linear", "default", "ws-gateway.kline.svc"),
        ("order", {}, "order", "private", None, None, "ws-gateway.order.svc"),
        ("order", {"symbol": "*"}, "order", "private", None, None, "ws-gateway.order.svc"),
        ("execution", {"symbol": "BTCUSDT", "category": "spot"}, "execution", "private", "spot", "given", "ws-gateway.execution.svc"),
        ("order", {"category": "spread"}, "spread.order", "private", "spread", "given", "ws-gateway.order.svc"),
        ("balance", {}, "wallet", "private", None, None, "ws-gateway.balance.svc"),
        ("insurance", {"symbol": "USDC"}, "insurance.USDC", "linear", "linear", "symbol", "ws-gateway.insurance.svc"),
        ("adl_alert", {"symbol": "inverse"}, "adlAlert.inverse", "inverse", "inverse", "symbol", "ws-gateway.adl_alert.svc"),
        ("adl_alert", {"symbol": "USDT", "category": "linear"}, "adlAlert.USDT", "linear", "linear", "given", "ws-gateway.adl_alert.svc"),
        ("funding", {"symbol": "BTCUSDT"}, "tickers.BTCUSDT", "linear", "linear", "symbol", "ws-gateway.funding.svc"),
        ("rpi_orderbook", {"symbol": "BTCUSDT"}, "orderbook.rpi.BTCUSDT", "linear", "linear", "default", "ws-gateway.rpi_orderbook.svc"),
        ("system_status", {}, "system.status", "status", None, None, "ws-gateway.system_status.svc"),
        ("trades", {"symbol": "*", "category": "linear"}, "publicTrade.*", "linear", "linear", "given", "ws-gateway.trade.svc"),
        ("orderbook", {"symbol": "*USDT", "category": "spot"}, "orderbook.50.*USDT", "spot", "spot", "given", "ws-gateway.orderbook.svc"),
        ("trades", {"symbol": "BTC-*", "category": "option"}, "publicTrade.BTC-*", "option", "option", "given", "ws-gateway.trade.svc"),
        ("trades", {"symbol": "BTCUSDT", "topic": "publicTrade.BTCUSDT"}, "publicTrade.BTCUSDT", "linear", "linear", "default", "ws-gateway.trade.svc"),
    ],
)  # fmt: skip
def test_a_request_becomes_a_wish(
    channel_type: str, given: dict[str, Any], topic: str, endpoint: str, category: str | None, source: str | None, queue: str
) -> None:
    found = wish(channel_type, **given)
    keys = ("topic", "endpoint", "category", "category_source", "queue")
    assert tuple(found[key] for key in keys) == (topic, endpoint, category, source, queue)
    assert (found["state"], found["last_error"], found["delivery"]) == ("requested", None, None)


@pytest.mark.parametrize(
    ("channel_type", "given", "code", "words"),
    [
        ("moon", {}, "INVALID_CHANNEL_TYPE", "expected one of trades, ticker"),
        ("trades", {}, "MISSING_SYMBOL", "symbol is missing"),
        ("balance", {"symbol": "BTC"}, "UNEXPECTED_SYMBOL", "expected none for balance"),
        ("system", {"symbol": "*"}, "UNEXPECTED_SYMBOL", "expected none for system"),
        ("trades", {"symbol": "btcusdt"}, "UNKNOWN_SYMBOL", "in upper case"),
        ("ticker", {"symbol": "BTC", "category": "option"}, "UNKNOWN_SYMBOL", "expected an option such as"),
        ("trades", {"symbol": "BTCUSDT", "category": "option"}, "UNKNOWN_SYMBOL", "expected an option such as"),
        ("trades", {"symbol": "BTC*"}, "INVALID_REQUEST", "without a category; expected one out of spot, linear"),
        ("trades", {"symbol": "btc*", "category": "linear"}, "UNKNOWN_SYMBOL", "expected a pattern of upper case letters"),
        ("trades", {"symbol": "BTC*", "category": "linear", "topic": "publicTrade.BTCUSDT"}, "INVALID_REQUEST", "expected one of them"),
        ("liquidation", {"symbol": "*", "category": "spot"}, "UNSUPPORTED_FOR_CATEGORY", "expected linear, inverse"),
        ("insurance", {"symbol": "*"}, "UNKNOWN_SYMBOL", "expected a group of contracts"),
        ("trades", {"symbol": "BTCUSDT", "category": "moon"}, "INVALID_REQUEST", "expected one of spot, linear"),
        ("kline", {"symbol": "BTC-26JUL24-65000-C"}, "UNSUPPORTED_FOR_CATEGORY", "kline does not exist for category 'option'"),
        ("position", {"category": "spot"}, "UNSUPPORTED_FOR_CATEGORY", "expected linear, inverse, option"),
        ("balance", {"category": "linear"}, "UNSUPPORTED_FOR_CATEGORY", "expected none"),
        ("orderbook", {"symbol": "BTCUSDT", "depth": 25}, "INVALID_DEPTH", "expected 1, 50, 200, 1000"),
        ("orderbook", {"symbol": "SOLUSDT_SOL/USDT", "depth": 50}, "INVALID_DEPTH", "expected 25"),
        ("trades", {"symbol": "BTCUSDT", "depth": 50}, "INVALID_DEPTH", "expected none"),
        ("kline", {"symbol": "BTCUSDT", "interval": "2"}, "INVALID_INTERVAL", "expected 1, 3, 5"),
        ("trades", {"symbol": "BTCUSDT", "interval": "1"}, "INVALID_INTERVAL", "expected none"),
        ("trades", {"symbol": "BTCUSDT", "delivery": "pigeon"}, "INVALID_REQUEST", "found delivery 'pigeon'; expected one of single, batch"),
        ("trades", {"symbol": "BTCUSDT", "ttl_seconds": 5}, "INVALID_REQUEST", "found ttl_seconds 5; expected 10 to 604800"),
        ("trades", {"symbol": "BTCUSDT", "snapshot_seconds": 5}, "INVALID_REQUEST", "expected it only for a book: orderbook, rpi_orderbook, full_orderbook"),
        ("raw", {"topic": "tickers.BTCUSDT", "category": "linear", "snapshot_seconds": 5}, "INVALID_REQUEST", "found snapshot_seconds for ticker"),
        ("orderbook", {"symbol": "BTCUSDT", "snapshot_seconds": 0.9}, "INVALID_REQUEST", "found snapshot_seconds 0.9; expected 1 to 3600"),
        ("orderbook", {"symbol": "BTCUSDT", "snapshot_seconds": 3601}, "INVALID_REQUEST", "expected 1 to 3600"),
        ("orderbook", {"symbol": "BTCUSDT", "snapshot_seconds": float("nan")}, "INVALID_REQUEST", "expected 1 to 3600"),
        ("orderbook", {"symbol": "BTCUSDT", "snapshot_seconds": float("inf")}, "INVALID_REQUEST", "expected 1 to 3600"),
        ("order", {"symbol": "BTC*"}, "INVALID_REQUEST", "expected one instrument, or none for all"),
        ("order", {"symbol": "BTC\n"}, "UNKNOWN_SYMBOL", "found symbol 'BTC\\n'"),
        ("execution_fast", {"category": "spread"}, "UNSUPPORTED_FOR_CATEGORY", "expected spot, linear, inverse, option"),
        ("insurance", {}, "MISSING_SYMBOL", "expected one of USDT, USDC, inverse for insurance"),
        ("adl_alert", {"symbol": "BTCUSDT"}, "UNKNOWN_SYMBOL", "a group of contracts for adl_alert: USDT, USDC, inverse"),
        ("adl_alert", {"symbol": "*"}, "UNKNOWN_SYMBOL", "USDT, USDC, inverse"),
        ("insurance", {"symbol": "USDT", "category": "inverse"}, "UNSUPPORTED_FOR_CATEGORY", "for category 'inverse'; expected linear"),
        ("insurance", {"symbol": "USDT", "category": "spot"}, "UNSUPPORTED_FOR_CATEGORY", "expected linear, inverse"),
        ("full_orderbook", {"symbol": "BTCUSDT", "category": "linear"}, "UNSUPPORTED_FOR_CATEGORY", "expected spot"),
        ("system_status", {"symbol": "BTCUSDT"}, "UNEXPECTED_SYMBOL", "expected none for system_status"),
    ],
)  # fmt: skip
def test_a_bad_request_is_one_sentence_with_its_code(channel_type: str, given: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        wish(channel_type, **given)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("channel_type", "given", "binding"),
    [
        ("trades", {"symbol": "BTCUSDT"}, "trade.linear.BTCUSDT.-"),
        ("trades", {"symbol": "BTC", "category": "option"}, "trade.option.*.BTC"),
        ("trades", {"symbol": "BTC-26JUL24-65000-C"}, "trade.option.BTC-26JUL24-65000-C.BTC"),
        ("trades", {"symbol": "XRP-30OCT26-0.4-P-USDT"}, "trade.option.XRP-30OCT26-0_4-P-USDT.XRP"),
        ("ticker", {"symbol": "BTCUSDT"}, "ticker.linear.BTCUSDT.-"),
        ("ticker", {"symbol": "BTC-26JUL24-65000-C"}, "ticker.option.BTC-26JUL24-65000-C.-"),
        ("orderbook", {"symbol": "BTCUSDT", "category": "spot", "depth": 200}, "orderbook.spot.BTCUSDT.200"),
        ("orderbook", {"symbol": "SOLUSDT_SOL/USDT"}, "orderbook.spread.SOLUSDT_SOL/USDT.25"),
        ("kline", {"symbol": "BTCUSDT"}, "kline.linear.BTCUSDT.1"),
        ("kline", {"symbol": "BTCUSD", "interval": "D"}, "kline.inverse.BTCUSD.D"),
        ("order", {}, "order.*.*.*"),
        ("order", {"symbol": "*"}, "order.*.*.*"),
        ("order", {"symbol": "BTCUSDT"}, "order.*.BTCUSDT.*"),
        ("execution", {"category": "spot"}, "execution.spot.*.*"),
        ("position", {"symbol": "BTCUSDT", "category": "linear"}, "position.linear.BTCUSDT.*"),
        ("balance", {}, "balance.*.*.*"),
        ("system_status", {}, "system_status.*.*.*"),
        ("system", {}, "system.*.*.*"),
        ("trades", {"symbol": "*", "category": "linear"}, "trade.linear.*.-"),
        ("trades", {"symbol": "*", "category": "option"}, "trade.option.*.*"),
        ("trades", {"symbol": "BTC*", "category": "linear"}, ""),
    ],
)  # fmt: skip
def test_a_queue_is_bound_to_exactly_what_was_asked_for(channel_type: str, given: dict[str, Any], binding: str) -> None:
    assert wish(channel_type, **given)["binding"] == binding


@pytest.mark.parametrize(("symbol", "plainest"), [("**", "*"), ("B***T**", "B*T*"), ("BTC*", "BTC*")])
def test_stars_in_a_row_are_the_same_wish_as_one(symbol: str, plainest: str) -> None:
    assert wish("ticker", symbol=symbol, category="linear") == wish("ticker", symbol=plainest, category="linear")
    assert wish("ticker", symbol=symbol, category="linear")["symbol"] == plainest


def test_a_symbol_that_only_filters_leaves_the_topic_whole_and_the_word_open_where_none_was_given() -> None:
    every, one = wish("order"), wish("order", symbol="BTCUSDT")
    assert (every["topic"], one["topic"]) == ("order", "order")
    assert (every["symbol"], one["symbol"]) == (None, "BTCUSDT")
    assert (every["symbol_verified"], one["symbol_verified"]) == (None, False)


@pytest.mark.parametrize(
    ("channel_type", "category", "given", "symbol", "topic", "binding"),
    [
        ("trades", "linear", "**", "*", "publicTrade.*", "trade.linear.*.-"),
        ("trades", "linear", "B**T*", "B*T*", "publicTrade.B*T*", ""),
        ("trades", "option", "BTC-**", "BTC-*", "publicTrade.BTC-*", "trade.option.*.BTC"),
        ("ticker", "option", "BTC-*", "BTC-*", "tickers.BTC-*", ""),
        ("order", "linear", "***", None, "order", "order.linear.*.*"),
    ],
)
def test_stars_in_a_row_are_one_and_a_pattern_has_a_binding_only_where_one_is_enough(
    channel_type: str, category: str, given: str, symbol: str | None, topic: str, binding: str
) -> None:
    row = wish(channel_type, category=category, symbol=given)
    assert (row["symbol"], row["topic"], row["binding"]) == (symbol, topic, binding)


def test_a_group_is_known_without_a_catalog() -> None:
    assert wish("insurance", symbol="USDT")["symbol_verified"] is True


@pytest.mark.parametrize("seconds", [1, 1.5, 3600])
def test_a_book_may_be_wished_for_whole(seconds: float) -> None:
    assert wish("orderbook", symbol="BTCUSDT", snapshot_seconds=seconds)["snapshot_seconds"] == seconds
    assert wish("raw", topic="orderbook.50.BTCUSDT", category="linear", snapshot_seconds=seconds)["snapshot_seconds"] == seconds
    assert wish("orderbook", symbol="BTCUSDT")["snapshot_seconds"] is None


@pytest.mark.parametrize(
    ("channel_type", "given"),
    [
        ("execution_fast", {}),
        ("execution_fast", {"category": "linear"}),
        ("execution_fast", {"topic": "execution.fast.spot"}),
        ("order", {"category": "spread"}),
        ("execution", {"topic": "spread.execution"}),
        ("raw", {"topic": "spread.order"}),
        ("raw", {"topic": "strategy"}),
        ("raw", {"topic": "rfq.open.rfqs"}),
    ],
)
def test_what_the_demo_exchange_lacks_is_refused_there_alone(channel_type: str, given: dict[str, Any]) -> None:
    demo = Rules(RULES.enabled_categories, "demo", has_credentials=True)
    with pytest.raises(
        RequestError, match=r"environment 'demo' does not have; expected order, execution, position, balance, greeks"
    ) as caught:
        wish(channel_type, demo, **given)
    assert caught.value.code == "UNSUPPORTED_FOR_ENVIRONMENT"
    assert wish(channel_type, **given)["endpoint"] == "private"


@pytest.mark.parametrize("channel_type", ["order", "execution", "position", "balance", "greeks", "system_status"])
def test_what_the_demo_exchange_has_is_not_refused(channel_type: str) -> None:
    demo = Rules(RULES.enabled_categories, "demo", has_credentials=True)
    assert wish(channel_type, demo) == wish(channel_type)


def test_a_disabled_category_is_refused() -> None:
    rules = Rules(("spot",), "mainnet", has_credentials=True)
    with pytest.raises(RequestError) as caught:
        wish("trades", rules, symbol="BTCUSD")
    assert caught.value.code == "CATEGORY_DISABLED"


def test_private_channels_without_credentials_are_accepted_and_say_so() -> None:
    rules = Rules(RULES.enabled_categories, "mainnet", has_credentials=False)
    assert wish("order", rules)["last_error"] == CREDENTIALS_MISSING
    assert wish("trades", rules, symbol="BTCUSDT")["last_error"] is None


def test_the_gateways_own_occurrences_need_no_exchange() -> None:
    assert (wish("system")["state"], wish("system")["endpoint"]) == ("acknowledged", "")
