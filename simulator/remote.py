"""Start a simulated exchange as a child process and talk to its control interface. For tests and for `ws-gateway up`."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import msgspec
import urllib3

from simulator.ledger import PAGE

#: From exec to the ready line; seconds.
READY_S = 20.0
#: From SIGTERM to force; seconds. The simulator takes at most 2.
STOP_S = 5.0


class Sent(msgspec.Struct):
    """One text of the ledger, sent, received or withheld; the fields are those of `simulator.ledger.Entry`."""

    number: int
    connection: int
    endpoint: str
    direction: str
    topic: str
    text: str
    sent_ns: int

    @property
    def frame(self) -> Any:
        return json.loads(self.text)


Entry = Sent


class OpenConnection(msgspec.Struct):
    """One client that is connected now."""

    number: int
    endpoint: str
    topics: list[str]
    authenticated: bool


class Control:
    """The control interface of a simulated exchange, wherever it runs: see `simulator/control.py`."""

    def __init__(self, rest_url: str, ca_file: str = "") -> None:
        self.rest_url = rest_url
        self._http = urllib3.PoolManager(timeout=10.0, retries=False, ca_certs=ca_file or None)

    def ledger(
        self,
        endpoint: str | None = None,
        topic: str | None = None,
        direction: str | None = "sent",
        after: int = 0,
        connection: int | None = None,
    ) -> list[Sent]:
        """Texts that match, oldest first, with numbers above `after`. Raises ValueError when the ledger has lost some of them."""
        of = None if connection is None else str(connection)
        given = {"endpoint": endpoint, "topic": topic, "direction": direction, "after": str(after), "connection": of}
        fields, found = {key: value for key, value in given.items() if value is not None}, list[Sent]()
        while True:
            answer = self._call("GET", "ledger", fields=fields)
            if answer["forgotten"] > after:
                raise ValueError(f"the ledger overflowed: its first {answer['forgotten']} entries are gone")
            found += msgspec.convert(answer["entries"], list[Sent])
            if len(answer["entries"]) < PAGE:
                return found
            fields["after"] = str(found[-1].number)

    def connections(self, endpoint: str | None = None) -> list[OpenConnection]:
        fields = {} if endpoint is None else {"endpoint": endpoint}
        return msgspec.convert(self._call("GET", "connections", fields=fields), list[OpenConnection])

    def fault(self, kind: str, **fields: Any) -> int:
        """Have a fault: see `simulator.faults`. The number of a standing one, else how many connections or steps it touched."""
        answer = self._call("POST", "faults", {"kind": kind, **fields})
        return int(answer.get("number", answer.get("touched")))

    def lift(self, number: int | None = None) -> int:
        """End a standing fault, or all; how many there were."""
        return int(self._call("DELETE", "faults" if number is None else f"faults/{number}")["lifted"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults that stand: number, hits and the fault itself."""
        found: list[dict[str, Any]] = self._call("GET", "faults")
        return found

    def cut(self, endpoint: str, how: str) -> int:
        """`how`: abort, 1000, 1001, mid_frame or maintenance. How many connections there were."""
        return self.fault("cut", endpoint=endpoint, how=how)

    def refuse(self, endpoint: str, on: bool) -> None:
        """New connections get HTTP 503 while on."""
        if on:
            self.fault("refuse", endpoint=endpoint)
            return
        for standing in self.faults():
            if standing["fault"]["kind"] == "refuse" and standing["fault"].get("endpoint", "*") == endpoint:
                self.lift(standing["number"])

    def pause(self, on: bool) -> None:
        """Nothing moves by itself while on."""
        self._call("POST", "pause", {"on": on})

    def step(self, count: int = 1) -> None:
        """Move the market now, also while it is paused."""
        self._call("POST", "step", {"count": count})

    def send(self, endpoint: str, text: str) -> int:
        """Push any text to the connections of an endpoint; how many there were."""
        return int(self._call("POST", "send", {"endpoint": endpoint, "text": text})["sent_to"])

    def account(self, action: str, **facts: Any) -> list[dict[str, Any]]:
        """place, fill, amend, cancel or wallet, with the facts of `simulator.account_control.Do`; the frames that were made."""
        frames: list[dict[str, Any]] = self._call("POST", "account", {"action": action, **facts})["frames"]
        return frames

    def system_status(self, **row: Any) -> list[dict[str, Any]]:
        """An announcement; `row` replaces fields of it. The frames that were made."""
        frames: list[dict[str, Any]] = self._call("POST", "system_status", row)["frames"]
        return frames

    def key(self, api_key: str, api_secret: str | None) -> None:
        """A further key of the account is good from now on; without a secret, it ends."""
        self._call("POST", "key", {"api_key": api_key, "api_secret": api_secret})

    def list_instrument(self, category: str, symbol: str, **figures: Any) -> str:
        """List one, with the figures of `simulator.listing.Listing`; its status. What is PreLaunch begins to trade when listed again."""
        return str(self._call("POST", "list", {"category": category, "symbol": symbol, **figures})["status"])

    def delist(self, category: str, symbol: str) -> None:
        """End one: REST lists it no more, its topics are gone, and whoever holds them hears no more."""
        self._call("POST", "delist", {"category": category, "symbol": symbol})

    def _call(self, method: str, name: str, body: Any = None, fields: dict[str, str] | None = None) -> Any:
        url = f"{self.rest_url}/simulator/{name}"
        if method != "POST":
            answer = self._http.request(method, url, fields=fields)
        else:
            answer = self._http.request(method, url, body=json.dumps(body))
        if answer.status != 200:
            raise ValueError(f"the simulator answered {answer.status}: {answer.data.decode()}")
        return json.loads(answer.data)


