"""Service queues: what PostgreSQL says is wanted, made so on the broker. Used by the API while it answers and by the router's keeper.

Each queue is worked on under a lock, so that a queue is never deleted while somebody subscribes to it.
"""

import logging
from collections.abc import Mapping, Sequence

from gateway import store
from gateway.db import Connection
from gateway.sinks.topology import Topology
from gateway.state import QueueState
from gateway.store import ServiceQueue

log = logging.getLogger(__name__)


def needed(rows: Sequence[ServiceQueue]) -> dict[str, list[str]]:
    """Queue → the bindings that active subscriptions need."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.is_active and row.binding not in found.setdefault(row.queue, []):
            found[row.queue].append(row.binding)
    return found


def troubled(rows: Sequence[ServiceQueue], existing: Mapping[str, QueueState]) -> list[str]:
    """Queues that must be looked after: missing, waiting for the broker, or left by a cancelled subscription."""
    unready = {row.queue for row in rows if not row.is_active or row.queue_state != "ready"}
    return sorted(unready | {queue for queue in needed(rows) if queue not in existing})


def keep(connection: Connection, topology: Topology, queue: str) -> None:
    """Make one queue as it should be. Raises SinkAway, StoreAway."""
    with store.locked_queue(connection, queue) as rows:
        bindings = needed(rows).get(queue, [])
        if bindings:
            topology.bind_service(queue, bindings)
            store.set_queue_state(connection, [row.subscription_id for row in rows if row.is_active], "ready")
        left = [row for row in rows if not row.is_active]
        for binding in sorted({row.binding for row in left} - set(bindings)):
            topology.unbind_service(queue, binding)
        if bindings or not left or topology.delete_if_idle(queue):
            store.set_queue_state(connection, [row.subscription_id for row in left], "removed")
            log.info("queue kept queue=%s bindings=%d", queue, len(bindings))
