"""The recorder: listens where workers look for it, and writes what they say. Whatever becomes of it, they go on."""

import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway.errors import RecordingDamaged, RequestError
from gateway.recording import entries, places
from gateway.recording.entries import HEAD, About, Kind, encode
from gateway.recording.writer import Writer

#: What was heard is in the file within so long; seconds.
FLUSH_S = 1.0
#: Bytes read at once.
READ_BYTES = 1 << 18
#: When told to stop, what the workers have said by then is read for so long; seconds.
LAST_S = 0.5


@dataclass(slots=True)
class _Voice:
    """One worker's socket. worker: "" until it has said who it is."""

    worker: str = ""
    begun: bytearray = field(default_factory=bytearray)


class Recorder:
    """Of one file. Used as a context: its sockets are there from its beginning to its end.

    heard    worker → its entries by now
    present  workers that are connected
    """

    def __init__(self, var_dir: Path, writer: Writer, workers: Sequence[str] = (places.ALL,)) -> None:
        """Raises RequestError where the var folder's path is too long, OSError where a socket cannot be made."""
        self.writer = writer
        self.heard: dict[str, int] = {}
        self.present: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._paths = [places.place(var_dir, worker, os.getpid()) for worker in workers]
        places.folder(var_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._paths:
            if len(os.fsencode(path)) > places.LONGEST_PATH:
                raise RequestError(f"found {path}, too long for a socket; expected at most {places.LONGEST_PATH} bytes")
            self._selector.register(_listening(path), selectors.EVENT_READ)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Until then; looked at twice a second. What the workers have said by then is in the file, which is not closed."""
        flush_at = time.monotonic() + FLUSH_S
        while not is_over():
            self._listen(FLUSH_S / 2)
            if time.monotonic() >= flush_at:
                self.writer.flush()
                flush_at = time.monotonic() + FLUSH_S
        until = time.monotonic() + LAST_S
        while self._listen(0.0) and time.monotonic() < until:
            pass
        self.writer.flush()

    def close(self) -> None:
        """Workers see that nobody listens any more."""
        for path in self._paths:
            path.unlink(missing_ok=True)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr] # sockets all
        self._selector.close()

    def _listen(self, wait_s: float) -> bool:
        """Whether somebody said something."""
        ready = self._selector.select(wait_s)
        for key, _ in ready:
            if isinstance(key.fileobj, socket.socket):
                if isinstance(key.data, _Voice):
                    self._read(key.fileobj, key.data)
                else:
                    self._accept(key.fileobj)
        return bool(ready)

    def _accept(self, listening: socket.socket) -> None:
        with suppress(BlockingIOError):
            self._selector.register(listening.accept()[0], selectors.EVENT_READ, _Voice())

    def _read(self, theirs: socket.socket, voice: _Voice) -> None:
        try:
            part = theirs.recv(READ_BYTES)
            voice.begun += part
            whole, count = entries.whole_bytes(voice.begun)
            if count and not voice.worker:
                voice.worker = _name_in(voice.begun)
                self.present.append(voice.worker)
        except (OSError, RecordingDamaged, msgspec.DecodeError):
            self._let_go(theirs, voice, "its socket broke")
            return
        if count:
            self._keep(voice.worker, voice.begun[:whole], count)
            del voice.begun[:whole]
        if not part:
            self._let_go(theirs, voice, "the worker has gone")

    def _keep(self, worker: str, content: bytes | bytearray, count: int) -> None:
        self.heard[worker] = self.heard.get(worker, 0) + count
        self.writer.add(worker, content, count)

    def _let_go(self, theirs: socket.socket, voice: _Voice, why: str) -> None:
        self._selector.unregister(theirs)
        theirs.close()
        if voice.worker:
            self.present.remove(voice.worker)
            self._keep(voice.worker, encode(Kind.DETACHED, time.time_ns(), 0, why.encode()), 1)


def _listening(path: Path) -> socket.socket:
    """It has its name only once it listens, so that whoever is refused there knows that nobody will."""
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    made = path.with_suffix(".new")
    made.unlink(missing_ok=True)
    ours.bind(os.fspath(made))
    ours.listen(64)
    made.rename(path)
    return ours


def _name_in(content: bytearray) -> str:
    """Of the worker whose words begin so. Raises RecordingDamaged, msgspec.DecodeError."""
    length, kind, _, _ = HEAD.unpack_from(content)
    if kind != Kind.ATTACHED:
        raise RecordingDamaged(f"found an entry of kind {kind} at first; expected {Kind.ATTACHED}")
    return msgspec.json.decode(content[HEAD.size : HEAD.size + length], type=About).worker
