"""The bus: workers to router over ZeroMQ, in batches, with one cumulative acknowledgement per batch; nothing is lost.

    worker  DEALER  ── [number][batch] ──▶  ROUTER  router
                    ◀── [acknowledged] ──

Number 0 is the hello: it names the first batch that the sender still has, so that a new router never starts in the middle. A router
that meets a batch of somebody it does not know answers 0: say hello.
A sender keeps every batch until it is acknowledged and sends again when the link comes back or acknowledgements stall
(`outbox.py` keeps them).
Source of the pattern: measured against PUSH/PULL, which lost about 1,000 of 60,000 when the router died; this loses none.
"""

import logging
import os
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq

from gateway.bus.curve import Keys
from gateway.bus.line import Bound, Dialled
from gateway.bus.outbox import WINDOW, Outbox, Packed
from gateway.models import Record
from gateway.wire import unpack

log = logging.getLogger(__name__)

_NUMBER = struct.Struct("<Q")
_HELLO = _NUMBER.pack(0)
_READABLE = int(zmq.POLLIN)
#: In the place of a number: what a process says of itself, for a router that cannot read its state file.
WORDS = _NUMBER.pack(2**64 - 1)

#: Without an acknowledgement for this long while batches wait, they are sent again; seconds.
STALL_S = 3.0
#: Batches taken from the socket in one go before acknowledgements are looked at.
DRAIN = 256
#: How long closing waits for what is under way in the library's own buffers; milliseconds.
LINGER_MS = 500


def address(var_dir: Path) -> str:
    """Where the router listens. The path of a Unix socket holds at most 107 bytes."""
    return f"ipc://{var_dir / 'bus.sock'}"


class BusSender:
    """The worker's end. Never blocks; used from one thread.

    outbox  what is not acknowledged yet
    """

    def __init__(
        self, address: str, identity: bytes, *, keys: Keys | None = None, context: zmq.Context[zmq.Socket[bytes]] | None = None
    ) -> None:
        """`identity` is unique per process run: a restarted worker's batch 1 is not a repeat. keys: None within one machine."""
        self._context = context or zmq.Context.instance()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.set(zmq.IDENTITY, identity)
        self._socket.set(zmq.SNDHWM, WINDOW * 2)
        self._socket.set(zmq.LINGER, LINGER_MS)
        self._line = Dialled(self._socket, address, keys)
        self._descriptor = int(self._socket.get(zmq.FD))
        self._on_wire = 0  # highest number handed to the socket on this link
        self._linked = False
        self._heard = time.monotonic()
        self.outbox = Outbox()

    def send(self, records: Sequence[Record]) -> None:
        """Take over records; they are kept until the router acknowledges them."""
        self.outbox.put(records, time.monotonic())
        self.pump()

    def make_room(self, most_bytes: int, most_s: float) -> list[Record]:
        """Drop the oldest public events that wait, until all fits and none has waited longer; what was dropped."""
        return self.outbox.drop_oldest(most_bytes=most_bytes, born_before=time.monotonic() - most_s)

    def pump(self) -> None:
        """Take acknowledgements, notice a lost or new link, send what may go. Does not wait."""
        linked = self._line.news()
        if linked is not None:
            self._linked, self._on_wire = linked, 0
        while _has_news(self._socket):
            number = _NUMBER.unpack(self._socket.recv(zmq.NOBLOCK))[0]
            if number:
                self.outbox.acknowledged(number)
            else:
                self._on_wire = 0
            self._heard = time.monotonic()
        if not self.outbox.is_under_way:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > STALL_S:
            self._heard = time.monotonic()
            self._on_wire = 0
        if self._linked:
            self._send_window()

    def fileno(self) -> int:
        """ZeroMQ's own descriptor: edge-triggered, so `pump` is called after every wake and at every tick."""
        return self._descriptor

    def flush(self, deadline_s: float, *, patience_s: float) -> bool:
        """Wait until everything is acknowledged; True when nothing waits.

        Ends at the deadline, and before it when no acknowledgement came for `patience_s`: nobody takes anything then.
        """
        until = time.monotonic() + deadline_s
        progress, waiting = time.monotonic(), len(self.outbox)
        while self.outbox and time.monotonic() < min(until, progress + patience_s):
            self.pump()
            if len(self.outbox) < waiting:
                progress, waiting = time.monotonic(), len(self.outbox)
            self._socket.poll(20)
        return not self.outbox

    def close(self) -> None:
        self._line.close()

    def _send_window(self) -> None:
        """A router that begins with this link is told first with which batch."""
        try:
            if self._on_wire == 0 and self.outbox:
                self._socket.send_multipart([_HELLO, _NUMBER.pack(self.outbox.next_number)], zmq.NOBLOCK)
            if self._on_wire < self.outbox.newest_number:
                for batch in self.outbox.after(self._on_wire):
                    self._give(batch)
            while (fresh := self.outbox.next_batch()) is not None:
                self._give(fresh)
        except zmq.Again:
            return  # no room or no peer: the next pump goes on from here

    def _give(self, batch: Packed) -> None:
        self._socket.send_multipart([_NUMBER.pack(batch.number), batch.payload], zmq.NOBLOCK)
        self._on_wire = batch.number


