"""Logs: one JSON object a line on stdout, which supervisord keeps and rotates.

A record's message is one event, `name key=value …`; `extra={"trace_id": …}` ties it to a frame or a request.
"""

import logging
import sys
import time
from typing import TextIO

import msgspec

_encode = msgspec.json.Encoder().encode


class JsonLines(logging.Formatter):
    """Time (UTC, ms), level, process name, logger, message, and trace_id and error where there is one."""

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
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("amqp").setLevel(logging.WARNING)  # a line per heartbeat otherwise
