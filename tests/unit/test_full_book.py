"""The whole book, joined of a snapshot over REST and the stream. The procedure, rule by rule: protocol notes, section 6.4."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.book import Level
from gateway.protocol.full_book import MOST_KEPT, MOST_STALE, FullBook, Took
from gateway.protocol.pace import CALM_S
from simulator.market.book import Book, View
from simulator.market.instruments import INSTRUMENTS
from simulator.market.market import Market
from simulator.rest.market_calls import CALLS

NOON = 1_795_521_600_000
TOPIC = "orderbook.full.BTCUSDT"
STEP_MS = 200


def tell(book: FullBook, frame: str, now: float = 0.0, bids: list[Level] | None = None) -> Took:
    """A frame in short: `7@70` has `u` 7 and `seq` 70, and a bid of the price 7 unless others are given."""
    update_id, sequence = map(int, frame.split("@"))
    levels = [[f"{update_id}", "1"]] if bids is None else bids
    return book.frame(kind="delta", update_id=update_id, sequence=sequence, bids=levels, asks=[], now=now)


def answer(numbers: str, bids: list[Level] | None = None) -> dict[str, Any]:
    update_id, sequence = map(int, numbers.split("@"))
    return {"s": "BTCUSDT", "b": [["0.5", "1"]] if bids is None else bids, "a": [["900", "1"]], "u": update_id, "seq": sequence}


def prices(book: FullBook) -> str:
    return " ".join(price for price, _ in book.book.levels()[0])


def synced(numbers: str = "5@50", now: float = 0.0) -> FullBook:
    book = FullBook()
    assert book.snapshot(answer(numbers), now)
    return book


def is_empty(book: FullBook) -> bool:
    """Whether it is known to hold nothing."""
    return book.in_sync and book.book.levels() == ([], [])


@pytest.mark.parametrize(
    ("frames", "snapshot", "taken", "held"),
    [
        ("5@50 6@60 7@70", "6@60", True, "7 0.5"),
        ("5@50 6@60 7@70", "5@50", True, "7 6 0.5"),
        ("5@50 6@60", "6@60", True, "0.5"),
        ("5@50 6@60", "9@90", True, "0.5"),
        ("", "9@90", True, "0.5"),
        ("5@50 6@60", "4@49", False, ""),
        ("5@50 6@60", "7@60", False, ""),
        ("5@50 6@60 7@60", "6@60", False, ""),
        ("5@50 6@60 7@70", "6@65", True, "7 0.5"),
        ("5@50 6@60 7@70", "5@65", False, ""),
        ("5@50 7@70 8@80", "5@50", False, ""),
        ("5@50 7@70 8@80", "7@70", True, "8 0.5"),
        ("5@50 6@40 6@60 7@70", "6@60", True, "7 0.5"),
        ("5@50 6@60 6@60 7@70", "5@50", False, ""),
        ("5@50 6@60 1@70 2@80", "1@70", True, "2 0.5"),
        ("5@50 6@60 1@70 2@80", "6@60", False, ""),
    ],
    ids=[
        "in the middle", "at the first", "at the last", "newer than all", "nothing kept", "older than the first", "equal seq, other u",
        "equal seq, two u", "between two frames", "between two frames, other u", "a hole empties what is kept",
        "what came after the hole is kept", "a falling seq is dropped", "a repeated frame empties what is kept",
        "a restart empties what is kept", "an answer from before the restart",
    ],
)  # fmt: skip
def test_snapshot_and_kept_frames_are_joined_where_both_numbers_fit(frames: str, snapshot: str, taken: bool, held: str) -> None:
    book = FullBook()
    for frame in frames.split():
        assert tell(book, frame) in ("kept", "stale", "broken")
        assert not book.in_sync
    assert book.snapshot(answer(snapshot), 0.0) is taken
    assert (book.in_sync, prices(book)) == (taken, held)
    assert (book.hole is None) is taken


@pytest.mark.parametrize(
    ("frames", "took", "held"),
    [
        ("6@60 7@60", ["applied", "applied"], "7 6 0.5"),
        ("4@40 6@60", ["stale", "applied"], "6 0.5"),
        ("5@50 6@60 6@60 7@70", ["stale", "applied", "stale", "applied"], "7 6 0.5"),
        ("6@45 6@60", ["stale", "applied"], "6 0.5"),
        ("5@55", ["broken"], ""),
        ("7@70 8@80", ["broken", "kept"], ""),
        ("6@60 1@70 2@80", ["applied", "broken", "kept"], ""),
    ],
    ids=["follows", "older", "repeated", "older seq", "same u, other seq", "a hole", "restart"],
)
def test_frames_after_the_snapshot_follow_it_or_end_it(frames: str, took: list[Took], held: str) -> None:
    book = synced()
    assert [tell(book, frame) for frame in frames.split()] == took
    assert prices(book) == held


def test_frame_that_breaks_the_book_is_the_first_that_the_next_snapshot_follows() -> None:
    book = synced()
    assert [tell(book, frame) for frame in ("7@70", "8@80")] == ["broken", "kept"]
    assert book.hole == "update 7 came after 5"
    assert book.snapshot(answer("7@70"), 1.0)
    assert (book.update_id, book.sequence, prices(book)) == (8, 80, "8 0.5")


@pytest.mark.parametrize(
    ("payload", "result", "held"),
    [
        ([["3", "1"]], answer("1@60"), "0.5"),
        ([], {"s": "BTCUSDT", "b": [], "a": []}, ""),
        ([], {"s": "BTCUSDT", "b": [], "a": [], "u": 0, "seq": 0}, ""),
        ([], answer("1@60"), "0.5"),
        ([], answer("1@60", [["3", "1"]]), "3"),
    ],
    ids=["service restart", "delisted", "before an auction", "auction to trading", "tick change"],
)
def test_each_cause_of_a_restart_ends_with_what_rest_knows(payload: list[Level], result: dict[str, Any], held: str) -> None:
    book = synced()
    assert tell(book, "1@60", bids=payload) == "broken"
    assert book.hole == "the exchange began its count anew"
    assert (book.update_id, prices(book)) == (None, "")
    assert book.snapshot(result, 1.0)
    assert (book.in_sync, book.update_id, prices(book), is_empty(book)) == (True, 1, held, not held)


def test_book_found_empty_stays_so_until_a_level_comes_and_is_then_fetched() -> None:
    book = synced()
    tell(book, "1@60", bids=[])
    assert book.snapshot({"b": [], "a": []}, 1.0)
    assert tell(book, "2@70", bids=[]) == "applied"
    assert is_empty(book)
    assert tell(book, "3@80") == "broken"
    assert book.hole == "a change came to a book that was found empty"
    assert book.snapshot(answer("3@80"), 2.0)
    assert not is_empty(book)


def test_empty_answer_is_not_believed_against_changes() -> None:
    book = FullBook()
    tell(book, "5@50")
    assert not book.snapshot({"b": [], "a": []}, 0.0)
    assert book.hole == "the snapshot is empty, yet changes came"


def test_symbol_without_any_frame_and_answer_is_empty_without_a_number() -> None:
    book = FullBook()
    assert book.snapshot({"b": [], "a": []}, 0.0)
    assert (is_empty(book), book.update_id) == (True, None)
    assert tell(book, "5@50", bids=[]) == "applied"
    assert (is_empty(book), book.update_id) == (True, 5)


def test_fetches_are_spaced_ever_wider_and_quick_again_after_a_calm_time() -> None:
    book, now, asked = FullBook(), 0.0, []
    while now < 95.0:
        asked += [now] if book.wants_fetch(now) else []
        now += 0.25
    assert asked == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]
    assert book.snapshot(answer("5@50"), now)
    assert not book.wants_fetch(now + 100.0)
    tell(book, "9@90", now + CALM_S)
    assert not book.wants_fetch(now + CALM_S)
    assert book.wants_fetch(now + 30.0)
    assert not book.wants_fetch(now + 30.75)
    assert book.wants_fetch(now + 31.0)


def test_book_that_breaks_at_once_is_not_fetched_quickly() -> None:
    book, now, asked = FullBook(), 0.0, []
    for number in range(400):
        now = number * 0.25
        if book.wants_fetch(now):
            asked.append(now)
            book.snapshot(answer(f"{number * 5 + 2}@{number * 5 + 2}"), now)
        tell(book, f"{number * 5 + 4}@{number * 5 + 4}", now)
    assert asked == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]


@pytest.mark.parametrize(
    "result",
    [
        None, [], "", {}, {"b": [], "a": None}, {"b": [["1", "1"]], "a": []}, {"b": [["1", "1"]], "a": [], "u": "5", "seq": 5},
        {"b": [["1", "1"]], "a": [], "u": 5, "seq": True}, {"b": [["1", "x"]], "a": [], "u": 5, "seq": 50},
        {"b": [["1", "1", "1"]], "a": [], "u": 5, "seq": 50},
    ],
)  # fmt: skip
def test_answer_that_cannot_be_read_is_a_reason(result: Any) -> None:
    book = FullBook()
    tell(book, "5@50")
    assert not book.snapshot(result, 0.0)
    assert book.hole is not None
    assert "found" in book.hole


def test_frame_that_cannot_be_read_ends_the_book_whether_applied_or_kept() -> None:
    book = synced()
    assert tell(book, "6@60", bids=[["1", "NaN"]]) == "broken"
    assert not book.in_sync
    assert tell(book, "7@70", bids=[["1", "NaN"]]) == "kept"
    assert not book.snapshot(answer("6@60"), 1.0)
    assert book.hole is None or "no snapshot" not in book.hole
    tell(book, "8@80")
    assert book.snapshot(answer("8@80"), 2.0)


def test_late_answer_of_an_earlier_fetch_changes_nothing() -> None:
    book = synced()
    tell(book, "6@60")
    assert not book.snapshot(answer("5@50"), 1.0)
    assert (book.in_sync, book.update_id, prices(book)) == (True, 6, "6 0.5")


def test_kept_frames_are_bounded() -> None:
    book = FullBook()
    for number in range(2, MOST_KEPT + 5):
        assert tell(book, f"{number}@{number}") == "kept"
    assert not book.snapshot(answer(f"{MOST_KEPT}@{MOST_KEPT}"), 0.0)
    assert book.snapshot(answer(f"{MOST_KEPT + 2}@{MOST_KEPT + 2}"), 0.0)
    assert book.update_id == MOST_KEPT + 4


def test_stale_frames_without_end_are_the_truth() -> None:
    """A `seq` or `u` that was nonsense must not lock the book for ever."""
    book = synced("900@9000")
    assert [tell(book, f"{number}@{number}") for number in range(2, MOST_STALE + 2)] == ["stale"] * (MOST_STALE - 1) + ["broken"]
    kept = FullBook()
    tell(kept, "900@9000")
    assert [tell(kept, f"{number}@{number}") for number in range(2, MOST_STALE + 2)] == ["stale"] * (MOST_STALE - 1) + ["kept"]


def test_lost_connection_and_a_crossed_book_begin_again() -> None:
    book = synced()
    book.distrust("the connection was lost", 1.0)
    assert (book.in_sync, book.hole, prices(book)) == (False, "the connection was lost", "")
    assert book.snapshot(answer("9@90"), 2.0)
    book.distrust("the book is crossed", 3.0)
    assert (book.in_sync, book.hole) == (False, "the book is crossed")


def test_snapshot_on_the_stream_is_the_book() -> None:
    book = FullBook()
    tell(book, "5@50")
    took = book.frame(kind="snapshot", update_id=9, sequence=90, bids=[["3", "1"]], asks=[], now=0.0)
    assert (took, prices(book), book.update_id) == ("applied", "3", 9)


class Stream:
    """The simulator's own book, seen whole: its frames, its answers over REST, and what it held at each `seq`."""

    def __init__(self, seed: int, levels: int) -> None:
        [row] = [row for row in INSTRUMENTS if (row.category, row.symbol) == ("spot", "BTCUSDT")]
        self._book = Book(row, Random(seed))
        self._view = View(self._book, levels, 2)
        self.at: dict[int, tuple[int, list[Level], list[Level]]] = {}
        self.fetch()

    def step(self) -> list[dict[str, Any]]:
        self._book.step()
        return [self._frame(self._view.delta())] if self._view.advance(self._book.nearest()) else []

    def restart(self) -> list[dict[str, Any]]:
        self._book.advance()
        self._view.restart(0)
        return [self._frame(([], []))]

    def fetch(self) -> dict[str, Any]:
        found = self._frame(self._view.snapshot())
        self.at[found["seq"]] = (found["u"], found["b"], found["a"])
        return found

    def _frame(self, levels: tuple[list[Level], list[Level]]) -> dict[str, Any]:
        return {"s": "BTCUSDT", "b": levels[0], "a": levels[1], "u": self._view.update_id, "seq": self._view.sequence}


