"""Continuity of a book's frames. Rules: protocol notes, sections 6.2 to 6.4."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.book import Book, Level
from gateway.protocol.memory import Memory
from gateway.protocol.orderbook import begins_anew, follow

KINDS = {"s": "snapshot", "d": "delta"}


def heard(memory: Memory, frames: str, depth: str) -> list[bool]:
    """Frames in short: `d7` a delta with `u` 7, `d7@30` one with `seq` 30."""
    found = []
    for word in frames.split():
        update_id, _, sequence = word[1:].partition("@")
        found.append(
            follow(
                memory,
                kind=KINDS[word[0]],
                update_id=int(update_id),
                sequence=int(sequence) if sequence else None,
                depth=depth,
            )
        )
    return found


@pytest.mark.parametrize(
    ("frames", "depth", "expected", "hole"),
    [
        ("s5 d6 d7", "50", [True, True, True], None),
        ("d6 d7", "50", [False, False], "a change came before any snapshot"),
        ("s5 d7 d8 s20 d21", "50", [True, False, False, True, True], None),
        ("s5 d7 d9", "50", [True, False, False], "update 7 came after 5"),
        ("s5 d5 d6", "50", [True, False, False], "update 5 came again"),
        ("s5 d4", "50", [True, False], "update 4 came late, after 5"),
        ("s5 d1 d2", "50", [True, True, True], None),
        ("s5 d1 d2", "rpi", [True, True, True], None),
        ("d1 d2 d4", "50", [True, True, False], "update 4 came after 2"),
        ("s5 d7 s1 d2", "rpi", [True, False, True, True], None),
        ("s5 s5 s9", "1", [True, True, True], None),
        ("s5 d6 d9 s9 s9", "1", [True, True, False, True, True], None),
        ("s5@10 s5@10 s6@9 s6@9", "1", [True, True, True, True], None),
        ("s5@10 d6@10 d7@30", "50", [True, True, True], None),
        ("s5@10 d6@9", "50", [True, False], "sequence 9 came after 10: it is older data"),
        ("s5@10 d6@11 s5@10", "50", [True, True, True], None),
        ("s5@10 d6@3 s7@2 s8@12 d9@13", "50", [True, False, True, True, True], None),
        ("s5@99 d6@9 s7@10", "50", [True, False, True], None),
        ("d6 d7", "full", [False, False], "a change came before any snapshot"),
        (
            "s5 d6 d1 d2",
            "full",
            [True, True, False, False],
            "the exchange began its count anew, and what was known of the book is void",
        ),
        ("s5 d1 s2 d3", "full", [True, False, True, True], None),
    ],
    ids=[
        "unbroken",
        "no snapshot",
        "skipped, then healed",
        "the first reason stays",
        "repeated",
        "gone back",
        "restart",
        "restart with RPI",
        "restart before any snapshot",
        "restart heals",
        "level 1",
        "level 1 by changes, with a hole",
        "level 1 goes by its snapshots",
        "seq stands still and jumps",
        "seq gone back",
        "any snapshot replaces the book",
        "any snapshot heals",
        "a seq that was nonsense locks nothing",
        "full without snapshot",
        "full reset",
        "full reset, then fetched",
    ],
)
def test_in_sync_says_whether_the_frames_since_the_snapshot_are_unbroken(
    frames: str, depth: str, expected: list[bool], hole: str | None
) -> None:
    memory = Memory()
    assert (heard(memory, frames, depth), memory.hole) == (expected, hole)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("s5@10 d8@20 d8@20 d30@21", [True, True, True, True]),
        ("s5@10 d8@20 d9@19 d10@21 s11@22", [True, True, False, False, True]),
        ("d5@10 d6@11", [False, False]),
        ("s5@10 d6@11 s5@10 d7@12", [True, True, True, True]),
    ],
    ids=["jumps are none of its business", "older data", "before its snapshot", "any snapshot replaces the book"],
)
def test_without_continuity_only_older_data_is_a_hole(frames: str, expected: list[bool]) -> None:
    assert heard(Memory(continuity=False), frames, "50") == expected


class Sender:
    """The exchange's side of a book: what it holds at each `seq`, and the frames that say so."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.update_id = dice.randrange(2, 4)  # small, so that it meets the numbers after a restart
        self.sequence = dice.randrange(100)
        self.book = Book()
        self.book.apply("snapshot", [], [])
        self.at: dict[int, tuple[list[Level], list[Level]]] = {}

    def delta(self) -> tuple[str, int, int, list[Level], list[Level]]:
        bids, asks = (
            [[f"{way * self.dice.randrange(1, 6)}", self.dice.choice(("0", "1", "2.0"))] for _ in range(self.dice.randrange(3))]
            for way in (-1, 1)
        )
        self.book.apply("delta", bids, asks)
        self.update_id += 1
        return "delta", self.update_id, self._moved(), bids, asks

    def restart(self) -> tuple[str, int, int, list[Level], list[Level]]:
        self.update_id = 1
        self._moved()
        return self.snapshot()

    def snapshot(self) -> tuple[str, int, int, list[Level], list[Level]]:
        self.at[self.sequence] = self.book.levels()
        return "snapshot", self.update_id, self.sequence, *self.book.levels()

    def _moved(self) -> int:
        self.sequence += self.dice.randrange(1, 4)
        self.at[self.sequence] = self.book.levels()
        return self.sequence


@settings(max_examples=1_000, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["delta"] * 4 + ["drop", "twice", "late", "again", "again", "restart", "snapshot"]), max_size=60),
    st.integers(0, 9),
)
def test_no_book_that_is_called_in_sync_differs_from_the_sender_s(happenings: list[str], seed: int) -> None:
    """A renewal comes a few frames after its hole, as it does over a real line."""
    dice = Random(seed)
    sender, memory, book = Sender(dice), Memory(), Book()
    sent = [sender.snapshot()]
    waiting = list(sent)
    renewal_in = None
    late = None
    for happening in happenings:
        frame = sender.restart() if happening == "restart" else sender.snapshot() if happening == "snapshot" else sender.delta()
        sent.append(frame)
        waiting += [] if happening in ("drop", "late") else [frame] * (2 if happening == "twice" else 1)
        if happening == "again":
            waiting.append(dice.choice([frame for frame in sent if frame[0] == "delta"] or sent))
        if late is not None:
            waiting.append(late)
        late = frame if happening == "late" else None
        for kind, update_id, sequence, bids, asks in waiting:
            was = memory.in_sync
            is_whole = follow(memory, kind=kind, update_id=update_id, sequence=sequence, depth="50")
            book.apply("snapshot" if begins_anew(kind, update_id, "50") else kind, bids, asks)
            if is_whole:
                assert book.levels() == sender.at[sequence]
            elif was:
                renewal_in = 3
        waiting.clear()
        renewal_in = None if renewal_in is None else renewal_in - 1
        if renewal_in == 0:
            waiting.append(sender.snapshot())
    for frame in (sender.snapshot(), sender.snapshot(), sender.delta()):
        kind, update_id, sequence, bids, asks = frame
        is_whole = follow(memory, kind=kind, update_id=update_id, sequence=sequence, depth="50")
        book.apply(kind, bids, asks)
    assert is_whole, "two snapshots in the right order heal everything"
    assert book.levels() == sender.book.levels()
