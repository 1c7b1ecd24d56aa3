"""A breaking text made shorter while it breaks the same: first by its structure, then by its bytes."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

#: Of a text, and no more: it is to be found quickly, not to be the shortest.
TRIES = 2_000


def shorter(text: bytes, breaks: Callable[[bytes], bool]) -> bytes:
    """The shortest found. `breaks` says whether a text still does what the first did."""
    left = TRIES
    for candidates in (_without_a_part, _without_bytes):
        goes_on = True
        while goes_on:
            goes_on = False
            for candidate in candidates(text):
                left -= 1
                if left <= 0:
                    return text
                if len(candidate) < len(text) and breaks(candidate):
                    text, goes_on = candidate, True
                    break
    return text


def _without_a_part(text: bytes) -> Iterator[bytes]:
    """The text without one of its keys or rows, or with one of its values made small; nothing where it is no JSON."""
    try:
        whole = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return
    for path in _paths(whole):
        for small in (None, 0):
            found = msgspec.json.decode(text)
            holder = found
            for step in path[:-1]:
                holder = holder[step]
            if small is None:
                del holder[path[-1]]
            else:
                holder[path[-1]] = small
            yield msgspec.json.encode(found)


def _paths(found: Any, most: int = 200) -> list[tuple[Any, ...]]:
    """Of all that is in it, what holds much first."""
    paths: list[tuple[Any, ...]] = []
    layer: list[tuple[tuple[Any, ...], Any]] = [((), found)]
    while layer and len(paths) < most:
        below = []
        for path, holder in layer:
            places = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
            below += [((*path, place), holder[place]) for place in places]
        paths += [path for path, _ in below]
        layer = below
    return paths


def _without_bytes(text: bytes) -> Iterator[bytes]:
    """The text without a half, a quarter … of its bytes, at every such place."""
    size = len(text) // 2
    while size:
        for place in range(0, len(text), size):
            yield text[:place] + text[place + size :]
        size //= 2
