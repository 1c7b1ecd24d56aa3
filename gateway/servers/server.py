"""What the private servers have in common: a folder that remembers ports and passwords, child processes that die with us."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from gateway.errors import ServerError

#: Receives one line of progress for a person.
Report = Callable[[str], None]

#: Free bytes below which a server is not started: both write files of tens of megabytes at their first start.
ROOM_BYTES = 300 << 20
#: A killed server's ports are free within this; seconds.
PORTS_FREE_S = 5.0
#: Where new ports are looked for: below those that Linux gives to outgoing connections (`ip_local_port_range`, 32768 on by default).
PORTS = range(10_000, 32_768)


def quiet(_line: str) -> None:
    """Report nothing."""


class Kept(msgspec.Struct):
    """What a server's folder remembers between runs."""

    ports: list[int]
    password: str


class Server(ABC):
    """One private server. Subclasses say how it is started and when it is ready.

    name    for messages and logs
    folder  its data, logs and kept ports; created when missing
    """

    name = "server"
    ports_needed = 1
    stop_signal = signal.SIGTERM
    room_bytes = ROOM_BYTES

    def __init__(self, folder: Path, report: Report = quiet) -> None:
        self.folder = folder.absolute()
        self.report = report
        self._children: list[subprocess.Popen[bytes]] = []
        self.ports: list[int] = []
        self.password = ""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect, credentials included."""

    @property
    def pid(self) -> int:
        """Of the server's main process."""
        return self._children[-1].pid

    @abstractmethod
    def start(self) -> None:
        """Start, or start again with the same data and ports. Returns when it accepts clients. Raises ServerError."""

    def is_running(self) -> bool:
        return bool(self._children) and self._children[-1].poll() is None

    def stop(self) -> None:
        """End it in good order; by force when that takes too long."""
        for child in reversed(self._children):
            self._end(child, self.stop_signal, 10.0)
        self._children.clear()

    def kill(self) -> None:
        """End it as a crash would."""
        for child in reversed(self._children):
            self._end(child, signal.SIGKILL, 5.0)
        self._children.clear()
        until = time.monotonic() + PORTS_FREE_S
        while not all(map(is_free, self.ports)) and time.monotonic() < until:
            time.sleep(0.05)  # what it had started itself dies a moment later, and holds its ports until then

    def _prepare_folder(self) -> None:
        """Make the folder, look for room, and settle ports and password: the kept ones where they are still free."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise ServerError(f"{self.folder} cannot be made for the private {self.name} ({fault.strerror})") from fault
        free = shutil.disk_usage(self.folder).free
        if free < self.room_bytes:
            raise ServerError(
                f"{self.folder} has {free >> 20} MiB free for the private {self.name}; expected at least {self.room_bytes >> 20} MiB"
            )
        file = self.folder / "kept.json"
        try:
            kept = msgspec.json.decode(file.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            kept = Kept(ports=[], password=secrets.token_hex(16))
        if len(kept.ports) != self.ports_needed or not all(map(is_free, kept.ports)):
            kept.ports = free_ports(self.ports_needed)
        with open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(msgspec.json.encode(kept))
        self.ports, self.password = kept.ports, kept.password

    def _spawn(self, command: Sequence[str], environ: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(  # noqa: S603 # our own argument list
            command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.folder
        )
        self._children.append(child)
        return child

    def _wait_until(self, ready: Callable[[], bool], seconds: float, log: Path) -> None:
        """Until `ready`; ServerError with the log's last line when the process ends or the time is up."""
        until = time.monotonic() + seconds
        while not ready():
            ended = self._children[-1].poll()
            if ended is not None or time.monotonic() > until:
                how = f"ended with code {ended}" if ended is not None else f"was not ready within {seconds:g} s"
                self.kill()
                raise ServerError(f"the private {self.name} {how}: {last_line(log)} (its log is {log})")
            time.sleep(0.05)

    @staticmethod
    def _end(child: subprocess.Popen[bytes], how: signal.Signals, seconds: float) -> None:
        """Signal the child, wait, and leave nothing of its process group behind."""
        with suppress(ProcessLookupError):
            child.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def dying_with_us(how: str, *user: str) -> list[str]:
    """The beginning of a command that sends its process a signal when we die, and runs as another user where asked.

    how   the signal's name without SIG
    user  further options of setpriv
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerError("setpriv is missing; expected the package util-linux")
    return [setpriv, "--pdeathsig", how, *user, "--"]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now, and no outgoing connection takes by chance before somebody does."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def last_line(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return "no log"
    return lines[-1] if lines else "an empty log"
