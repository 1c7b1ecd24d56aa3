"""Which queues a set of wishes needs, and which of them must be looked after."""

from uuid import UUID

import pytest

from gateway.database.store import ServiceQueue
from gateway.health.words import QueueState
from gateway.queues import needed, troubled


def row(queue: str, *bindings: str, state: str = "ready", active: bool = True, follows: bool = False) -> ServiceQueue:
    return ServiceQueue(UUID(int=0), queue, list(bindings or ("b",)), state, active, follows)


def test_a_queue_needs_each_binding_of_its_active_wishes_once() -> None:
    rows = [row("q", "a"), row("q", "a"), row("q", "b"), row("p", "a"), row("q", "c", active=False), row("gone", active=False)]
    assert needed(rows) == {"q": ["a", "b"], "p": ["a"]}


def test_a_queue_of_a_pattern_needs_all_its_bindings_and_exists_before_there_are_any() -> None:
    none = ServiceQueue(UUID(int=0), "empty", [], "ready", True, True)
    assert needed([row("q", "a", "b", follows=True), row("q", "b", "c"), none]) == {"q": ["a", "b", "c"], "empty": []}


@pytest.mark.parametrize(
    ("bound", "expected"), [({}, ["q"]), ({"q": ["a"]}, ["q"]), ({"q": ["b", "a", "old"]}, []), ({"p": ["a", "b"]}, ["q"])]
)
def test_a_queue_that_follows_listings_is_looked_after_when_it_is_behind(bound: dict[str, list[str]], expected: list[str]) -> None:
    rows = [row("q", "a", "b", follows=True), row("p", "a")]
    assert troubled(rows, dict.fromkeys("qp", QueueState(0, 0)), bound) == expected


@pytest.mark.parametrize(
    ("rows", "existing", "expected"),
    [
        ([row("q")], ["q"], []),
        ([row("q")], [], ["q"]),
        ([row("q", state="pending")], ["q"], ["q"]),
        ([row("q"), row("q", "c", active=False)], ["q"], ["q"]),
        ([row("q", active=False)], [], ["q"]),
        ([row("q", state="pending"), row("p"), row("p", active=False)], ["q", "p"], ["p", "q"]),
        ([], ["a queue of somebody else"], []),
    ],
)
def test_a_queue_is_looked_after_when_it_is_missing_pending_or_left(
    rows: list[ServiceQueue], existing: list[str], expected: list[str]
) -> None:
    assert troubled(rows, dict.fromkeys(existing, QueueState(0, 0))) == expected
