"""Tickers and funding under random snapshots, deltas and new connections, against a plain dict. Source: protocol notes, section 6.5."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.models import BadRecord, Event
from gateway.protocol.channels import ticker
from gateway.protocol.channels.channel import Outcome
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory

#: The exchange's key → ours, and the values it takes here; "" is the exchange's word for nothing.
KEYS = {
    "lastPrice": ("last_price", ("1.0", "1.00", "2", "")),
    "fundingRate": ("funding_rate", ("0.0001", "0.00010", "-0.00010", "0.0002", "")),
    "nextFundingTime": ("next_funding_time", ("1700006400000", "1700035200000", "")),
    "fundingCap": ("funding_cap", ("0.005", "")),
    "price24hPcnt": ("price_24h_pcnt", ("0.01", "-0.01")),
    "brandNew": ("brand_new", ("x", "y", "")),
}
ROWS = st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, (_, values) in KEYS.items()})
STEPS = st.one_of(
    st.tuples(st.just("snapshot"), ROWS.map(lambda row: {"symbol": "A", **row})),
    st.tuples(st.just("snapshot"), ROWS),  # one that does not say whose it is
    st.tuples(st.just("delta"), ROWS),
    st.tuples(st.just("delta"), ROWS.map(lambda row: {"symbol": "A", **row})),
    st.tuples(st.just("connection"), st.just({})),
)


def told(kind: str | None, row: dict[str, str], ts: int, category: str, memory: Memory) -> list[Outcome]:
    frame = parse(json.dumps({"topic": "tickers.A", "type": kind, "ts": ts, "cs": ts, "data": row}).encode())
    assert isinstance(frame, Data)
    return ticker.normalise(frame, category, memory)


def ours(row: dict[str, str]) -> dict[str, Any]:
    """A plain dict's view of a row: our names, nothing for "", a time as a number."""
    return {
        KEYS[key][0]: None if value == "" else int(value) if key == "nextFundingTime" else value
        for key, value in row.items()
        if key in KEYS
    }


class Plain:
    """What a consumer knows who keeps a dict and does as the exchange's documents say."""

    def __init__(self, category: str) -> None:
        self.is_funded = category in ("linear", "inverse")
        self.state: dict[str, str] = {}
        self.funding: tuple[Any, Any] | None = None

    def hears(self, kind: str, row: dict[str, str]) -> tuple[dict[str, Any], set[str], bool] | None:
        """The merged row, what of it changed, and whether its funding did; None: it cannot be read."""
        merged = {**self.state, **row} if kind == "delta" else row
        if merged.get("symbol") != "A" or (kind == "delta" and not self.state):
            self.state = {}
            return None
        changed = {KEYS[key][0] for key in row if key in KEYS and self.state.get(key) != row[key]}
        self.state = merged
        view = ours(merged)
        rate = view.get("funding_rate")
        funding = (rate and Decimal(rate), view.get("next_funding_time"))
        is_news = self.is_funded and rate is not None and funding != self.funding
        self.funding = funding if is_news else self.funding
        return view, changed, is_news


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(STEPS, max_size=30), st.sampled_from(["linear", "inverse", "spot"]))
def test_a_merged_ticker_is_what_a_plain_dict_holds_and_funding_is_told_on_each_change(
    steps: list[tuple[str, dict[str, str]]], category: str
) -> None:
    memory, plain = Memory(), Plain(category)
    identities: list[str] = []
    for ts, (kind, row) in enumerate(steps, start=1):
        if kind == "connection":  # as `Delivery.new_connection` does
            memory, plain.state = Memory(told=memory.told), {}
            continue
        expected, outcomes = plain.hears(kind, row), told(kind, row, ts, category, memory)
        if expected is None:
            assert [type(outcome) for outcome in outcomes] == [BadRecord]
            assert memory.hole is not None, "what cannot be read, or merged, asks for a snapshot"
            continue
        view, changed, has_news = expected
        events = [outcome for outcome in outcomes if isinstance(outcome, Event)]
        assert [event.event_type for event in events] == ["ticker", "funding"][: 1 + has_news]
        assert events == outcomes
        payload = events[0].payload
        assert {name: payload.get(name) for name, _ in KEYS.values()} == {name: view.get(name) for name, _ in KEYS.values()}
        assert set(payload["changed"]) - {"symbol"} == changed
        assert memory.hole is None
        for event in events[1:]:
            assert (Decimal(event.payload["funding_rate"]), event.payload["next_funding_time"]) == plain.funding
        identities += [event.identity for event in events]
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize(
    ("kind", "row"),
    [("snapshot", {}), *((kind, {"symbol": odd}) for kind in ("snapshot", "delta") for odd in ("", 5, None))],
)
def test_after_a_ticker_that_cannot_be_read_nothing_is_merged_before_a_new_snapshot(kind: str, row: dict[str, Any]) -> None:
    memory = Memory()
    told("snapshot", {"symbol": "A", "lastPrice": "1"}, 1, "linear", memory)
    assert [type(outcome) for outcome in told(kind, row, 2, "linear", memory)] == [BadRecord]
    assert memory.hole is not None
    assert [type(outcome) for outcome in told("delta", {"markPrice": "2"}, 3, "linear", memory)] == [BadRecord]
    [event] = told("snapshot", {"symbol": "A", "lastPrice": "3"}, 4, "linear", memory)
    assert isinstance(event, Event)
    assert memory.hole is None


@pytest.mark.parametrize("kind", [None, "", "Delta", "update", 1])
@pytest.mark.parametrize("category", ["linear", "inverse"])
def test_a_frame_that_is_neither_snapshot_nor_delta_asks_for_a_snapshot_where_both_are_sent(category: str, kind: Any) -> None:
    memory = Memory()
    told("snapshot", {"symbol": "A", "lastPrice": "1"}, 1, category, memory)
    assert [type(outcome) for outcome in told(kind, {"symbol": "A", "markPrice": "2"}, 2, category, memory)] == [BadRecord]
    assert memory.hole is not None
    assert [type(outcome) for outcome in told("delta", {"markPrice": "3"}, 3, category, memory)] == [BadRecord]


@pytest.mark.parametrize("category", ["spot", "option", "spread"])
def test_a_frame_without_a_type_is_a_snapshot_where_nothing_else_is_sent(category: str) -> None:
    memory = Memory()
    [event] = told(None, {"symbol": "A", "lastPrice": "1"}, 1, category, memory)
    assert isinstance(event, Event)
    assert memory.hole is None
