"""What the market's REST calls are asked with, besides what lists share. Pure; the bad is refused with the exchange's code."""

from collections.abc import Sequence

from simulator.rest.paging import Query, number
from simulator.rest.signing import Refused

#: The code of a bad parameter. Source: protocol notes, section 9.2.
BAD_PARAMETER = 10001


def refused(name: str, words: str = "invalid") -> Refused:
    return Refused(BAD_PARAMETER, f"params error: {name} {words}")


def limit(query: Query, *, most: int, default: int | None) -> int:
    """default: None where it has to be given."""
    given = number(query, "limit")
    given = default if given is None else given
    if given is None or not 1 <= given <= most:
        raise refused("limit", f"is from 1 to {most}")
    return given


def named(query: Query, name: str, among: Sequence[str], default: str | None = None) -> str:
    found = query.get(name, default)
    if found is None or found not in among:
        raise refused(name)
    return found


def between(query: Query, names: tuple[str, str], *, now_ms: int) -> tuple[int, int]:
    """From and until, Unix milliseconds; everything where neither is given."""
    start, end = (number(query, name) for name in names)
    start, end = start or 0, now_ms if end is None else end
    if end < start:
        raise refused(names[1], f"is before {names[0]}")
    return start, end
