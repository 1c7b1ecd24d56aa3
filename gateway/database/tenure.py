"""TENURE: which machine runs a process of an endpoint, as a row in PostgreSQL that the process itself renews.

Two machines set up with the same process, or with another count of them, find out before they subscribe anything: the later one stands by
and says who is in the way. While PostgreSQL is away nobody is asked: who ran it last runs it.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from gateway.database.db import Connection, transaction
from gateway.database.statements import query
from gateway.disk.memo import Memo
from gateway.protocol.endpoints import ENDPOINTS

#: Between two renewals; seconds. A machine that has been silent for so long runs nothing any more.
EVERY_S, SILENT_S = 5.0, 20.0
#: Between two looks of a process that stands by; seconds.
AGAIN_S = 1.0
NOT_ASKED = "PostgreSQL has not said yet whether another machine runs this process"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine's folder. id: made once; name: for a person."""

    id: str
    name: str


def host_of(var_dir: Path) -> Host:
    """The same for all processes that share the folder; whoever comes first makes its id."""
    path = var_dir / "host.id"
    var_dir.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    if not path.exists():
        part.write_text(uuid4().hex, encoding="ascii")
        try:
            with suppress(FileExistsError):
                os.link(part, path)
        finally:
            part.unlink()
    return Host(path.read_text(encoding="ascii"), f"{socket.gethostname()}:{var_dir}")


class Tenure:
    """Of one process; used by one thread.

    in_the_way  why it must not work now, for a person; None: it may
    """

    def __init__(
        self, host: Host, endpoint: str, number: int, processes: int, memo: Memo[bool], now: Callable[[], float] = time.monotonic
    ) -> None:
        """memo: whether this machine ran it last. Of an endpoint that logs in all processes are on one machine, for one works at a time."""
        self._host = host
        self._named = {"endpoint": endpoint, "number": number}
        self._processes = processes
        self._is_alone = ENDPOINTS[endpoint].authenticates
        self._memo = memo
        self._now = now
        self._due = 0.0
        self._is_ours = bool(memo.read())
        self.in_the_way: str | None = None if self._is_ours else NOT_ASKED

    @property
    def wait_s(self) -> float:
        """Until `renew` has something to do."""
        return max(0.0, self._due - self._now())

    def renew(self, connection: Connection) -> None:
        """Say that it is run here, unless somebody is in the way; when that is due. Raises StoreAway, StoreRefused."""
        if self._now() < self._due:
            return
        values = {
            **self._named,
            "processes": self._processes,
            "is_alone": self._is_alone,
            "host_id": self._host.id,
            "host": self._host.name,
            "silent_s": SILENT_S,
        }
        with transaction(connection) as cursor:
            cursor.execute("begin")
            cursor.execute(query("lock_slots"), values)
            cursor.execute(query("slot_in_the_way"), values)
            found = cursor.fetchone()
            if found is None:
                cursor.execute(query("claim_slot"), values)
            cursor.execute("commit")
        self.in_the_way = None if found is None else self._words(*found)
        self._due = self._now() + (EVERY_S if found is None else AGAIN_S)
        if self._is_ours != (found is None):
            self._is_ours = found is None
            self._memo.write(self._is_ours)

    def leave(self, connection: Connection) -> None:
        """Another machine may have it at once. Raises StoreAway, StoreRefused."""
        with transaction(connection) as cursor:
            cursor.execute(query("leave_slot"), {**self._named, "host_id": self._host.id})

    def _words(self, number: int, processes: int, host: str) -> str:
        endpoint, other = self._named["endpoint"], f"{self._named['endpoint']}_{number:02d} of {processes}"
        if number == self._named["number"]:
            return f"{other} runs on {host} too; expected each process of {endpoint} on one machine"
        if self._is_alone and processes == self._processes:
            return f"{other} runs on {host}; this machine takes over when that has gone"
        return f"{other} runs on {host}; expected the same count on all machines, and found {self._processes} here"
