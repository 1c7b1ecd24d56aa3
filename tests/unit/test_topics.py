"""A topic in the exchange's own words becomes a wish that says the same, or one sentence with the contract's code."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resolving import without_catalog

from api import topics
from api.asked import Asked, Rules
from api.wishes import wish_of
from gateway import names
from gateway.errors import RequestError
from gateway.protocol import channels
from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Channel
from gateway.protocol.channels.raw import PRIVATE_TOPICS
from gateway.protocol.endpoints import CATEGORIES, ENDPOINTS

RULES = Rules(CATEGORIES, "mainnet", has_credentials=True)
CODES = ("INVALID_TOPIC", "UNSUPPORTED_FOR_CATEGORY", "INVALID_DEPTH", "INVALID_INTERVAL", "UNKNOWN_SYMBOL")
WORDS = ("topic", "endpoint", "category", "category_source", "symbol", "depth", "interval", "queue", "binding")


def wish(channel_type: str, **asked: Any) -> dict[str, Any]:
    return wish_of(Asked(channel_type, "svc", **asked), RULES, without_catalog("linear"))


def made_or_code(channel_type: str, **asked: Any) -> dict[str, Any] | str:
    try:
        return wish(channel_type, **asked)
    except RequestError as fault:
        return fault.code


@pytest.mark.parametrize(
    ("channel_type", "asked", "found"),
    [
        ("order", {"topic": "order.linear"}, ("private", "linear", "given", None, None, None, "ws-gateway.order.svc", "order.linear.*.*")),
        ("order", {"topic": "order"}, ("private", None, None, None, None, None, "ws-gateway.order.svc", "order.*.*.*")),
        ("order", {"topic": "order", "category": "spot"}, ("private", "spot", "given", None, None, None, "ws-gateway.order.svc", "order.spot.*.*")),
        ("order", {"topic": "order.spot", "category": "spot", "symbol": "BTCUSDT"}, ("private", "spot", "given", "BTCUSDT", None, None, "ws-gateway.order.svc", "order.spot.BTCUSDT.*")),
        ("order", {"topic": "spread.order"}, ("private", "spread", "given", None, None, None, "ws-gateway.order.svc", "order.spread.*.*")),
        ("execution_fast", {"topic": "execution.fast.option"}, ("private", "option", "given", None, None, None, "ws-gateway.execution_fast.svc", "execution_fast.option.*.*")),
        ("balance", {"topic": "wallet"}, ("private", None, None, None, None, None, "ws-gateway.balance.svc", "balance.*.*.*")),
        ("orderbook", {"topic": "orderbook.200.BTCUSDT", "category": "spot"}, ("spot", "spot", "given", "BTCUSDT", 200, None, "ws-gateway.orderbook.svc", "orderbook.spot.BTCUSDT.200")),
        ("orderbook", {"topic": "orderbook.200.BTCUSDT", "symbol": "BTCUSDT", "depth": 200}, ("linear", "linear", "default", "BTCUSDT", 200, None, "ws-gateway.orderbook.svc", "orderbook.linear.BTCUSDT.200")),
        ("kline", {"topic": "kline.D.BTCUSD"}, ("inverse", "inverse", "symbol", "BTCUSD", None, "D", "ws-gateway.kline.svc", "kline.inverse.BTCUSD.D")),
        ("trades", {"topic": "publicTrade.BTC", "category": "option"}, ("option", "option", "given", "BTC", None, None, "ws-gateway.trade.svc", "trade.option.*.BTC")),
        ("trades", {"topic": "publicTrade.BTC", "symbol": "BTC-26JUL24-65000-C"}, ("option", "option", "symbol", "BTC-26JUL24-65000-C", None, None, "ws-gateway.trade.svc", "trade.option.BTC-26JUL24-65000-C.BTC")),
        ("ticker", {"topic": "tickers.XRP-30OCT26-0.4-P-USDT"}, ("option", "option", "symbol", "XRP-30OCT26-0.4-P-USDT", None, None, "ws-gateway.ticker.svc", "ticker.option.XRP-30OCT26-0_4-P-USDT.-")),
        ("funding", {"topic": "tickers.BTCUSDT"}, ("linear", "linear", "symbol", "BTCUSDT", None, None, "ws-gateway.funding.svc", "funding.linear.BTCUSDT.-")),
        ("insurance", {"topic": "insurance.inverse"}, ("inverse", "inverse", "symbol", "inverse", None, None, "ws-gateway.insurance.svc", "insurance.inverse.inverse.-")),
        ("system_status", {"topic": "system.status"}, ("status", None, None, None, None, None, "ws-gateway.system_status.svc", "system_status.*.*.*")),
        ("raw", {"topic": "publicTrade.BTCUSDT", "category": "linear"}, ("linear", "linear", "given", "BTCUSDT", None, None, "ws-gateway.trade.svc", "trade.linear.BTCUSDT.-")),
        ("raw", {"topic": "orderbook.25.SOLUSDT_SOL/USDT", "category": "spread"}, ("spread", "spread", "given", "SOLUSDT_SOL/USDT", 25, None, "ws-gateway.orderbook.svc", "orderbook.spread.SOLUSDT_SOL/USDT.25")),
        ("raw", {"topic": "orderbook.rpi.BTCUSDT", "category": "spot"}, ("spot", "spot", "given", "BTCUSDT", None, None, "ws-gateway.rpi_orderbook.svc", "rpi_orderbook.spot.BTCUSDT.-")),
        ("raw", {"topic": "adlAlert.USDC", "category": "linear"}, ("linear", "linear", "given", "USDC", None, None, "ws-gateway.adl_alert.svc", "adl_alert.linear.USDC.-")),
        ("raw", {"topic": "liquidation.BTCUSDT", "category": "linear"}, ("linear", "linear", "given", None, None, None, "ws-gateway.raw.svc", "raw.linear.*.liquidation_BTCUSDT")),
        ("raw", {"topic": "orderbook.full.BTCUSD", "category": "inverse"}, ("inverse", "inverse", "given", None, None, None, "ws-gateway.raw.svc", "raw.inverse.*.orderbook_full_BTCUSD")),
        ("raw", {"topic": "strategy"}, ("private", None, None, None, None, None, "ws-gateway.raw.svc", "raw.*.*.strategy")),
        ("raw", {"topic": "rfq.open.trades"}, ("private", None, None, None, None, None, "ws-gateway.raw.svc", "raw.*.*.rfq_open_trades")),
        ("raw", {"topic": "position.linear"}, ("private", "linear", "given", None, None, None, "ws-gateway.position.svc", "position.linear.*.*")),
        ("raw", {"topic": "position", "category": "linear"}, ("private", "linear", "given", None, None, None, "ws-gateway.position.svc", "position.linear.*.*")),
        ("raw", {"topic": "system.status"}, ("status", None, None, None, None, None, "ws-gateway.system_status.svc", "system_status.*.*.*")),
    ],
)  # fmt: skip
def test_a_topic_becomes_a_wish_that_says_the_same(channel_type: str, asked: dict[str, Any], found: tuple[Any, ...]) -> None:
    made = wish(channel_type, **asked)
    assert tuple(made[word] for word in WORDS) == (asked["topic"], *found)
    assert (made["channel_type"], made["state"]) == (channel_type, "requested")


@pytest.mark.parametrize(
    ("channel_type", "asked", "code", "words"),
    [
        ("raw", {}, "INVALID_TOPIC", "topic is missing"),
        ("raw", {"category": "linear"}, "INVALID_TOPIC", "topic is missing"),
        ("raw", {"topic": "nobody.knows", "category": "linear", "symbol": "BTCUSDT"}, "UNEXPECTED_SYMBOL", "expected none for raw"),
        ("raw", {"topic": "order", "symbol": "*"}, "UNEXPECTED_SYMBOL", "expected none for raw"),
        ("raw", {"topic": "orderbook.50.BTCUSDT", "category": "linear", "depth": 50}, "INVALID_DEPTH", "found depth 50; expected none for raw"),
        ("raw", {"topic": "kline.1.BTCUSDT", "category": "linear", "interval": "1"}, "INVALID_INTERVAL", "expected none for raw"),
        ("raw", {"topic": "orderbook.25.BTCUSDT", "category": "linear"}, "INVALID_DEPTH", "expected 1, 50, 200, 1000"),
        ("raw", {"topic": "kline.2.BTCUSDT", "category": "linear"}, "INVALID_INTERVAL", "expected 1, 3, 5"),
        ("raw", {"topic": "kline.1.BTC-26JUL24-65000-C", "category": "option"}, "UNSUPPORTED_FOR_CATEGORY", "kline does not exist for category 'option'"),
        ("raw", {"topic": "orderbook.full.BTCUSDT", "category": "option"}, "UNSUPPORTED_FOR_CATEGORY", "expected spot"),
        ("full_orderbook", {"topic": "orderbook.full.BTCUSDT", "category": "linear"}, "UNSUPPORTED_FOR_CATEGORY", "expected spot"),
        ("raw", {"topic": "insurance.USDT", "category": "inverse"}, "UNSUPPORTED_FOR_CATEGORY", "expected linear"),
        ("raw", {"topic": "position", "category": "spot"}, "UNSUPPORTED_FOR_CATEGORY", "position does not exist for category 'spot'"),
        ("raw", {"topic": "wallet", "category": "linear"}, "UNSUPPORTED_FOR_CATEGORY", "balance does not exist"),
        ("raw", {"topic": "insurance.EURO", "category": "linear"}, "UNKNOWN_SYMBOL", "USDT, USDC, inverse"),
        ("raw", {"topic": "tickers.btcusdt", "category": "linear"}, "UNKNOWN_SYMBOL", "in upper case"),
        ("raw", {"topic": "tickers.BTC", "category": "option"}, "UNKNOWN_SYMBOL", "expected an option such as"),
        ("raw", {"topic": "nobody.knows", "category": "moon"}, "INVALID_REQUEST", "found category 'moon'"),
        ("raw", {"topic": "publicTrade.BTCUSDT"}, "INVALID_TOPIC", "a category beside it, which every public topic needs"),
        ("raw", {"topic": "nobody.knows"}, "INVALID_TOPIC", "or a topic of the account: order, spread.order, order.spot"),
        ("raw", {"topic": "system"}, "INVALID_TOPIC", "a category beside it"),
        ("raw", {"topic": "position.spot"}, "INVALID_TOPIC", "expected position or position.linear or position.inverse or position.option"),
        ("raw", {"topic": "position.spot", "category": "spot"}, "INVALID_TOPIC", "found topic 'position.spot'"),
        ("raw", {"topic": "wallet.linear", "category": "linear"}, "INVALID_TOPIC", "expected wallet"),
        ("raw", {"topic": "order.linear", "category": "spot"}, "INVALID_TOPIC", "found topic 'order.linear'; expected 'order' or 'order.spot'"),
        ("raw", {"topic": "spread.order", "category": "linear"}, "INVALID_TOPIC", "found topic 'spread.order'; expected 'order' or 'order.linear'"),
        ("raw", {"topic": "order", "category": "spread"}, "INVALID_TOPIC", "found topic 'order'; expected 'spread.order'"),
        ("raw", {"topic": "strategy", "category": "linear"}, "INVALID_TOPIC", "a topic of the account has none"),
        ("raw", {"topic": "publicTrade.BTC-26JUL24-65000-C", "category": "option"}, "INVALID_TOPIC", "found topic 'publicTrade.BTC-26JUL24-65000-C'; expected 'publicTrade.BTC'"),
        ("raw", {"topic": "publicTrade.XRP-30OCT26-0.4-P-USDT", "category": "option"}, "INVALID_TOPIC", "expected publicTrade.{base_coin} for trades"),
        ("raw", {"topic": "dcp.future"}, "INVALID_TOPIC", "cancel the account's live orders"),
        ("raw", {"topic": "dcp", "category": "linear"}, "INVALID_TOPIC", "cancel the account's live orders"),
        ("raw", {"topic": "DCP.spot", "category": "spot"}, "INVALID_TOPIC", "cancel the account's live orders"),
        ("order", {"topic": "dcp.future"}, "INVALID_TOPIC", "cancel the account's live orders"),
        ("raw", {"topic": "rfq.open.public.trades", "category": "linear"}, "INVALID_TOPIC", "the exchange's endpoint 'rfq'"),
        ("raw", {"topic": "earn.dualassets.offers"}, "INVALID_TOPIC", "the exchange's endpoint 'fp'"),
        ("order", {"topic": "order.linear", "category": "spot"}, "INVALID_TOPIC", "found topic 'order.linear'; expected 'order' or 'order.spot'"),
        ("order", {"topic": "execution"}, "INVALID_TOPIC", "expected order or spread.order or order.spot"),
        ("order", {"topic": "order.spread"}, "INVALID_TOPIC", "found topic 'order.spread'"),
        ("position", {"topic": "position.spot"}, "INVALID_TOPIC", "expected position or position.linear"),
        ("balance", {"topic": "wallet.linear"}, "INVALID_TOPIC", "expected wallet for balance"),
        ("trades", {"topic": "publicTrade.BTCUSDT", "symbol": "ETHUSDT"}, "INVALID_TOPIC", "found topic 'publicTrade.BTCUSDT'; expected 'publicTrade.ETHUSDT'"),
        ("orderbook", {"topic": "orderbook.200.BTCUSDT", "depth": 50}, "INVALID_TOPIC", "found topic 'orderbook.200.BTCUSDT'; expected 'orderbook.50.BTCUSDT'"),
        ("orderbook", {"topic": "orderbook.025.BTCUSDT"}, "INVALID_DEPTH", "found depth 25"),
        ("orderbook", {"topic": "orderbook.050.BTCUSDT"}, "INVALID_TOPIC", "found topic 'orderbook.050.BTCUSDT'; expected 'orderbook.50.BTCUSDT'"),
        ("orderbook", {"topic": "orderbook.rpi.BTCUSDT"}, "INVALID_TOPIC", "expected orderbook.{depth}.{symbol} for orderbook"),
        ("kline", {"topic": "kline.1.BTCUSDT", "interval": "3"}, "INVALID_TOPIC", "expected 'kline.3.BTCUSDT'"),
        ("kline", {"topic": "kline.1.BTCUSDT", "category": "spread"}, "UNSUPPORTED_FOR_CATEGORY", "kline does not exist for category 'spread'"),
        ("trades", {"topic": "tickers.BTCUSDT"}, "INVALID_TOPIC", "expected publicTrade.{symbol} or publicTrade.{base_coin} for trades"),
        ("ticker", {"topic": "tickers.BTC*", "category": "linear"}, "INVALID_TOPIC", "letters, digits"),
        ("system", {"topic": "system.status"}, "INVALID_TOPIC", "expected system for system"),
        ("insurance", {"topic": "insurance.USDT", "symbol": "USDC"}, "INVALID_TOPIC", "expected 'insurance.USDC'"),
    ],
)  # fmt: skip
def test_a_topic_that_cannot_be_asked_for_is_one_sentence_with_its_code(
    channel_type: str, asked: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(RequestError) as caught:
        wish(channel_type, **asked)
    assert (caught.value.code, caught.value.status) == (code, 400)
    assert words in str(caught.value)


@pytest.mark.parametrize("topic", ["a b", "", ".", "a..b", ".a", "a.", "a\n", "a\0", "ä.b", "a#", "a.*", "٣.a", "a,b", "x" * 101])
def test_what_no_topic_looks_like_is_refused_whatever_the_channel(topic: str) -> None:
    for channel_type in ("raw", "trades", "order", "system"):
        with pytest.raises(RequestError, match="found topic .*; expected at most 100 letters, digits") as caught:
            wish(channel_type, topic=topic, category="linear")
        assert caught.value.code == "INVALID_TOPIC"


def symbol_for(row: Channel, category: str) -> str | None:
    """One that the row takes in a category; None where its topic needs none."""
    if row.private:
        return None
    if row.groups:
        return next(name for name, of in row.groups.items() if of == category)
    if category != "option":
        return "BTCUSDT"
    return "BTC" if "{base_coin}" in row.topics[category] else "BTC-26JUL24-65000-C"


@pytest.mark.parametrize("row", CHANNELS, ids=lambda row: row.channel_type)
def test_every_topic_of_a_row_can_be_asked_for_by_its_words_alone(row: Channel) -> None:
    for category in filter(None, row.topics):
        plain = wish(row.channel_type, category=category, symbol=symbol_for(row, category))
        assert wish(row.channel_type, topic=plain["topic"], category=category) == plain
        if row.derived_from is None:
            assert wish("raw", topic=plain["topic"], category=category) == {**plain, "channel_type": "raw"}


def test_every_private_topic_without_a_row_can_be_asked_for() -> None:
    for topic in PRIVATE_TOPICS:
        assert wish("raw", topic=topic)["endpoint"] == "private"


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    topic=st.one_of(
        st.text(max_size=120),
        st.from_regex(
            r"(order|execution|wallet|tickers|orderbook|kline|system|dcp|rfq|x)(\.[a-zA-Z0-9_/-]{1,8}){0,4}", fullmatch=True
        ),
    ),
    channel_type=st.sampled_from([row.channel_type for row in CHANNELS]),
    category=st.sampled_from([None, *CATEGORIES]),
)
def test_no_topic_becomes_another_one_or_makes_it_stumble(topic: str, channel_type: str, category: str | None) -> None:
    made = made_or_code(channel_type, topic=topic, category=category)
    if isinstance(made, str):
        assert made in CODES
        return
    assert made["topic"] == topic
    assert not topic.lower().startswith("dcp")
    assert made["endpoint"] in ENDPOINTS or made["endpoint"] == ""
    assert len(made["binding"].split(".")) == 4
    row = channels.for_topic(topic, made["endpoint"])
    if channel_type == "raw":
        assert made["queue"] == names.service_queue(row.event_type, "svc")
    assert len(topic) <= topics.LONGEST
