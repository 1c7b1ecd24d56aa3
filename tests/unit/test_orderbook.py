"""Continuity of a book's frames. Rules: protocol notes, section 6.2."""

import pytest

from gateway.protocol.channels.channel import Memory
from gateway.protocol.orderbook import follow


@pytest.mark.parametrize(
    ("frames", "depth", "expected", "hole"),
    [
        ("s5 d6 d7", 50, [True, True, True], None),
        ("d6 d7", 50, [False, False], "a change came before any snapshot"),
        ("s5 d7 d8 s20 d21", 50, [True, False, False, True, True], None),
        ("s5 d7 d9", 50, [True, False, False], "update 7 came after 5"),
        ("s5 d5 d6", 50, [True, False, False], "update 5 came after 5"),
        ("s5 d4", 50, [True, False], "update 4 came after 5"),
        ("s5 d1 d2", 50, [True, True, True], None),
        ("s5 s5 s9", 1, [True, True, True], None),
        ("s5 d9", 1, [True, True], None),
    ],
    ids=[
        "unbroken",
        "no snapshot",
        "skipped, then healed",
        "the first reason stays",
        "repeated",
        "gone back",
        "restart",
        "level 1",
        "level 1 delta",
    ],
)
def test_in_sync_says_whether_the_frames_since_the_snapshot_are_unbroken(
    frames: str, depth: int, expected: list[bool], hole: str | None
) -> None:
    memory = Memory()
    kinds = {"s": "snapshot", "d": "delta"}
    found = [follow(memory, kind=kinds[word[0]], update_id=int(word[1:]), depth=depth) for word in frames.split()]
    assert (found, memory.hole) == (expected, hole)
