"""The diary: what a worker's log says of its conversation with the exchange, tied to the REST calls behind it.

REST call ─ X-Trace-Id ─▶ row ─ calls ─▶ `subscribed`: topic, epoch, req_id ─ epoch ─▶ the `trace_id` of each event
                                              └ req_id ─▶ the request, as DEBUG shows it
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from gateway.models import Event
from gateway.protocol.topic import Answer

log = logging.getLogger(__name__)

#: Of so many calls behind one topic the ids are said.
SAID = 20
#: What became of a topic, by the request and by whether the exchange agreed.
WORDS = {
    ("subscribe", True): "subscribed",
    ("subscribe", False): "refused",
    ("unsubscribe", True): "unsubscribed",
    ("unsubscribe", False): "unsubscribe_refused",
}


def is_kept() -> bool:
    """Whether anybody reads of each frame."""
    return log.isEnabledFor(logging.DEBUG)


def received(worker: str, text: bytes, trace_id: str | None = None) -> None:
    """A frame of the exchange's; trace_id: of the events that it tells."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s < %s", worker, text.decode(errors="backslashreplace"), extra={"trace_id": trace_id})


def told(worker: str, event: Event, trace_id: str) -> None:
    """An event is on its way to the router."""
    if log.isEnabledFor(logging.DEBUG):
        mode = f" mode={event.payload['mode']}" if event.event_type == "position" else ""
        log.debug(
            "%s told event_type=%s category=%s symbol=%s%s topic=%s",
            worker, event.event_type, event.category, event.symbol, mode, event.topic, extra={"trace_id": trace_id},
        )  # fmt: skip


class Diary:
    """Of one worker.

    calls  topic → trace ids of the REST calls that asked for it
    """

    def __init__(self, worker: str, epoch: str) -> None:
        self._worker = worker
        self._epoch = epoch
        self._connections = 0
        self.calls: Mapping[str, Sequence[str]] = {}

    def want(self, calls: Mapping[str, Sequence[str]], is_held: Callable[[str], bool]) -> None:
        """Replace the calls. A topic that is held already has no request of its own to be told with: who joins is told here."""
        for topic, ids in calls.items():
            if is_held(topic) and (joined := [each for each in ids if each not in self.calls.get(topic, ())]):
                self._say("subscribed", topic, "none", joined, " reason=held already")
        self.calls = calls

    def opened(self, url: str) -> None:
        """A connection was made."""
        self._connections += 1
        log.info("%s connection_open number=%d url=%s epoch=%s", self._worker, self._connections, url, self._epoch)

    def online(self, reconnections: int) -> None:
        log.info("%s session_online number=%d reconnections=%d", self._worker, self._connections, reconnections)

    def sent(self, text: str) -> None:
        """A frame of ours; what logs in is not shown."""
        log.debug("%s > %s", self._worker, text if '"auth"' not in text else "auth")

    def answered(self, answers: Iterable[Answer]) -> None:
        """The exchange has said what becomes of topics."""
        for answer in answers:
            reason = f" reason={answer.error}" if answer.error else ""
            word = WORDS[answer.op, answer.error is None]
            self._say(word, answer.topic, answer.req_id, self.calls.get(answer.topic, ()), reason)

    def _say(self, word: str, topic: str, req_id: str, calls: Sequence[str], reason: str) -> None:
        log.info(
            "%s %s topic=%s epoch=%s req_id=%s calls=%s%s", self._worker, word, topic, self._epoch, req_id,
            ",".join(calls[:SAID]) + (f",and {len(calls) - SAID} more" if len(calls) > SAID else ""), reason,
            extra={"trace_id": calls[0] if len(calls) == 1 else None},
        )  # fmt: skip
