"""What stands in for the neighbours of a fuzzed road: files of dead letters, and REST."""

from collections.abc import Collection

from gateway.disk.dead_letters import line
from gateway.models import Json


class CheckedLetters:
    """In the place of the dead letters' file: writes each as the file would, and keeps none."""

    def __init__(self) -> None:
        self.kept = 0
        self.longest_reason = 0

    def add(self, *, topic: str, reason: str, record: Json, trace_id: str, received_ns: int) -> None:
        line(topic, reason, record, trace_id, received_ns)
        self.longest_reason = max(self.longest_reason, len(reason))
        self.kept += 1


class EchoingFetcher:
    """In the place of REST: answers with what a frame brought last, whatever that is."""

    def __init__(self) -> None:
        self.echo: Json = None
        self._asked: list[str] = []

    def ask(self, topic: str) -> None:
        self._asked.append(topic)

    def keep(self, topics: Collection[str]) -> None:
        self._asked = [topic for topic in self._asked if topic in topics]

    def taken(self) -> list[tuple[str, Json]]:
        asked, self._asked = self._asked, []
        return [(topic, self.echo) for topic in asked]
