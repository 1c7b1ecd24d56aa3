"""How gunicorn serves the API: threads, graceful restarts, and one log of JSON lines for master and workers.

The master reads the settings first: a bad one ends it in one line. Its workers' log records reach stdout through the master.
Imports hide behind an underscore where gunicorn would take their name for a setting.
"""

import math
import os
import socket
import sys
import time
from multiprocessing.util import _run_after_forkers as _after_fork  # type: ignore[attr-defined] # what Process does in a child
from typing import Any

from multiprocessing_logging import install_mp_handler, uninstall_mp_handler

from api.app import THREADS
from gateway.config import load as _load
from gateway.config import require as _require
from gateway.errors import OurFault
from gateway.exchange.signing import signer as _signer
from gateway.health.report import Reporter
from gateway.health.words import ApiState
from gateway.log import setup as _setup

try:
    _settings = _load()
    _require(_settings, "DATABASE_URL", "BROKER_URL")
    _signer(_settings.api_secret)  # a key that cannot be read
except OurFault as fault:
    print(fault, file=sys.stderr)  # noqa: T201 # before there is a log
    sys.exit(2)

bind = f"{_settings.host}:{_settings.port}"
worker_class = "api.worker.Worker"
logger_class = "api.worker.Log"
workers = 2
threads = THREADS
#: A worker that handles nothing for this long is replaced; seconds.
timeout = 30
#: Requests under way may finish within this when the gateway stops; seconds. SIGTERM to exit is at most 10 s.
graceful_timeout = 6
#: A client may keep its connection this long between two requests; seconds. Longer than most clients keep one: who closes it while
#: the other asks costs that request.
keepalive = 75
#: A connection without a request is taken after this all the same; seconds.
SAYS_NOTHING_S = 10
#: Larger lines are refused before Flask sees them; bytes.
limit_request_line = 8190
accesslog = None  # the query may hold a key
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """In the master, before the first worker is forked."""
    _setup("api", _settings.log_level)
    install_mp_handler()
    # gunicorn forks by itself, and the queue of that would wait for ever for the thread that empties it in the master.
    os.register_at_fork(after_in_child=_after_fork)


def when_ready(server: Any) -> None:
    """In the master, listening: from now on it says every second that it lives."""
    for listener in server.LISTENERS:  # who connects and says nothing holds no thread: the kernel keeps the connection
        listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SAYS_NOTHING_S)
    now_ms = time.time_ns() // 1_000_000
    words = ApiState(name="api_00", pid=os.getpid(), written_ms=now_ms, started_ms=now_ms)
    Reporter(_settings.var_dir, words, stuck_s=math.inf).start()


def on_exit(_server: Any) -> None:
    """Hand over the last lines: the tunnel is emptied only when it is taken down."""
    uninstall_mp_handler()
