"""A materialised book: against a plain one that is sorted anew each time, and against frames that no book can be made of."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.book import Book, Level
from simulator.market.market import Market

NOON = 1_795_521_600_000


class Plain:
    """The rules and nothing else: a dict a side, keyed by price."""

    def __init__(self, depth: int | None) -> None:
        self.depth = depth
        self.sides: tuple[dict[Decimal, Level], dict[Decimal, Level]] = ({}, {})

    def apply(self, kind: str, bids: list[Level], asks: list[Level]) -> None:
        if kind == "snapshot":
            self.sides = ({}, {})
        for side, levels in zip(self.sides, (bids, asks), strict=True):
            for level in levels:
                side.pop(Decimal(level[0]), None)
                if any(Decimal(size) for size in level[1:]):
                    side[Decimal(level[0])] = level
        told = self.levels()
        self.sides = tuple({Decimal(level[0]): level for level in side[: self.depth]} for side in told)  # type: ignore[assignment]

    def levels(self) -> tuple[list[Level], list[Level]]:
        bids, asks = ([side[price] for price in sorted(side)] for side in self.sides)
        return bids[::-1], asks

    def crossed(self) -> bool:
        bids, asks = ([price for price, level in side.items() if Decimal(level[1])] for side in self.sides)
        return bool(bids and asks) and max(bids) >= min(asks)


PRICES = st.builds(
    lambda ticks, zeros: f"{Decimal(ticks) / 4:f}" + ("0" * zeros if ticks % 4 else ""), st.integers(-40, 40), st.integers(0, 2)
) | st.builds(lambda ticks, zeros: f"{ticks}.{'0' * (1 + zeros)}", st.integers(-10, 10), st.integers(0, 2))
SIZES = st.sampled_from(["0", "0.0", "0.000", "00", "1", "0.5", "12.30", "1000000000000000000.000000000000000001"])


def frames(width: int) -> st.SearchStrategy[list[tuple[str, list[Level], list[Level]]]]:
    level = st.tuples(PRICES, *[SIZES] * (width - 1)).map(list)
    kind = st.sampled_from(["delta"] * 9 + ["snapshot"])
    return st.lists(st.tuples(kind, st.lists(level, max_size=6), st.lists(level, max_size=6)), max_size=40)


@pytest.mark.parametrize("width", [2, 3])
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([1, 3, 25, None]))
def test_any_frames_make_the_book_that_a_plain_one_makes(width: int, data: st.DataObject, depth: int | None) -> None:
    book, plain = Book(depth, with_rpi=width == 3), Plain(depth)
    for kind, bids, asks in [("snapshot", [], []), *data.draw(frames(width))]:
        assert book.apply(kind, bids, asks) is None
        plain.apply(kind, bids, asks)
        assert book.levels() == plain.levels()
        assert book.crossed == plain.crossed()


@pytest.mark.parametrize(("depth", "with_rpi"), [(50, False), (50, True), (200, False), (None, False)])
def test_thousands_of_changes_leave_the_book_that_a_plain_one_has(depth: int | None, with_rpi: bool) -> None:
    dice = Random(4)
    book, plain = Book(depth, with_rpi=with_rpi), Plain(depth)
    middle = 0
    for number in range(5_000):
        middle += dice.randrange(-2, 3)
        sides: list[list[Level]] = [
            [
                [
                    f"{Decimal(middle + way * int(dice.expovariate(0.02))) / 10}",
                    *(dice.choice(("0", "0.00", "7", "1.50")) for _ in range(1 + with_rpi)),
                ]
                for _ in range(dice.randrange(4))
            ]
            for way in (-1, 1)
        ]
        kind = "delta" if number else "snapshot"
        assert book.apply(kind, *sides) is None
        plain.apply(kind, *sides)
        if number % 50 == 0:
            assert (book.levels(), book.crossed) == (plain.levels(), plain.crossed())
    assert book.levels() == plain.levels()


@pytest.mark.parametrize(
    ("category", "symbol", "name"),
    [
        ("linear", "BTCUSDT", "50"),
        ("linear", "BTCUSDT", "1000"),
        ("spot", "BTCUSDT", "rpi"),
        ("option", "BTC-25DEC26-90000-C-USDT", "25"),
        ("spread", "SOLUSDT_SOL/USDT", "25"),
    ],
)
def test_streams_of_the_simulator_make_its_own_book_at_every_update(category: str, symbol: str, name: str) -> None:
    market, topic = Market(3, NOON), f"orderbook.{name}.{symbol}"
    [first] = market.first(category, topic, NOON)
    book = Book(50 if name == "rpi" else int(name), with_rpi=name == "rpi")
    heard = [first]
    for step in range(300):
        for frame in heard:
            assert book.apply(frame["type"], frame["data"]["b"], frame["data"]["a"]) is None
        told = market.first(category, topic, NOON)[0]["data"]
        assert book.levels() == (told["b"], told["a"])
        assert not book.crossed
        now_ms = NOON + step * 250
        heard = [
            frame
            for of, frame in market.step(now_ms, 1.0, lambda of, wanted: (of, wanted) == (category, topic))
            if (of, frame["topic"]) == (category, topic)
        ]


def test_texts_of_one_price_are_one_level_and_the_last_is_given_back() -> None:
    book = Book()
    book.apply("snapshot", [["62998", "1"]], [["62999.10", "2.500"]])
    book.apply("delta", [["62998.0", "3.00"]], [["0062999.1", "0.000"]])
    assert book.levels() == ([["62998.0", "3.00"]], [])


def test_prices_below_zero_are_sorted_as_numbers() -> None:
    book = Book()
    book.apply("snapshot", [["-2", "1"], ["-10", "1"]], [["9", "1"], ["10", "1"], ["-1.5", "1"]])
    assert book.levels() == ([["-2", "1"], ["-10", "1"]], [["-1.5", "1"], ["9", "1"], ["10", "1"]])
    assert book.best == (Decimal(-2), Decimal("-1.5"))


def test_rpi_levels_vanish_only_when_both_sizes_are_zero() -> None:
    book = Book(50, with_rpi=True)
    book.apply("snapshot", [["121969.9", "0.25", "0"], ["121960.5", "0", "0.163986"]], [])
    book.apply("delta", [["121969.9", "0", "0"], ["121960.5", "0", "0.1"]], [])
    assert book.levels() == ([["121960.5", "0", "0.1"]], [])


@pytest.mark.parametrize(
    ("bids", "asks", "crossed"),
    [
        ([["5", "1", "0"]], [["6", "1", "0"]], False),
        ([["5", "1", "0"]], [["5", "1", "0"]], True),
        ([["7", "0", "1"], ["5", "1", "0"]], [["6", "1", "0"]], False),
        ([["7", "0.0", "1"]], [["6", "1", "0"]], False),
        ([["7", "1", "1"]], [["5", "0", "3"], ["6", "1", "0"]], True),
        ([], [["6", "1", "0"]], False),
    ],
    ids=["not", "equal", "RPI alone", "RPI only", "behind RPI", "one-sided"],
)
def test_rpi_orders_alone_cross_nothing(bids: list[Level], asks: list[Level], crossed: bool) -> None:
    book = Book(with_rpi=True)
    assert book.apply("snapshot", bids, asks) is None
    assert book.crossed is crossed


LEVEL = ["1", "1"]


@pytest.mark.parametrize(
    "levels",
    [
        None, {}, "b", 3, [None], ["1"], [["1"]], [["1", "1", "1"]], [[]], [{"0": "1", "1": "1"}], [[1, "1"]], [["1", 1]],
        [["1", None]], [[None, "1"]], [["1", True]], [[["1"], "1"]], [["1", ["1"]]], [["", "1"]], [["1", ""]], [["NaN", "1"]],
        [["1", "NaN"]], [["Infinity", "1"]], [["1", "-Infinity"]], [["1e3", "1"]], [["1", "1E3"]], [["1", "-1"]], [["1", "1."]],
        [["1_000", "1"]], [[" 1", "1"]], [["1", "1 "]], [["1\n", "1"]], [["1", "1\n"]], [["٣", "1"]], [["1", "٣"]],
        [["9" * 101, "1"]], [["1", "9" * 101]], [[1.5, "1"]], [["1", 1.5]], [LEVEL, LEVEL, [b"1", "1"]],
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["snapshot", "delta"])
def test_what_cannot_be_read_is_a_reason_and_ends_the_book_until_a_snapshot(levels: Any, kind: str) -> None:
    for bids, asks in ((levels, [LEVEL]), ([LEVEL], levels)):
        book = Book()
        assert book.apply("snapshot", [["1", "1"]], [["2", "1"]]) is None
        reason = book.apply(kind, bids, asks)
        assert reason is not None
        assert reason.startswith("found ")
        assert (book.is_known, book.levels(), book.crossed) == (False, ([], []), False)
        assert book.apply("delta", [["1", "2"]], []) == "a change came before any snapshot"
        assert book.apply("snapshot", [["1", "2"]], []) is None
        assert (book.is_known, book.levels()) == (True, ([["1", "2"]], []))


def test_a_frame_of_another_type_is_a_reason() -> None:
    book = Book()
    assert book.apply("update", [], []) == "found a frame of type 'update'; expected snapshot or delta"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | PRICES | SIZES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["snapshot", "delta", ""]), JSON, JSON), max_size=8), st.booleans())
def test_nothing_makes_a_book_fail(found: list[tuple[str, Any, Any]], with_rpi: bool) -> None:
    book = Book(2, with_rpi=with_rpi)
    for kind, bids, asks in found:
        reason = book.apply(kind, bids, asks)
        assert book.is_known == (reason is None)
        assert all(len(side) <= 2 for side in book.levels())


def test_frames_that_were_taken_are_not_tied_to_the_book() -> None:
    bids = [["1", "1"]]
    book = Book()
    book.apply("snapshot", bids, [])
    bids[0][1] = "7"
    assert book.levels() == ([["1", "1"]], [])
