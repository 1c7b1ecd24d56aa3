"""The tap: what this worker and the exchange say to each other, to whoever records it. It never waits and never fails.

socket ─▶ intake ─ received ─┐
link ─ opened, sent, closed ─┼▶ bytes that wait, bounded ─ turn ─▶ the recorder's Unix socket
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway.recording import entries, places
from gateway.recording.entries import About, Kind, encode

log = logging.getLogger(__name__)

#: Between two looks for recorders; seconds.
LOOK_S = 1.0
#: What a recorder has not taken yet waits up to so many bytes; beyond it entries are counted, not kept, until half of it is free again.
WAITING_BYTES = 16 << 20
#: A recorder gets so many pieces of so many bytes in one turn, so that a quick one does not hold up the frames.
GIVES_PER_TURN, GIVEN_BYTES = 8, 1 << 18
#: What a login shows of key and signature.
HIDDEN = "(not recorded)"


@dataclass(slots=True)
class _Recorder:
    """One that listens. lost: entries since `lost_since_ns` that it cannot be given."""

    path: Path
    socket: socket.socket
    waiting: bytearray = field(default_factory=bytearray)
    lost: int = 0
    lost_since_ns: int = 0

    def put(self, entry: bytes, at_ns: int) -> None:
        if self.lost and len(self.waiting) <= WAITING_BYTES // 2:
            self.waiting += entries.lost(self.lost, self.lost_since_ns, at_ns)
            self.lost = 0
        if self.lost or len(self.waiting) + len(entry) > WAITING_BYTES:
            self.lost_since_ns = self.lost_since_ns if self.lost else at_ns
            self.lost += 1
            return
        self.waiting += entry

    def give(self) -> None:
        """As much as it takes now. Raises OSError where it is gone."""
        for _ in range(GIVES_PER_TURN):
            if not self.waiting:
                return
            try:
                sent = self.socket.send(memoryview(self.waiting)[:GIVEN_BYTES], socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            del self.waiting[:sent]


class Tap:
    """Of one worker; used by its main thread alone.

    recorders  who listens; while there is none, nothing else here is to be called
    """

    def __init__(self, var_dir: Path | None = None, *, worker: str = "", endpoint: str = "", epoch: str = "") -> None:
        """var_dir: None for nobody ever."""
        self._folder = places.folder(var_dir) if var_dir is not None else None
        self._worker, self._endpoint, self._epoch = worker, endpoint, epoch
        self._look_at = 0.0
        self._connection = 0
        self._is_open = False
        self.recorders: list[_Recorder] = []

    def turn(self, now: float, now_ns: int, held: Callable[[], Iterable[str]]) -> None:
        """Give what waits, and look for recorders now and then. now: monotonic seconds; held: topics that are acknowledged."""
        for recorder in list(self.recorders):
            self._give(recorder)
        if now >= self._look_at and self._folder is not None:
            self._look_at = now + LOOK_S
            known = {recorder.path for recorder in self.recorders}
            for path in places.found_by(self._folder, self._worker):
                if path not in known:
                    self._attach(path, now_ns, held)

    def opened(self, at_ns: int) -> None:
        """A connection was made. To be called whether somebody listens or not, as `closed` is."""
        self._connection += 1
        self._is_open = True
        self._put(Kind.OPENED, at_ns, b"")

    def received(self, at_ns: int, text: bytes) -> None:
        self._put(Kind.RECEIVED, at_ns, text)

    def sent(self, at_ns: int, text: str) -> None:
        self._put(Kind.SENT, at_ns, hidden(text).encode())

    def closed(self, at_ns: int, reason: str) -> None:
        """The connection has ended, if there was one."""
        if self._is_open:
            self._put(Kind.CLOSED, at_ns, reason.encode())
        self._is_open = False

    def close(self, at_ns: int) -> None:
        """The worker ends: recorders get what they take at once."""
        self._put(Kind.DETACHED, at_ns, b"the worker has stopped")
        for recorder in list(self.recorders):
            self._give(recorder)
        for recorder in list(self.recorders):
            self._drop(recorder, "the worker is stopping")

    def _put(self, kind: Kind, at_ns: int, data: bytes) -> None:
        if self.recorders:
            entry = encode(kind, at_ns, self._connection if self._is_open else 0, data)
            for recorder in self.recorders:
                recorder.put(entry, at_ns)

    def _give(self, recorder: _Recorder) -> None:
        try:
            recorder.give()
        except OSError as fault:
            self._drop(recorder, fault.strerror or str(fault))

    def _attach(self, path: Path, now_ns: int, held: Callable[[], Iterable[str]]) -> None:
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            ours.connect(os.fspath(path))
        except OSError as fault:
            ours.close()
            if isinstance(fault, ConnectionRefusedError):  # whoever made it has died: it listens before its socket gets this name
                with suppress(OSError):
                    path.unlink()
            return
        recorder = _Recorder(path, ours)
        about = About(self._worker, self._endpoint, self._epoch, list(held()))
        recorder.put(encode(Kind.ATTACHED, now_ns, self._connection if self._is_open else 0, msgspec.json.encode(about)), now_ns)
        self.recorders.append(recorder)
        log.info("%s recorder_came place=%s topics=%d", self._worker, path.name, len(about.topics))
        self._give(recorder)

    def _drop(self, recorder: _Recorder, reason: str) -> None:
        self.recorders.remove(recorder)
        recorder.socket.close()
        log.info("%s recorder_gone place=%s lost=%d reason=%s", self._worker, recorder.path.name, recorder.lost, reason)


def hidden(text: str) -> str:
    """A request without what logs in."""
    if '"auth"' not in text:
        return text
    message = msgspec.json.decode(text)
    if message.get("op") == "auth":
        message["args"] = [HIDDEN, message["args"][1], HIDDEN]
    return msgspec.json.encode(message).decode()
