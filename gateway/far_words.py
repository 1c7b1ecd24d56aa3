"""FAR WORDS: what a process on another machine says of itself, every second over the bus, so that the router's machine knows it too.

worker: reporter ── state/NAME.json      worker: reporter ══ bus ══▶ router ── state/NAME.json, dated by the router's clock ──▶ health
"""

import logging
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import zmq

from gateway import state
from gateway.bus import LINGER_MS, WORDS
from gateway.curve import Keys
from gateway.line import Dialled
from gateway.protocol.endpoints import ENDPOINTS
from gateway.state import State, WorkerState
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: Words under way; older ones would be no news.
_UNDER_WAY = 2


class FarWords:
    """The worker's end; made and used by one thread, the reporter. What cannot go now is told anew in a second."""

    def __init__(
        self, address: str, name: str, host_id: str, keys: Keys | None, *, context: zmq.Context[zmq.Socket[bytes]] | None = None
    ) -> None:
        self._socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        self._socket.set(zmq.IDENTITY, f"{host_id} {name}".encode())
        self._socket.set(zmq.SNDHWM, _UNDER_WAY)
        self._socket.set(zmq.LINGER, LINGER_MS)
        self._line = Dialled(self._socket, address, keys)

    def send(self, words: State) -> None:
        self._line.news()
        with suppress(zmq.Again):
            self._socket.send_multipart([WORDS, msgspec.json.encode(words)], zmq.NOBLOCK)

    def close(self) -> None:
        self._line.close()


class FarStates:
    """The router's end: their state files on this machine. Another machine's clock may be off, so they are dated here."""

    def __init__(self, var_dir: Path, host_id: str) -> None:
        """host_id: this machine's, whose processes write their files themselves."""
        self._var_dir = var_dir
        self._host_id = host_id
        self._trouble = Trouble(log, "router far_words_unreadable")

    def write(self, words: Mapping[str, bytes]) -> None:
        """words: by who sent them. What is no worker's is said and left out."""
        for sender, text in words.items():
            if sender.startswith(self._host_id):
                continue
            try:
                said = msgspec.json.decode(text, type=WorkerState)
                if re.fullmatch(rf"({'|'.join(ENDPOINTS)})_[0-9]+", said.name) is not None:
                    said.written_ms = time.time_ns() // 1_000_000
                    state.write(self._var_dir, said)
            except (msgspec.DecodeError, msgspec.ValidationError, OSError) as fault:
                self._trouble.say(f"{sender}: {fault}")
