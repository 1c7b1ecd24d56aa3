"""Slots: an endpoint's processes by number, over all hosts; each is run by exactly one of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.protocol.room import owner


@dataclass(frozen=True, slots=True)
class Slot:
    """One process of an endpoint.

    processes  how many share its topics, over all hosts
    here       the numbers of those that run on this host
    """

    endpoint: str
    number: int
    processes: int
    here: Sequence[int]

    @property
    def name(self) -> str:
        return f"{self.endpoint}_{self.number:02d}"

    def owner(self, topic: str) -> int:
        """Which process has a topic. Source: the public contract, section 1."""
        return owner(topic, self.processes)
