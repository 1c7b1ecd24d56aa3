"""FAR WORDS: what a process on another machine says of itself, every second over the bus, so that the router's machine knows it too.

worker: reporter ── state/NAME.json      worker: reporter ══ bus ══▶ router ── state/NAME.json, dated by the router's clock ──▶ health
"""

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import msgspec
import zmq

from gateway.bus.bus import LINGER_MS, WORDS
from gateway.bus.curve import Keys
from gateway.bus.line import Dialled
from gateway.health import state
from gateway.health.words import STALE_S, State, WorkerState, is_fresh
from gateway.protocol.endpoints import ENDPOINTS
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

_NAME = re.compile(rf"({'|'.join(ENDPOINTS)})_[0-9]+")
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
    """The router's end: their state files on this machine. Another machine's clock may be off, so they are dated here.

    Given by the main loop, which waits for no disk, and written by the reporter's thread.
    Of two machines that run the same process one stands by: that one's words are no file, but a hint for a person.
    """

    def __init__(self, var_dir: Path, host_id: str) -> None:
        """host_id: this machine's, whose processes write their files themselves."""
        self._var_dir = var_dir
        self._host_id = host_id
        self._given: SimpleQueue[Mapping[str, bytes]] = SimpleQueue()
        self._standing_by: dict[str, tuple[str, float]] = {}  # sender → what is said of it, and when; Unix seconds
        self._trouble = Trouble(log, "router far_words_unreadable")

    def hints(self, now: float) -> list[str]:
        """Who stands by for another machine's process of the same name."""
        return sorted({words for words, at in list(self._standing_by.values()) if now - at <= STALE_S})

    def give(self, words: Mapping[str, bytes]) -> None:
        """words: by who sent them."""
        if words:
            self._given.put(words)

    def write(self, now: float) -> None:
        """What was given since. What is no worker's is said and left out. now: Unix seconds."""
        words: dict[str, bytes] = {}
        while not self._given.empty():
            words |= self._given.get()
        for sender, text in words.items():
            try:
                if not sender.startswith(self._host_id):
                    self._write(sender, msgspec.json.decode(text, type=WorkerState), now)
            except (msgspec.DecodeError, msgspec.ValidationError, OSError) as fault:
                self._trouble.say(f"{sender}: {fault}")

    def _write(self, sender: str, said: WorkerState, now: float) -> None:
        if _NAME.fullmatch(said.name) is None:
            return
        self._standing_by.pop(sender, None)
        if said.connection_status == "standby":
            other = state.read_worker(self._var_dir, said.name)
            if other is not None and other.pid != said.pid and is_fresh(other, int(now * 1000)):
                self._standing_by[sender] = f"{said.name} of another machine stands by: {said.last_error}", now
                return
        said.written_ms = int(now * 1000)
        state.write(self._var_dir, said)