HAPPENINGS = st.sampled_from(["step"] * 8 + ["drop", "twice", "late", "again", "restart", "lost answer"])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(HAPPENINGS, max_size=50), st.integers(1, 5), st.integers(0, 4))
def test_no_whole_book_in_sync_differs_from_the_simulator_s(happenings: list[str], seed: int, answers_after: int) -> None:
    """Frames are kept and applied one by one; the answer of a fetch is some steps old when it comes."""
    stream, book, dice = Stream(seed, 20), FullBook(), Random(seed)
    sent: list[dict[str, Any]] = []
    late: list[dict[str, Any]] = []
    answers: list[tuple[int, Any]] = []

    def hear(frames: list[dict[str, Any]], now: float) -> None:
        for data in frames:
            book.frame(kind="delta", update_id=data["u"], sequence=data["seq"], bids=data["b"], asks=data["a"], now=now)
            agrees()

    def agrees() -> None:
        if book.in_sync:
            assert book.sequence is not None
            assert (book.update_id, *book.book.levels()) == stream.at[book.sequence]
            assert not book.book.crossed
        else:
            assert book.hole
            assert book.book.levels() == ([], [])

    for number, happening in enumerate([*happenings, *["step"] * 200]):
        now = number * STEP_MS / 1000
        made = stream.restart() if happening == "restart" else stream.step()
        sent += made
        stream.fetch()
        hear([] if happening in ("drop", "late") else made * (2 if happening == "twice" else 1), now)
        hear(late + ([dice.choice(sent)] if happening == "again" and sent else []), now)
        late = made if happening == "late" else []
        if book.wants_fetch(now) and happening != "lost answer":
            answers.append((number + answers_after, stream.fetch()))
        while answers and answers[0][0] <= number:
            book.snapshot(answers.pop(0)[1], now)
            agrees()
    assert book.in_sync, book.hole


def test_simulated_stream_and_rest_make_the_whole_book() -> None:
    market, query, book = Market(5, NOON, only=["BTCUSDT"]), {"category": "spot", "symbol": "BTCUSDT"}, FullBook()
    for step in range(1, 400):
        now_ms = NOON + step * STEP_MS
        for category, frame in market.step(now_ms, 1.0, lambda category, topic: (category, topic) == ("spot", TOPIC)):
            if (category, frame["topic"]) == ("spot", TOPIC):
                data = frame["data"]
                book.frame(
                    kind="delta", update_id=data["u"], sequence=data["seq"], bids=data["b"], asks=data["a"], now=now_ms / 1000
                )
        found = CALLS["/v5/market/full_orderbook"](market, query, now_ms)
        if step >= 50 and book.wants_fetch(now_ms / 1000):
            assert book.snapshot(found, now_ms / 1000)
        if book.in_sync:
            assert (book.update_id, *book.book.levels()) == (found["u"], found["b"], found["a"])
    assert book.in_sync
