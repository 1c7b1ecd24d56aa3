"""DEATHS: what supervisord says of a process, and what consumers are told of it. Pure; the guard reads and sends."""

from dataclasses import dataclass

from gateway.occurrences import Kind
from gateway.protocol.endpoints import ENDPOINTS

DIED: Kind = "died"
FATAL: Kind = "fatal"
STUCK: Kind = "stuck"

#: supervisord's event → what is told of it. A process that ends as it was told to, or with an expected code, makes none of them.
KINDS: dict[str, Kind] = {
    "PROCESS_STATE_EXITED": DIED,
    "PROCESS_STATE_BACKOFF": DIED,  # it ended within `startsecs`, so that it never counted as running
    "PROCESS_STATE_FATAL": FATAL,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of supervisord.

    serial    counts all events of one supervisord
    event     its name, e.g. PROCESS_STATE_EXITED
    program   its group, which is the program; process: its name, e.g. linear_00
    pid       None: it had none
    expected  its exit code is one of `exitcodes`
    tries     starts in a row that failed; 0: none
    """

    serial: int
    event: str
    program: str
    process: str
    pid: int | None
    expected: bool
    tries: int

    @property
    def kind(self) -> Kind | None:
        """None: it is nothing to tell."""
        return None if self.expected else KINDS.get(self.event)


def notice(head: str, body: str) -> Notice:
    """Read one. Raises ValueError, KeyError where it is not what supervisord 4 documents: `name:value name:value`."""
    header, said = _pairs(head), _pairs(body)
    return Notice(
        serial=int(header["serial"]),
        event=header["eventname"],
        program=said["groupname"],
        process=said["processname"],
        pid=int(said["pid"]) if "pid" in said else None,
        expected=said.get("expected") == "1",
        tries=int(said.get("tries", "0")),
    )


def length_of(head: str) -> int:
    """Bytes of the body that follows a header. Raises ValueError, KeyError."""
    return int(_pairs(head)["len"])


def words(found: Notice, how: str | None, stuck: str | None) -> str:
    """The detail of what is told.

    how    supervisord's own words of the end, such as `terminated by SIGKILL; not expected`
    stuck  the event_id by which it was told that the guard has it ended; None: it has not
    """
    end = how or "supervisord's log says how"
    if found.kind == FATAL:
        return f"supervisord starts it no more ({end}): `supervisorctl start {found.program}:{found.process}` when that is mended"
    pid = f" (pid {found.pid})" if found.pid is not None else ""
    told = [f"the process{pid} ended by itself: {end}"]
    if stuck is not None:
        told = [f"the process{pid} was ended because it no longer turned, which the event {stuck} tells: {end}"]
    if found.tries:
        told.append(f"starts in a row that failed: {found.tries}; it is started again in {found.tries} s")
    if found.program in ENDPOINTS:
        told.append("what may be missing because of it, its next run tells as a gap with cause `restarted`")
    return "; ".join(told)


def _pairs(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition(":") for word in text.split())}
