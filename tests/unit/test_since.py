"""Since when the oldest of what is kept waits."""

from gateway.lanes.since import SHARED_MS, Since


def test_the_oldest_that_is_not_released_tells_since_when_something_waits() -> None:
    since = Since()
    assert since.oldest(0) is None
    since.kept(1, 1000)
    since.kept(2, 1000 + SHARED_MS - 1)
    since.kept(3, 1000 + SHARED_MS)
    since.kept(4, 9000)
    assert [since.oldest(released) for released in (0, 1, 2, 3, 3)] == [1000, 1000, 1000 + SHARED_MS, 9000, 9000]
    since.clear()
    assert since.oldest(4) is None
