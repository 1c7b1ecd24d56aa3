"""HOLDING: which topics a recorded connection held at a point of the recording, by what was asked and answered on it. Pure."""

from collections.abc import Callable, Iterable

import msgspec

from gateway.protocol.forms import is_form_of_any
from gateway.protocol.frames import Ack
from gateway.protocol.topic import Request
from gateway.protocol.topic_moves import Heard
from gateway.protocol.verdicts import matching, verdicts


class Holding:
    """Of one connection at a time, and only topics that are asked for.

    topics   that were held
    version  grows with every change of them
    """

    def __init__(self, is_asked_for: Callable[[str], bool]) -> None:
        self._is_asked_for = is_asked_for
        self._requests: list[Request] = []
        self.topics: set[str] = set()
        self.version = 0

    def begin(self, topics: Iterable[str] = ()) -> None:
        """A connection that holds these."""
        self._requests.clear()
        self.topics = set()
        self.version += 1
        self._take(topics)

    def sent(self, text: bytes) -> None:
        """A request of ours: what it leaves is left at once, what it asks for is held when that is answered, or pushed."""
        message = msgspec.json.decode(text)
        op, topics = message.get("op"), message.get("args")
        if op in ("subscribe", "unsubscribe"):
            self._requests.append(Request(op, tuple(topics), message.get("req_id", "")))
        if op == "unsubscribe":
            self.topics.difference_update(topics)
            self.version += 1

    def answered(self, ack: Ack) -> None:
        """The exchange's word on a request."""
        request = matching(self._requests, ack)
        if request is None:
            return
        self._requests.remove(request)
        if request.op == "subscribe":
            self._take(name for name, heard in verdicts(request, ack) or () if heard is Heard.YES)

    def pushed(self, topic: str) -> None:
        """A frame of it came, perhaps before the answer, or in its place."""
        for request in self._requests:
            if request.op == "subscribe" and is_form_of_any(topic, request.topics):
                self._take(name for name in request.topics if is_form_of_any(name, [topic]))

    def _take(self, topics: Iterable[str]) -> None:
        new = {topic for topic in topics if self._is_asked_for(topic)} - self.topics
        if new:
            self.topics |= new
            self.version += 1
