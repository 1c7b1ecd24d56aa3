"""A table that forgets: not what is young, not what is few, and never more than there is room for."""

from gateway.protocol.lately import Lately


def test_what_is_few_is_kept_however_old_it_is() -> None:
    lately = Lately[str, int](most=2, cap=4, kept_ms=100)
    lately.put("a", 1, 0)
    lately.put("b", 2, 1_000_000)
    assert list(lately.items()) == [("a", 1), ("b", 2)]


def test_what_is_young_is_kept_however_much_it_is_up_to_the_cap() -> None:
    lately = Lately[int, int](most=2, cap=4, kept_ms=100)
    for number in range(4):
        lately.put(number, number, number)
    assert len(lately) == 4
    lately.put(4, 4, 4)
    assert [key for key, _ in lately.items()] == [1, 2, 3, 4]


def test_beyond_its_number_what_is_old_is_forgotten_first() -> None:
    lately = Lately[int, int](most=2, cap=4, kept_ms=100)
    for number in range(3):
        lately.put(number, number, 0)
    lately.put(0, 5, 50)
    lately.put(9, 9, 100)
    assert list(lately.items()) == [(0, 5), (9, 9)]
    assert lately.get(1) is None


def test_what_is_dropped_is_gone() -> None:
    lately = Lately[str, int]()
    lately.put("a", 1, 0)
    lately.drop("a")
    lately.drop("b")
    assert (lately.get("a"), len(lately)) == (None, 0)
