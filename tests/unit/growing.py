"""What something costs with many of a kind, beside what it costs with a few."""

from collections.abc import Callable

#: So far apart are frames, and turns, on a busy connection; seconds.
APART_S = 0.0005
#: The target is 1.2; a busy machine measures no closer than this.
WITHIN = 1.5
#: Each cost is the least of so many, which other work on the machine can only lengthen.
TIMES = 3


def assert_grows_not(cost_s: Callable[[int], float], few: int, many: int) -> None:
    """cost_s: made anew with so many, seconds of CPU for one of what is counted."""
    with_few, with_many = (min(cost_s(count) for _ in range(TIMES)) for count in (few, many))
    assert with_many / with_few < WITHIN, f"{with_few * 1e6:.1f} us with {few}, {with_many * 1e6:.1f} us with {many}"
