"""Logs: one JSON object a line on stdout, which supervisord keeps and rotates.

A record's message is one event, `name key=value …`; `extra={"trace_id": …}` ties it to a frame or a request.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

import msgspec

#: Of warnings of one kind so many are said within so many seconds: a day of trouble must fit into what is kept of a log.
MOST, WITHIN_S = 20, 60.0
#: Kinds that are told apart; more of them are no kinds.
MOST_KINDS = 1000

_encode = msgspec.json.Encoder().encode


class Flood(logging.Filter):
    """Leaves out warnings and errors of a kind that has been said MOST times within WITHIN_S; the next one says how many were left out.

    A kind is what a line's words are without the values in them.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """now: monotonic seconds."""
        super().__init__()
        self._now = now
        self._kinds: dict[tuple[str, str], list[float]] = {}  # → since when, how many were said, and left out

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        now, kind = self._now(), (record.name, str(record.msg))
        if kind not in self._kinds and len(self._kinds) >= MOST_KINDS:
            self._kinds.clear()
        since = self._kinds.setdefault(kind, [now, 0, 0])
        if now - since[0] >= WITHIN_S:
            record.left_out = int(since[2])
            since[:] = [now, 0, 0]
        is_said = since[1] < MOST
        since[1 if is_said else 2] += 1
        return is_said


class JsonLines(logging.Formatter):
    """Time (UTC, ms), level, process name, logger, message, and trace_id, error and left_out where there is one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "process": self._name,
            "logger": record.name,
            "message": record.getMessage(),
        }
        trace_id = getattr(record, "trace_id", None)
        if trace_id is not None:
            line["trace_id"] = str(trace_id)
        left_out = getattr(record, "left_out", 0)
        if left_out:
            line["left_out"] = str(left_out)
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)  # all that comes through the tunnel of gunicorn's workers
        if record.exc_text:
            line["error"] = record.exc_text
        return _encode(line).decode()


def setup(name: str, level: str, stream: TextIO | None = None) -> None:
    """Send all logging of this process to stdout as JSON lines.

    name    of the process, e.g. linear_00
    level   DEBUG, INFO, WARNING or ERROR
    stream  instead of stdout, where somebody else reads that
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines(name))
    handler.addFilter(Flood())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("amqp").setLevel(logging.WARNING)  # a line per heartbeat otherwise