class RunningSimulator(Control):
    """A simulated exchange in a child process.

    ws_url, rest_url  base URLs, for BYBIT_WS_URL and BYBIT_REST_URL
    ca_file           the authority behind wss and https, for BYBIT_CA_FILE; "" without TLS
    """

    api_key = "simulator-key"
    api_secret = "simulator-secret"  # noqa: S105 # made up

    def __init__(self, process: subprocess.Popen[bytes], ws_url: str, rest_url: str, ca_file: str = "") -> None:
        super().__init__(rest_url, ca_file)
        self._process = process
        self.ws_url = ws_url
        self.ca_file = ca_file

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it; by force after 5 s."""
        self._http.clear()
        _end(self._process)


def start(
    folder: Path | None = None, *, paused: bool = False, choices: dict[str, str] | None = None, **options: Any
) -> RunningSimulator:
    """Start one; it dies with the thread that calls. Raises RuntimeError with its last words when it does not come up.

    folder   gets `simulator.log`, what it says on stderr; None: a nameless temporary file
    choices  open points of the exchange's manners: see `simulator.choices`
    options  those of `python -m simulator`, with underscores: seed, scenario, steps_per_s, idle_s, tls …; ports are any free ones
    """
    command = [sys.executable, "-m", "simulator", "--die-with-parent"]
    for name, value in ({"ws_port": 0, "rest_port": 0} | options).items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    for name, word in (choices or {}).items():
        command += ["--choice", f"{name}={word}"]
    command += ["--paused"] if paused else []
    with tempfile.TemporaryFile() if folder is None else (folder / "simulator.log").open("w+b") as words:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, start_new_session=True)  # noqa: S603
        assert process.stdout is not None  # noqa: S101 # asked for above
        line = _ready_line(process.stdout)
        if not line:
            _end(process)
            words.seek(0)
            said = words.read().decode(errors="replace").strip()
            raise RuntimeError(said or f"the simulator was not ready within {READY_S:g} s")
    where = json.loads(line)
    return RunningSimulator(process, where["ws_url"], where["rest_url"], where["ca_file"])


def _ready_line(stdout: IO[bytes]) -> bytes:
    """Its first line; b"" when it ended before, or took too long."""
    line, until = b"", time.monotonic() + READY_S
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([stdout], [], [], max(0.0, until - time.monotonic()))
        found = os.read(stdout.fileno(), 65_536) if readable else b""
        if not found:
            return b""
        line += found
    return line


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
