"""gunicorn's worker, with our words for a request that it cannot read, and gunicorn's logger, with our lines.

Its own worker answers such a request with a page, and repeats in page and log what stood in it, and so perhaps a key.
"""

import logging
import secrets
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec
from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from api import unreadable
from api.errors import shape
from api.headers import HEADERS, POLICY

log = logging.getLogger(__name__)

#: A request's line and headers are here within this, and all of it within that, the answer too: longer than the slowest call takes;
#: seconds.
HEAD_S, REQUEST_S = 2.0, 10.0

#: What is no fault of the request: 500.
OUR_FAULT = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)


class Worker(ThreadWorker):  # type: ignore[misc] # it ships no types
    """One of gunicorn's processes. Who sends half a request holds a thread, but not for long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handled: dict[Any, float] = {}  # connections whose request is read or answered → until when they may be

    def handle(self, conn: Any) -> Any:
        """Called by gunicorn in a thread, for each request."""
        self._handled[conn] = time.monotonic() + HEAD_S
        try:
            return super().handle(conn)
        finally:
            self._handled.pop(conn, None)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Called by gunicorn when line and headers are here."""
        self._handled[conn] = time.monotonic() + REQUEST_S
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Called by gunicorn once a second: what has not come by now ends there. An answer can still be sent."""
        super().murder_pending()
        now = time.monotonic()
        for conn, until in list(self._handled.items()):
            if until < now:
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Called by gunicorn where a request leads to no answer of the application."""
        trace_id, place = secrets.token_hex(8), addr[0] if addr else "unknown"
        if isinstance(exc, errors.ParseException) and not isinstance(exc, OUR_FAULT):
            status, words = unreadable.answer_of(exc)
            log.warning("api unreadable_request address=%s reason=%s", place, type(exc).__name__, extra={"trace_id": trace_id})
        else:
            status, words = HTTPStatus.INTERNAL_SERVER_ERROR, "the request failed; the log says why, under this answer's X-Trace-Id"
            path = getattr(req, "path", None)
            log.error("api request_failed address=%s path=%s", place, path, exc_info=exc, extra={"trace_id": trace_id})
        with suppress(OSError):
            write_nonblock(client, _answer(status, words, trace_id))


class Log(Logger):  # type: ignore[misc] # it ships no types
    """What gunicorn says goes the way of everything else that is logged, also after it read its settings again."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _answer(status: HTTPStatus, words: str, trace_id: str) -> bytes:
    body = msgspec.json.encode(shape(status, words))
    headers = {
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Trace-Id": trace_id,
        "Content-Security-Policy": POLICY,
        **HEADERS,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
