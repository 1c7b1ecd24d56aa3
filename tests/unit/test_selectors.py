"""Selectors: which symbols a pattern names, and the topics and bindings it stands for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol import channels, selectors
from gateway.protocol.channels.channel import Channel


def channel(channel_type: str) -> Channel:
    found = channels.by_type(channel_type)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pattern", "named", "not_named"),
    [
        ("*", ["BTCUSDT", "A"], []),
        ("BTC*", ["BTCUSDT", "BTC", "BTC-25DEC26"], ["ETHBTC", "WBTCUSDT"]),
        ("*USDT", ["BTCUSDT", "USDT"], ["BTCUSDT-25DEC26"]),
        ("BTC*-C", ["BTC-6JAN23-17500-C"], ["BTC-6JAN23-17500-P"]),
        ("*BTC*", ["ETHBTC", "BTCUSDT"], ["ETHUSDT"]),
        ("XRP-30OCT26-0.4*", ["XRP-30OCT26-0.4-P-USDT"], ["XRP-30OCT26-014-P-USDT"]),
        ("B**T", ["BT", "BTCUSDT"], ["BTCUSD"]),
    ],
)
def test_a_star_stands_for_any_characters_and_everything_else_for_itself(
    pattern: str, named: list[str], not_named: list[str]
) -> None:
    assert selectors.is_pattern(pattern)
    assert selectors.PATTERN.fullmatch(pattern)
    assert [symbol for symbol in (*named, *not_named) if is_liked(pattern, symbol)] == named


def is_liked(pattern: str, symbol: str) -> bool:
    """As SQL's `like` has it."""
    parts = re.findall(r"\\.|%|[^\\%]", selectors.like(pattern))
    expression = "".join(".*" if part == "%" else "." if part == "_" else re.escape(part[-1]) for part in parts)
    return re.fullmatch(expression, symbol) is not None


@given(st.text("AB_.*-%\\", max_size=8), st.text("AB_.-%\\", max_size=8))
def test_the_pattern_for_sql_names_the_same_symbols(pattern: str, symbol: str) -> None:
    plain = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    assert is_liked(pattern, symbol) == bool(plain.fullmatch(symbol))


@pytest.mark.parametrize("text", ["BTCUSDT", "", "btc*", "BTC?*", "* ", "A" * 100 + "*"])
def test_what_is_no_pattern(text: str) -> None:
    assert not selectors.PATTERN.fullmatch(text)


def test_no_topic_of_the_exchange_looks_like_that_of_a_selector() -> None:
    for row in channels.CHANNELS:
        if row.symbol_use == "required":
            for category in row.topics:
                topic = selectors.topic_of(row, category=category, pattern="BTC-*", depth=50, interval="1")
                assert selectors.is_pattern(topic)


def test_topics_are_those_of_the_instruments_and_option_trades_go_by_base_coin() -> None:
    def topics(channel_type: str, category: str, symbols: list[str]) -> list[str]:
        return selectors.topics_of(channel(channel_type), category=category, depth=50, interval=None, symbols=symbols)

    assert topics("orderbook", "linear", ["BTCUSDT", "BTCPERP"]) == ["orderbook.50.BTCUSDT", "orderbook.50.BTCPERP"]
    assert topics("trades", "option", ["BTC-6JAN23-1-C", "BTC-6JAN23-2-C", "ETH-6JAN23-2-C"]) == [
        "publicTrade.BTC",
        "publicTrade.ETH",
    ]
    assert topics("trades", "linear", []) == []


def test_bindings_are_exactly_what_was_asked_for() -> None:
    def bindings(channel_type: str, category: str, pattern: str, symbols: list[str]) -> list[str]:
        row = channel(channel_type)
        assert selectors.whole_of(row, category=category, pattern=pattern) is None
        return selectors.bindings_of(row, category=category, depth=None, interval=None, symbols=symbols)

    assert bindings("trades", "linear", "BTC*", ["BTCUSDT", "BTCPERP"]) == ["trade.linear.BTCUSDT.-", "trade.linear.BTCPERP.-"]
    assert bindings("ticker", "option", "XRP-*", ["XRP-30OCT26-0.4-P-USDT"]) == ["ticker.option.XRP-30OCT26-0_4-P-USDT.-"]
    assert bindings("trades", "linear", "XRP-*", ["XRP-30OCT26"]) == ["trade.linear.XRP-30OCT26.-"]
    assert bindings("trades", "option", "XRP*", ["XRP-30OCT26-0.4-P-USDT"]) == ["trade.option.XRP-30OCT26-0_4-P-USDT.XRP"]
    assert bindings("order", "linear", "BTC*", ["BTCUSDT"]) == ["order.linear.BTCUSDT.*"]
    assert bindings("trades", "linear", "BTC*", []) == []


def test_one_binding_is_enough_for_all_instruments_and_for_all_options_of_a_coin() -> None:
    def whole(channel_type: str, category: str, pattern: str) -> str | None:
        return selectors.whole_of(channel(channel_type), category=category, pattern=pattern)

    assert [whole("trades", "linear", "*"), whole("orderbook", "linear", "**"), whole("trades", "option", "*")] == ["*"] * 3
    assert whole("trades", "option", "XRP-*") == "XRP"
    assert [whole("ticker", "option", "XRP-*"), whole("trades", "linear", "XRP-*"), whole("trades", "option", "XRP*")] == [None] * 3
