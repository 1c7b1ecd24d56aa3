"""The keys of the simulated market's frames, and their order, against every recorded or documented frame of their kind."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulator.dialect import Message
from simulator.market.market import Market

NOON = int(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()) * 1000
FRAMES = Path(__file__).parents[1] / "frames"
#: Not what the exchange sends now: level-1 deltas ended in March 2025.
PAST = ("linear_orderbook_1_delta_legacy",)
CASES = [
    path
    for folder in ("orderbook", "ticker", "trades", "kline")
    for path in sorted((FRAMES / folder).glob("*.json"))
    if path.stem not in PAST and " seen in " in json.loads(path.read_bytes())["source"]
]
#: Kinds of which the golden frames have none. Source: protocol notes, sections 6.3, 6.4, 6.8 and 6.9 (documents' samples and a recording).
DOCUMENTED = {
    ("spot", "orderbook.rpi.BTCUSDT"): {"topic": "", "ts": 0, "type": "", "data": {"s": "", "b": [], "a": [], "u": 0, "seq": 0}, "cts": 0},
    ("linear", "orderbook.rpi.BTCUSDT"): {"topic": "", "ts": 0, "type": "", "data": {"s": "", "b": [], "a": [], "u": 0, "seq": 0}, "cts": 0},
    ("spot", "orderbook.full.BTCUSDT"): {"topic": "", "ts": 0, "type": "", "data": {"s": "", "b": [], "a": [], "u": 0, "seq": 0}, "cts": 0},
    ("linear", "allLiquidation.BTCUSDT"): {"topic": "", "type": "", "ts": 0, "data": [{"T": 0, "s": "", "S": "", "v": "", "p": ""}]},
    ("inverse", "allLiquidation.BTCUSD"): {"topic": "", "type": "", "ts": 0, "data": [{"T": 0, "s": "", "S": "", "v": "", "p": ""}]},
    ("linear", "insurance.USDT"): {
        "topic": "", "type": "", "ts": 0, "data": [{"coin": "", "symbols": "", "balance": "", "updateTime": ""}],
    },
    ("linear", "adlAlert.USDT"): {
        "topic": "", "type": "", "ts": 0,
        "data": [{"c": "", "s": "", "b": 0.1, "mb": "", "i_pr": -0.3, "pr": 0.1, "adl_tt": 0, "adl_sr": -0.25}],
    },
    ("spot", "priceLimit.BTCUSDT"): {"topic": "", "data": {"symbol": "", "buyLmt": "", "sellLmt": ""}, "ts": 0},
    ("linear", "priceLimit.BTCUSDT"): {"topic": "", "data": {"symbol": "", "buyLmt": "", "sellLmt": ""}, "ts": 0},
}  # fmt: skip


@pytest.fixture(scope="module", name="spoken")
def fixture_spoken() -> dict[tuple[str, str, str], list[Message]]:
    """(category, topic without the symbol, type) → frames of a while, first ones included."""
    market = Market(1, NOON)
    told = [
        (category, frame)
        for category in ("spot", "linear", "inverse", "option", "spread")
        for topic in market.topics(category)
        for frame in market.first(category, topic, NOON)
    ]
    for step in range(1, 200):
        told += market.step(NOON + step * 1_000, 1.5)
    found: dict[tuple[str, str, str], list[Message]] = {}
    for category, frame in told:
        found.setdefault((category, _kind(frame["topic"]), frame.get("type", "")), []).append(frame)
    return found


def _kind(topic: str) -> str:
    """Family and depth; every interval's candles are alike, and so are a dated future's and a perpetual's frames but for tickers."""
    family, rest = topic.split(".", 1)
    return f"{family}.{rest.split('.')[0]}" if family == "orderbook" else family


def _fits(ours: Any, theirs: Any) -> bool:
    """Whether theirs is ours, perhaps without keys that the exchange got after it was recorded."""
    if isinstance(theirs, dict):
        kept = {key: value for key, value in ours.items() if key in theirs}
        return list(kept) == list(theirs) and all(_fits(kept[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list) and theirs and isinstance(theirs[0], dict):
        return all(_fits(row, theirs[0]) for row in ours)
    return type(ours) is type(theirs)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_frames_have_the_keys_of_the_recorded_ones_in_their_order(path: Path, spoken: Any) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    for theirs in case["frames"]:
        found = spoken[case["endpoint"].split("/")[-1], _kind(theirs["topic"]), theirs["type"]]
        if theirs["type"] == "delta" and theirs["topic"].startswith("tickers"):
            order = list(spoken[case["endpoint"], "tickers", "snapshot"][0]["data"])
            told = [key for key in theirs["data"] if key in order]
            assert told == sorted(told, key=order.index)
            found, theirs = [{**frame, "data": {}} for frame in found], {**theirs, "data": {}}
        assert any(_fits(frame, theirs) for frame in found), f"{theirs}\n{found[0]}"


@pytest.mark.parametrize(("category", "topic"), DOCUMENTED)
def test_frames_have_the_keys_of_the_documented_ones_in_their_order(category: str, topic: str, spoken: Any) -> None:
    theirs = DOCUMENTED[category, topic]
    found = [
        frame
        for (of, kind, _), frames in spoken.items()
        for frame in frames
        if (of, kind, frame["topic"]) == (category, _kind(topic), topic)
    ]
    assert found
    for frame in found:
        assert list(frame) == list(theirs)
        assert _fits(frame, theirs), frame
