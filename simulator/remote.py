"""Start a simulated exchange as a child process and talk to its control interface. For tests and for `ws-gateway up`."""

import json
import select
import subprocess
import sys
from typing import Any

import msgspec
import urllib3

#: From exec to the ready line; seconds.
READY_S = 20.0


class Entry(msgspec.Struct):
    """One text of the ledger; the fields are those of `simulator.ledger.Entry`."""

    number: int
    connection: int
    endpoint: str
    direction: str
    topic: str
    text: str
    unix_ns: int

    @property
    def frame(self) -> Any:
        return json.loads(self.text)


class OpenConnection(msgspec.Struct):
    """One client that is connected now."""

    number: int
    endpoint: str
    topics: list[str]
    authenticated: bool


class RunningSimulator:
    """A simulated exchange in a child process.

    ws_url, rest_url  base URLs, for BYBIT_WS_URL and BYBIT_REST_URL
    """

    api_key = "simulator-key"
    api_secret = "simulator-secret"  # noqa: S105 # made up

    def __init__(self, process: subprocess.Popen[bytes], ws_url: str, rest_url: str) -> None:
        self._process = process
        self._http = urllib3.PoolManager(timeout=10.0, retries=False)
        self.ws_url = ws_url
        self.rest_url = rest_url

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it; by force after 5 s."""
        self._process.terminate()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ledger(
        self, endpoint: str | None = None, topic: str | None = None, direction: str | None = "sent", after: int = 0
    ) -> list[Entry]:
        """Texts that match, oldest first."""
        given = {"endpoint": endpoint, "topic": topic, "direction": direction, "after": str(after)}
        answer = self._call("GET", "ledger", fields={key: value for key, value in given.items() if value is not None})
        return msgspec.convert(answer["entries"], list[Entry])

    def connections(self, endpoint: str | None = None) -> list[OpenConnection]:
        fields = {} if endpoint is None else {"endpoint": endpoint}
        return msgspec.convert(self._call("GET", "connections", fields=fields), list[OpenConnection])

    def cut(self, endpoint: str, how: str) -> int:
        """`how`: abort, 1000 or 1001. How many connections there were."""
        return int(self._call("POST", "cut", {"endpoint": endpoint, "how": how})["cut"])

    def refuse(self, endpoint: str, *, on: bool) -> None:
        self._call("POST", "refuse", {"endpoint": endpoint, "on": on})

    def pause(self, *, on: bool) -> None:
        self._call("POST", "pause", {"on": on})

    def send(self, endpoint: str, text: str) -> None:
        """Push any text to the connections of an endpoint."""
        self._call("POST", "send", {"endpoint": endpoint, "text": text})

    def account(self, action: str, **facts: Any) -> list[dict[str, Any]]:
        """place, fill, amend, cancel or wallet; the frames that were pushed."""
        frames: list[dict[str, Any]] = self._call("POST", "account", {"action": action, **facts})["frames"]
        return frames

    def system_status(self, **row: Any) -> None:
        self._call("POST", "system_status", row)

    def _call(self, method: str, name: str, body: Any = None, fields: dict[str, str] | None = None) -> Any:
        url = f"{self.rest_url}/simulator/{name}"
        if method == "GET":
            answer = self._http.request(method, url, fields=fields)
        else:
            answer = self._http.request(method, url, body=json.dumps(body))
        if answer.status != 200:
            raise ValueError(f"the simulator answered {answer.status}: {answer.data.decode()}")
        return json.loads(answer.data)


def start(
    *,
    ws_port: int = 0,
    rest_port: int = 0,
    seed: int = 1,
    steps_per_s: float = 4.0,
    account_every_s: float = 2.0,
    status_every_s: float = 10.0,
) -> RunningSimulator:
    """Start one; it dies with this process. Raises RuntimeError with its last words when it does not come up."""
    options = {
        "--ws-port": ws_port,
        "--rest-port": rest_port,
        "--seed": seed,
        "--steps-per-s": steps_per_s,
        "--account-every-s": account_every_s,
        "--status-every-s": status_every_s,
    }
    command = [sys.executable, "-m", "simulator", "--die-with-parent", *(str(part) for pair in options.items() for part in pair)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # noqa: S603
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 # asked for above
    readable, _, _ = select.select([process.stdout], [], [], READY_S)
    line = process.stdout.readline() if readable else b""
    if not line:
        process.kill()
        raise RuntimeError(process.stderr.read().decode().strip() or f"the simulator was not ready within {READY_S:g} s")
    where = json.loads(line)
    return RunningSimulator(process, where["ws_url"], where["rest_url"])
