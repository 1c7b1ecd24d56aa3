"""Service queues: what PostgreSQL says is wanted, made so on the broker. Used by the API while it answers and by the router's keeper.

Each queue is worked on under a lock, so that a queue is never deleted while somebody subscribes to it.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence

from gateway import store
from gateway.db import Connection
from gateway.sinks.topology import Topology
from gateway.state import QueueState
from gateway.store import ServiceQueue

log = logging.getLogger(__name__)


def needed(rows: Iterable[ServiceQueue]) -> dict[str, list[str]]:
    """Queue → the bindings that active subscriptions need; none where a pattern matches nothing yet."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.is_active:
            found.setdefault(row.queue, {}).update(dict.fromkeys(row.bindings))
    return {queue: list(bindings) for queue, bindings in found.items()}


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


def keep(connection: Connection, topology: Topology, queue: str, *, bound: Collection[str] = ()) -> list[str]:
    """Make one queue as it should be; the bindings that it has then. Raises SinkAway, StoreAway.

    bound  bindings that were seen there, and are not made again while no wish waits for the broker
    """
    with store.locked_queue(connection, queue) as rows:
        wanted = needed(rows)
        bindings = wanted.get(queue, [])
        if queue in wanted:
            active = [row for row in rows if row.is_active]
            there = set(bound) if all(row.queue_state == "ready" for row in active) else set()
            topology.bind_service(queue, [binding for binding in bindings if binding not in there])
            store.set_queue_state(connection, [row.subscription_id for row in active], "ready")
        left = [row for row in rows if not row.is_active]
        is_left = queue not in wanted and bool(left)  # nobody needs it: what may still come into it was cancelled
        is_gone = is_left and topology.delete_if_idle(queue)
        if not is_gone:
            for binding in sorted({binding for row in left for binding in row.bindings} - set(bindings)):
                topology.unbind_service(queue, binding)
        if not is_left or is_gone or topology.delete_if_idle(queue):
            store.set_queue_state(connection, [row.subscription_id for row in left], "removed")
            log.info("queue kept queue=%s bindings=%d", queue, len(bindings))
        return bindings
