"""Slots: an endpoint's processes by number, over all hosts; each is run by exactly one of them."""

from collections.abc import Mapping, Sequence
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

    def seen_here(self, named: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """Pattern → of the topics it stands for those of this machine's processes, whose words can be read here; without a pattern of
        which there are none."""
        if len(self.here) == self.processes:
            return named
        here = {pattern: [topic for topic in topics if self.owner(topic) in self.here] for pattern, topics in named.items()}
        return {pattern: topics for pattern, topics in here.items() if topics or not named[pattern]}
