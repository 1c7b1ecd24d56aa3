"""The plan: what is needed of the broker, as the keeper reads it, and what of it is in force where events are published.

keeper ── read ─▶ newest ─▶ broker's carrier ── put_in_force ─▶ in_force ─▶ keeper: wishes are `ready`
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from gateway.database import deliveries
from gateway.disk.memo import Memo
from gateway.lanes.needs import Needs
from gateway.sinks.topology import Topology


def _nobody() -> None:
    """Is told."""


class BrokerPlan:
    """Read by the keeper's thread, put in force by the carrier's.

    newest    as last read; replaced whole. Before that, the queues of batches that an earlier process knew: nobody else could fill them
    in_force  by which events are published
    on_news   called when there is something newer
    woken     a descriptor, readable once something newer is in force
    """

    def __init__(
        self, class_event_types: Iterable[str], topology: Callable[[], Topology], memo: Memo[dict[str, list[str]]] | None = None
    ) -> None:
        """topology: begins a conversation with the broker. memo: remembers the queues of batches."""
        self._class_event_types = tuple(class_event_types)
        self._topology = topology
        self._memo = memo
        self.newest = Needs(self._class_event_types, {}, (memo.read() if memo is not None else None) or {})
        self.in_force = Needs((), {})
        self.on_news: Callable[[], None] = _nobody
        self.woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def read(self, needed: dict[str, list[str]], batched: dict[str, list[str]]) -> None:
        """What services need now."""
        needs = Needs(self._class_event_types, needed, batched)
        if needs.is_same(self.newest):
            return
        if self._memo is not None and batched != self.newest.batched:
            self._memo.write(batched)
        self.newest = needs
        self.on_news()

    def put_in_force(self, needs: Needs) -> None:
        """Give queues whose form it changes their bindings, or take them away. Nothing is under way. Raises SinkAway."""
        turned = self.in_force.turned(needs)
        if turned:
            with self._topology() as topology:
                for queue in turned:
                    bind(topology, needs, queue)
                    topology.unbind_service(queue, self.let_go(needs, queue))
        self.declared(needs)

    def let_go(self, needs: Needs, queue: str) -> list[str]:
        """Bindings that a queue may still have from when its events came one by one."""
        return sorted({*self.in_force.bindings.get(queue, ()), *needs.batched[queue]}) if queue in needs.batched else []

    def declared(self, needs: Needs) -> None:
        """All of it has been made."""
        self.in_force = needs
        os.eventfd_write(self.woken, 1)

    def calm(self) -> bool:
        """Whether something newer came in force since the last call."""
        with suppress(BlockingIOError):
            return bool(os.eventfd_read(self.woken))
        return False

    @property
    def turning(self) -> frozenset[str]:
        """Queues whose messages are about to be of another form: nobody else binds them."""
        return frozenset(self.in_force.turned(self.newest))

    def form(self, queue: str) -> str | None:
        """The delivery by which events are published into a queue; None: none are."""
        if queue in self.in_force.batched:
            return deliveries.BATCH
        return deliveries.SINGLE if queue in self.in_force.services else None

    def known(self, queue: str) -> frozenset[str] | None:
        """Keys whose events the router puts into this queue, or leads to it. None: it matters to nobody."""
        if not self.newest.batched and not self.in_force.batched:
            return None
        return frozenset(self.in_force.wanted(queue))


def bind(topology: Topology, needs: Needs, queue: str) -> None:
    """Make a queue, and what it is bound to. Raises SinkAway."""
    topology.bind_service(queue, needs.bindings[queue], batched=queue in needs.batched)