@dataclass(slots=True)
class _Peer:
    """What the router knows of one worker run: accepted came in order, settled may be acknowledged."""

    accepted: int
    settled: int
    heard: float


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as it arrived: `settle(peer, number)` acknowledges it."""

    peer: bytes
    number: int
    records: list[Record]


class BusReceiver:
    """The router's end; used from one thread."""

    def __init__(self, address: str, *, keys: Keys | None = None, context: zmq.Context[zmq.Socket[bytes]] | None = None) -> None:
        """keys: those of the router's machine, whose door is open already; None within one machine."""
        self._context = context or zmq.Context.instance()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.set(zmq.ROUTER_HANDOVER, 1)
        self._socket.set(zmq.RCVHWM, WINDOW * 2)
        self._socket.set(zmq.LINGER, LINGER_MS)
        self._line = Bound(self._socket, address, keys)
        self._peers: dict[bytes, _Peer] = {}
        self._asked: set[bytes] = set()  # who was asked to say hello, and has not yet
        self._not_read = 0.0  # when reading was last stopped
        self.unreadable = 0
        self._words: dict[str, bytes] = {}

    def wait(self, wake: int, seconds: float, *, reading: bool) -> None:
        """Sleep until batches are here (unless not `reading`), `wake` is readable, or the time is up; `wake` is then calm again."""
        poller = zmq.Poller()
        poller.register(wake, zmq.POLLIN)
        if reading:
            poller.register(self._socket, zmq.POLLIN)
        if any(ready == wake for ready, _ in poller.poll(int(seconds * 1000))):
            os.eventfd_read(wake)
        if not reading:
            self._not_read = time.monotonic()

    def take(self) -> list[Batch]:
        """The new batches that are here, per worker in order, repeats left out. Does not wait."""
        taken = []
        for _ in range(DRAIN):
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            batch = self._sort(parts)
            if batch is not None:
                taken.append(batch)
        return taken

    def settle(self, peer: bytes, number: int) -> None:
        """Acknowledge all batches of a worker up to this one."""
        known = self._peers.get(peer)
        if known is not None and number > known.settled:
            known.settled = number
            self._acknowledge(peer, number)

    def forget_silent(self, older_than_s: float) -> None:
        """Drop what is known of worker runs that have been silent while they were listened to, and are owed nothing.

        Most are gone; one that speaks again after all is asked to say hello.
        """
        before = time.monotonic() - older_than_s
        for peer, known in list(self._peers.items()):
            if max(known.heard, self._not_read) < before and known.settled == known.accepted:
                del self._peers[peer]
        self._asked.clear()

    def take_words(self) -> dict[str, bytes]:
        """What processes of other machines said of themselves since the last look, by who sent it; see `far_words.py`."""
        self._line.look()
        taken, self._words = self._words, {}
        return taken

    def close(self) -> None:
        self._line.close()

    def _sort(self, parts: list[bytes]) -> Batch | None:
        well_formed = len(parts) == 3 and len(parts[1]) == _NUMBER.size
        if well_formed and parts[1] == WORDS:
            self._words[parts[0].decode(errors="replace")] = parts[2]
            return None
        if not well_formed or (parts[1] == _HELLO and len(parts[2]) != _NUMBER.size):
            self.unreadable += 1
            log.warning("bus unreadable parts=%d", len(parts))
            return None
        peer, number, payload = parts[0], _NUMBER.unpack(parts[1])[0], parts[2]
        known = self._peers.get(peer)
        if number == 0:
            self._greet(peer, known, _NUMBER.unpack(payload)[0])
            return None
        if known is None:
            if peer not in self._asked:  # once: it sends again all that it has
                self._asked.add(peer)
                self._acknowledge(peer, 0)
            return None
        known.heard = time.monotonic()
        if number <= known.accepted:
            if known.settled:
                self._acknowledge(peer, known.settled)
            return None
        if number != known.accepted + 1:
            return None  # a hole: the sender sends again from its oldest, in order
        known.accepted = number
        try:
            return Batch(peer, number, unpack(payload))
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            self.unreadable += 1
            log.warning("bus batch_unreadable peer=%s reason=%s", peer.hex(), fault)
            return Batch(peer, number, [])

    def _greet(self, peer: bytes, known: _Peer | None, first: int) -> None:
        self._asked.discard(peer)
        if known is None:
            self._peers[peer] = _Peer(accepted=first - 1, settled=first - 1, heard=time.monotonic())
        elif first > known.accepted + 1:  # the sender no longer has what lies between
            known.accepted = first - 1

    def _acknowledge(self, peer: bytes, number: int) -> None:
        try:
            self._socket.send_multipart([peer, _NUMBER.pack(number)], zmq.NOBLOCK)
        except zmq.ZMQError:
            log.debug("bus acknowledgement_not_sent peer=%s", peer.hex())  # it is told again with the next batch or repeat
            self._asked.discard(peer)


def _has_news(of: "zmq.Socket[bytes]") -> bool:
    """Whether something can be read: as `poll(0)` says it, at a tenth of its cost."""
    return bool(int(of.get(zmq.EVENTS)) & _READABLE)
