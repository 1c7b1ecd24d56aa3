"""Service queues: what PostgreSQL says is wanted, made so on the broker. Used by the API while it answers and by the router's keeper.

Each queue is worked on under a lock, so that a queue is never deleted while somebody subscribes to it.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.database import deliveries, store
from gateway.database.db import Connection
from gateway.database.store import ServiceQueue
from gateway.health.words import QueueState
from gateway.sinks.topology import Topology

log = logging.getLogger(__name__)

#: Bindings that a request takes away while it is waited for; more are the router's.
UNBOUND_IN_A_REQUEST = 100


def needed(rows: Iterable[ServiceQueue]) -> dict[str, list[str]]:
    """Queue → the bindings that active subscriptions need; none where a pattern matches nothing yet, nor of a queue of batches."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.is_active:
            found.setdefault(row.queue, {}).update(dict.fromkeys(() if row.is_batched else row.bindings))
    return {queue: list(bindings) for queue, bindings in found.items()}


def batched(rows: Iterable[ServiceQueue]) -> dict[str, list[str]]:
    """Queue of batches → the keys whose events go into them."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.is_active and row.is_batched:
            found.setdefault(row.queue, {}).update(dict.fromkeys(row.bindings))
    return {queue: list(keys) for queue, keys in found.items()}


def troubled(
    rows: Sequence[ServiceQueue], existing: Mapping[str, QueueState], bound: Mapping[str, Collection[str]] | None = None
) -> list[str]:
    """Queues that must be looked after: missing, waiting for the broker, left by a cancelled subscription, behind the listings.

    bound  queue → bindings that are known to be there; of queues that follow listings, the others are made
    """
    unready = {row.queue for row in rows if not row.is_active or row.queue_state != "ready"}
    missing = {queue for queue in needed(rows) if queue not in existing}
    following = needed(row for row in rows if row.follows)
    behind = {queue for queue, bindings in following.items() if not set(bindings) <= set((bound or {}).get(queue, ()))}
    return sorted(unready | missing | behind)


def keep(
    connection: Connection,
    topology: Topology,
    queue: str,
    *,
    bound: Collection[str] = (),
    in_force: Collection[str] | None = None,
    form: str | None = None,
) -> list[str] | None:
    """Make one queue as it should be; the bindings that it has then, None where nobody needs it. Raises SinkAway, StoreAway.

    bound     bindings that were seen there, and are not made again while no wish waits for the broker
    in_force  keys whose events the router puts into it, or leads to it; a wish for others waits. None: it needs to know nothing
    form      what is published into it now; where somebody has just asked for another, whoever publishes changes it. None: nothing is
    """
    with store.locked_queue(connection, queue) as rows:
        wanted = needed(rows)
        if _turns(rows, form):
            return []
        if queue in wanted:
            active = [row for row in rows if row.is_active]
            there = set(bound) if all(row.queue_state == "ready" for row in active) else set()
            missing = [binding for binding in wanted[queue] if binding not in there]
            topology.bind_service(queue, missing, batched=queue in batched(rows))
            ready = [row for row in active if in_force is None or set(in_force).issuperset(row.bindings)]
            waiting = [row for row in ready if row.is_batched and row.queue_state == "pending"]
            topology.unbind_service(queue, sorted({binding for row in waiting for binding in row.bindings}))  # of an earlier wish
            store.set_queue_state(connection, _ids(ready), "ready")
            store.wake(connection, _ids(waiting))
        _clear(connection, topology, queue, rows)
        return wanted.get(queue)


def bind_again(connection: Connection, topology: Topology, queue: str, *, form: str | None = None) -> int:
    """Make the bindings of one queue again that are needed now; how many. Raises SinkAway, StoreAway. form: as of `keep`."""
    with store.locked_queue(connection, queue) as rows:
        bindings = [] if _turns(rows, form) else needed(rows).get(queue, [])
        topology.bind(queue, bindings)
        return len(bindings)


def _turns(rows: Sequence[ServiceQueue], form: str | None) -> bool:
    """Whether wishes ask for another form than what is published."""
    return form is not None and any(row.is_active and row.is_batched != (form == deliveries.BATCH) for row in rows)


def drop(connection: Connection, topology: Topology, queue: str) -> None:
    """Delete a queue that was made although nobody needs it any more, with what came into it. Raises SinkAway, StoreAway."""
    with store.locked_queue(connection, queue) as rows:
        if queue not in needed(rows) and topology.delete_if_unread(queue):
            log.info("queue removed queue=%s", queue)


def leave(connection: Connection, topology: Topology, queue: str) -> None:
    """What can be done at once for cancelled wishes: delete the queue if it is idle, else take a bounded number of bindings away.

    Raises SinkAway, StoreAway.
    """
    with store.locked_queue(connection, queue) as rows:
        _clear(connection, topology, queue, rows, at_most=UNBOUND_IN_A_REQUEST)


def leave_all(connection: Connection, topology: Topology, cancelled: Iterable[Mapping[str, Any]]) -> None:
    """`leave` each queue of cancelled wishes. Raises SinkAway, StoreAway."""
    for queue in sorted({row["queue"] for row in cancelled}):
        leave(connection, topology, queue)


def _clear(
    connection: Connection, topology: Topology, queue: str, rows: Sequence[ServiceQueue], *, at_most: int | None = None
) -> None:
    """Take away what only cancelled wishes had, and the queue where nobody needs it; what still waits in it can be read."""
    left = [row for row in rows if not row.is_active]
    if not left:
        return
    wanted = needed(rows)
    if queue not in wanted and topology.delete_if_idle(queue):
        store.set_queue_state(connection, _ids(left), "removed")
        log.info("queue removed queue=%s", queue)
        return
    done, unneeded = _unneeded(left, [*wanted.get(queue, ()), *batched(rows).get(queue, ())], at_most)
    topology.unbind_service(queue, sorted(unneeded))
    if queue in wanted:
        store.set_queue_state(connection, _ids(done), "removed")
    else:
        store.set_queue_state(connection, _ids(row for row in done if row.queue_state != "unbound"), "unbound")


def _unneeded(left: Iterable[ServiceQueue], wanted: Iterable[str], at_most: int | None) -> tuple[list[ServiceQueue], set[str]]:
    """The cancelled wishes that can be done with, and the bindings that only they had; those of an `unbound` one are gone."""
    done, unneeded, kept = list[ServiceQueue](), set[str](), set(wanted)
    for row in left:
        more = set() if row.queue_state == "unbound" else set(row.bindings) - kept
        if at_most is None or len(unneeded | more) <= at_most:
            done.append(row)
            unneeded |= more
    return done, unneeded


def _ids(rows: Iterable[ServiceQueue]) -> list[UUID]:
    return [row.subscription_id for row in rows]
