"""supervisord, from inside: its events on stdin, and the few questions that the guard asks it over its socket."""

import os
import re
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisor import childutils

from workers.deaths import Notice, length_of, notice

#: Bytes of supervisord's log in which its words of an end are looked for.
TAIL_BYTES = 16_384
#: What a socket that is not there, or a call that is refused, raises.
FAULTS = (OSError, xmlrpc.client.Error)

_READY, _DONE = b"READY\n", b"RESULT 2\nOK"


class Events:
    """The listener's end of supervisord's protocol: READY, one event, its result, READY …

    is_over  supervisord is gone
    """

    def __init__(self, source: int, target: int) -> None:
        """source, target: file descriptors."""
        self._source = source
        self._target = target
        self._read = b""
        self.is_over = False

    def fileno(self) -> int:
        return self._source

    def ready(self) -> None:
        self._write(_READY)

    def done(self) -> None:
        """The event is kept: supervisord may forget it, and send the next one."""
        self._write(_DONE + _READY)

    def take(self) -> Notice | None:
        """The event, once all of it is here; call it when the source is readable. Raises ValueError, KeyError for one that is none."""
        more = os.read(self._source, 65_536)
        self.is_over = not more
        self._read += more
        head, newline, rest = self._read.partition(b"\n")
        if not newline:
            return None
        size = length_of(head.decode())
        if len(rest) < size:
            return None
        self._read = rest[size:]
        return notice(head.decode(), rest[:size].decode().partition("\n")[0])

    def _write(self, token: bytes) -> None:
        while token:
            token = token[os.write(self._target, token) :]


class Supervisord:
    """Asked only when something has happened. Calls raise one of FAULTS."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """environ: what supervisord gives its children."""
        self._calls: Any = childutils.getRPCInterface(environ).supervisor

    def running(self) -> dict[str, tuple[str, int]]:
        """Process → program and pid, of those that run."""
        found = self._calls.getAllProcessInfo()
        return {
            row["name"]: (row["group"], row["pid"]) for row in found if row["pid"] and row["statename"] in ("STARTING", "RUNNING")
        }

    def signal(self, program: str, process: str, number: int) -> None:
        self._calls.signalProcess(f"{program}:{process}", str(number))

    def how_it_ended(self, process: str) -> str | None:
        """supervisord's newest words of the end of a process. They stand in its log only."""
        text = self._calls.readLog(-TAIL_BYTES, 0)
        said: list[str] = re.findall(rf"exited: {re.escape(process)} \((.*)\)$", text, re.MULTILINE)
        return said[-1] if said else None


def supervisord_run() -> str:
    """Names the run of the supervisord that started us: its pid, when it was started, and since when the machine is up."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    parent = os.getppid()
    stat = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8")
    started = stat.rpartition(")")[2].split()[19]  # field 22, in ticks since the boot; source: proc(5)
    return f"{boot}|{parent}|{started}"
