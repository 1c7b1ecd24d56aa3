"""The exchange's keys and values in our words. Source of the examples: the public contract, section 3."""

from typing import Any

import pytest

from gateway.protocol.decimals import decimal, plain, total
from gateway.protocol.naming import fields, name, snake, value


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("bid1Price", "bid1_price"), ("price24hPcnt", "price_24h_pcnt"), ("volume24h", "volume_24h"), ("prevPrice1h", "prev_price_1h"),
        ("totalPerpUPL", "total_perp_upl"), ("positionIMByMp", "position_im_by_mp"), ("accountLTV", "account_ltv"),
        ("execFeeV2", "exec_fee_v2"), ("isRPITrade", "is_rpi_trade"), ("i_pr", "i_pr"), ("usdIndexPrice", "usd_index_price"),
        ("symbol", "symbol"),
    ],
)  # fmt: skip
def test_a_key_becomes_words(key: str, expected: str) -> None:
    assert snake(key) == expected


@pytest.mark.parametrize(
    ("key", "family", "expected"),
    [
        ("L", "trade", "tick_direction"), ("BT", "trade", "block_trade"), ("RPI", "trade", "rpi"), ("mP", "trade", "mark_price"),
        ("iP", "trade", "index_price"), ("mIv", "trade", "mark_iv"), ("seq", "position", "position_sequence"),
        ("seq", "trade", "cross_sequence"),
        ("cs", "ticker", "cross_sequence"), ("b", "orderbook", "bids"),
    ],
)  # fmt: skip
def test_a_terse_key_has_a_name_in_its_family(key: str, family: str, expected: str) -> None:
    assert name(key, family) == expected


@pytest.mark.parametrize(
    ("key", "found", "expected"),
    [
        ("price", "", None), ("price", "0.10", "0.10"), ("updatedTime", "1772694602147", 1772694602147), ("updatedTime", "", None),
        ("deliveryTime", "2025-12-26T08:00:00Z", 1766736000000), ("deliveryTime", "soon", "soon"), ("execTime", "9" * 30, "9" * 30),
        ("cumFeeDetail", {"BTC": "1"}, {"BTC": "1"}), ("extraFees", [{"feeCoin": "USDT", "fee": ""}], [{"fee_coin": "USDT", "fee": None}]),
        ("extraFees", "", None), ("legs", {"subFeeType": ""}, {"sub_fee_type": None}),
    ],
)  # fmt: skip
def test_a_value_stays_as_it_came_but_for_times_and_nothing(key: str, found: Any, expected: Any) -> None:
    assert value(key, found) == expected


def test_an_unknown_field_is_kept() -> None:
    assert fields({"brandNewField": {"deepKey": 1}}, "order") == {"brand_new_field": {"deep_key": 1}}


def test_amounts_are_exact_whatever_their_length() -> None:
    long = "1" * 60 + "." + "3" * 60
    assert (
        plain(total([part for part in (decimal(long), decimal("0." + "0" * 59 + "1")) if part is not None]))
        == "1" * 60 + "." + "3" * 59 + "4"
    )


@pytest.mark.parametrize("text", ["", "1e5", "NaN", "Infinity", " 1", "1 ", "--1", "1.", ".5", "0x1", None, True, [], "1" * 101])
def test_what_is_no_plain_decimal_is_none(text: Any) -> None:
    assert decimal(text) is None
