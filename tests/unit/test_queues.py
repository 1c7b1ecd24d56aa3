"""Which queues a set of wishes needs, and which of them must be looked after."""

from uuid import UUID

import pytest

from gateway.queues import needed, troubled
from gateway.state import QueueState
from gateway.store import ServiceQueue


def row(queue: str, binding: str = "b", *, state: str = "ready", active: bool = True) -> ServiceQueue:
    return ServiceQueue(UUID(int=0), queue, binding, state, active)


def test_a_queue_needs_each_binding_of_its_active_wishes_once() -> None:
    rows = [row("q", "a"), row("q", "a"), row("q", "b"), row("p", "a"), row("q", "c", active=False), row("gone", active=False)]
    assert needed(rows) == {"q": ["a", "b"], "p": ["a"]}


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
