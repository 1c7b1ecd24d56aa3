"""What the API does at the broker while it answers; what cannot be done now, the router does later."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from flask import g

from api.parts import Parts
from gateway import queues
from gateway.database import deliveries
from gateway.database.bindings import bindings_of
from gateway.database.db import Connection, Row
from gateway.errors import SinkAway, StoreAway
from gateway.sinks.topology import Topology

log = logging.getLogger(__name__)


def declared(connection: Connection, topology: Topology | None, queue: str, wishes: Sequence[Mapping[str, Any]]) -> str:
    """Make a queue with the bindings of these wishes before anybody can send to it; `pending` where the router must.

    A queue of batches is bound to nothing: the router fills it. It alone knows when it has filled the last one.
    """
    if topology is None:
        return "pending"
    delivery = wishes[0]["delivery"] or deliveries.of_queue(connection, queue)
    if delivery != deliveries.BATCH and deliveries.may_be_filled(connection, queue):
        return "pending"
    try:
        if delivery == deliveries.BATCH:
            topology.bind_service(queue, [], batched=True)
        else:
            topology.bind_service(queue, bindings_of(connection, wishes))
    except SinkAway as fault:
        log.warning("api queue_pending queue=%s reason=%s", queue, fault, extra={"trace_id": g.trace_id})
        return "pending"
    return "ready"


def tidy(parts: Parts, cancelled: Sequence[Row]) -> None:
    """Take idle queues and a few bindings of cancelled wishes away."""
    if not cancelled:
        return
    with parts.door.reached() as topology:
        if topology is None:
            return
        try:
            with parts.pool.connection() as connection:
                queues.leave_all(connection, topology, cancelled)
        except (SinkAway, StoreAway) as fault:  # they are cancelled all the same, and the router looks after such queues
            log.warning("api queues_left reason=%s", fault, extra={"trace_id": g.trace_id})
