"""Several blocking calls at a time, in threads that a stopping process does not wait for."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item], *, threads: int) -> list[Result]:
    """What `work` makes of each, in their order. Begun in that order, too, at most so many at a time.

    Raises LookupError where `work` raised; its own words are on stderr.
    """
    left = list(enumerate(items))[::-1]
    results: dict[int, Result] = {}

    def run() -> None:
        while left:
            try:
                place, item = left.pop()
            except IndexError:
                return  # another thread took the last one
            results[place] = work(item)

    running = [threading.Thread(target=run, name="side-by-side", daemon=True) for _ in range(min(threads, len(items)))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if len(results) < len(items):
        raise LookupError(f"{len(items) - len(results)} of {len(items)} calls ended without a result")
    return [results[place] for place in range(len(items))]
