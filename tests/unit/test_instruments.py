"""Rows of the exchange's catalog: as recorded, spoilt, and hostile; and names that are near to one which is none."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.instruments import Instrument, catalog, instrument, nearest
from simulator.market.instruments import INSTRUMENTS

RECORDED = json.loads((Path(__file__).parents[1] / "frames" / "instruments.json").read_text(encoding="utf-8"))
ROW = {"symbol": "BTCUSDT-25DEC26", "status": "Trading", "baseCoin": "BTC", "deliveryTime": "1798185600000", "launchTime": "0"}


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case['category']}-{case['row']['symbol']}")
def test_recorded_row_is_read(case: dict[str, Any]) -> None:
    read = instrument(case["category"], case["row"])
    assert isinstance(read, Instrument)
    found = {field: getattr(read, field) for field in read.__struct_fields__ if getattr(read, field) is not None}
    assert found == {"category": case["category"], **case["expected"]}


@pytest.mark.parametrize("row", INSTRUMENTS, ids=lambda row: f"{row.category}-{row.symbol}")
def test_simulated_row_is_read(row: Any) -> None:
    read = instrument(row.category, row.row())
    assert isinstance(read, Instrument)
    assert (read.symbol, read.base_coin, read.delivery_ms) == (row.symbol, row.base, row.delivery_ms)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symbol": None}, "found symbol None"),
        ({"symbol": "btcusdt"}, "found symbol 'btcusdt'"),
        ({"symbol": "A" * 101}, "found symbol 'AAA"),
        ({"status": ""}, "found status ''"),
        ({"status": "Tra\0ding"}, "found status"),
        ({"baseCoin": 7}, "found baseCoin 7"),
        ({"baseCoin": "B" * 101}, "found baseCoin"),
        ({"deliveryTime": "soon"}, "found deliveryTime 'soon'"),
        ({"deliveryTime": -1}, "found deliveryTime -1"),
        ({"launchTime": True}, "found launchTime True"),
        ({"launchTime": "9" * 18}, "found launchTime"),
    ],
)
def test_bad_row_is_one_sentence_and_costs_itself_alone(change: dict[str, Any], words: str) -> None:
    row = {**ROW, **change}
    read = instrument("linear", row)
    assert isinstance(read, str)
    assert read.startswith(words)
    assert "; expected" in read
    whole = catalog("linear", [row, {**ROW, "symbol": "ETHUSDT"}])
    assert list(whole.instruments) == ["ETHUSDT"]
    assert whole.faults == (read,)
    assert whole.unread == ({row["symbol"]} if isinstance(row["symbol"], str) else set())


def test_of_two_rows_with_one_symbol_the_later_counts() -> None:
    found = catalog("linear", [{**ROW, "status": "PreLaunch"}, ROW, {**ROW, "status": 3}])
    assert [row.status for row in found.instruments.values()] == ["Trading"]
    assert found.unread == frozenset()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_value_is_a_row_or_a_sentence(row: Any) -> None:
    assert isinstance(instrument("spot", row), Instrument | str)


@given(st.dictionaries(st.sampled_from([*ROW, "quoteCoin"]), st.none() | st.booleans() | st.integers() | st.text() | st.just("X")))
def test_any_row_with_these_keys_is_an_instrument_or_a_sentence(row: Any) -> None:
    assert isinstance(instrument("spot", {**ROW, **row}), Instrument | str)


def test_names_that_are_near_come_the_nearest_first() -> None:
    names = ["BTCUSDT", "ETHUSDT", "BTCPERP", "BTCUSDT-25DEC26", "DOGEUSDT", "BTCUSDT"]
    assert nearest("BTCUSTD", names)[0] == "BTCUSDT"
    assert nearest("ETHUSD", names, n=1) == ["ETHUSDT"]
    assert nearest("QQQQQQ", names) == []
    assert nearest("BTCUSTD", []) == []
