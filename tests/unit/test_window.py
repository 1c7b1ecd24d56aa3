"""The window under random answers: a record settles once, in order, when it and all before it are confirmed."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.models import Record
from gateway.sinks.window import Window


def record(number: int) -> Record:
    return Record("key", "trade", f"{number}", None, None, "t", "trace", 0, 0, b"")


#: put so many; answer a tag so far behind the newest, alone or with all before it, with yes or no (it is then published again).
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 5), st.just(True)),
        st.tuples(st.just("one"), st.integers(0, 12), st.booleans()),
        st.tuples(st.just("all"), st.integers(0, 12), st.booleans()),
    ),
    max_size=60,
)


@given(STEPS)
def test_records_settle_in_order_once_they_and_all_before_them_are_confirmed(steps: list[tuple[str, int, bool]]) -> None:
    window, tags, put = Window(), list[int](), 0  # tags: the number behind each tag
    answered, confirmed, settled = set[int](), set[int](), list[int]()
    for step, amount, yes in steps:
        if step == "put":
            numbers = window.put([record(put + each) for each in range(amount)])
            assert list(numbers) == list(range(put, put + amount))
            window.tagged(numbers)
            tags += numbers
            put += amount
            continue
        tag = len(tags) - amount
        spoken = [each for each in (range(1, tag + 1) if step == "all" else [tag]) if each >= 1 and each not in answered]
        answered |= set(spoken)
        found = window.answered([(tag, step == "all")])
        assert sorted(found) == sorted(tags[each - 1] for each in spoken)
        if yes:
            confirmed |= set(found)
            settled += [int(each.event_id) for each in window.settle(found)]
        else:
            window.tagged(found)
            tags += found
        assert window.base == len(settled) == next((number for number in range(put) if number not in confirmed), put)
        assert settled == list(range(window.base))
        assert len(window) == put - window.base
        assert window.under_way == len(tags) - len(answered)
        assert [window[number].event_id for number in range(window.base, put)] == [
            f"{number}" for number in range(window.base, put)
        ]


def test_an_answer_from_beyond_all_tags_ends_at_the_newest() -> None:
    window = Window()
    window.tagged(window.put([record(0), record(1)]))
    assert window.answered([(1 << 63, True)]) == [0, 1]
    assert window.answered([(1 << 63, False)]) == []


def test_a_cleared_window_begins_anew() -> None:
    window = Window()
    window.tagged(window.put([record(0), record(1)]))
    window.settle(window.answered([(2, False)]))
    window.clear()
    window.tagged(window.put([record(0)]))
    assert [each.event_id for each in window.settle(window.answered([(1, True)]))] == ["0"]
    assert (window.base, len(window), window.under_way) == (1, 0, 0)
