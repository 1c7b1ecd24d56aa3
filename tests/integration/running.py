"""A whole gateway under supervisord in a folder of its own, for tests; and an independent consumer (pika) that reads its queues."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import pika
import urllib3
from supervisor.xmlrpc import SupervisorTransport

from gateway import programs
from gateway.database import db, instruments
from gateway.protocol.endpoints import CATEGORIES
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator

ROOT = Path(__file__).resolve().parents[2]
KEY = "test-key"
PROGRAMS = ("private", "spot", "linear", "inverse", "option", "spread", "status", "router", "guard", "api", "prepare")


def wait_for(claim: Callable[[], Any], what: str | Callable[[], str], seconds: float = 20.0) -> Any:
    """The claim's value as soon as it is true; fails with `what`, asked then, when it does not become so in time."""
    until = time.monotonic() + seconds
    while True:
        value = claim()
        if value:
            return value
        assert time.monotonic() < until, f"not within {seconds:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    """Gone, or dead and not yet collected by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class RunningGateway:
    """supervisord with all programs of supervisord.conf."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        broker_url: str,
        simulator: RunningSimulator,
        *,
        processes: dict[str, int] | None = None,
        programs_here: Sequence[str] = (),
        **settings: str,
    ) -> None:
        """`processes`: numprocs of programs that have more than one; `settings`: besides those every test needs.

        programs_here  of one of several machines, as `ws-gateway conf` takes them; none: all
        """
        self.folder = folder
        self.database_url = database_url
        self.broker_url = broker_url
        self.port = free_ports(1)[0]
        (folder / "var" / "log").mkdir(parents=True, exist_ok=True)
        conf = (ROOT / "supervisord.conf").read_text()
        conf = programs.chosen(conf, programs_here) if programs_here else conf
        for program, count in (processes or {}).items():
            before, section, after = conf.partition(f"[program:{program}]")
            conf = before + section + after.replace("numprocs=1", f"numprocs={count}", 1)
        (folder / "supervisord.conf").write_text(conf)
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),  # this tree's code, whichever one is installed
            "BYBIT_ENVIRONMENT": "simulator",
            "BYBIT_WS_URL": simulator.ws_url,
            "BYBIT_REST_URL": simulator.rest_url,
            "BYBIT_API_KEY": simulator.api_key,
            "BYBIT_API_SECRET": simulator.api_secret,
            "DATABASE_URL": database_url,
            "BROKER_URL": broker_url,
            "WS_GATEWAY_PORT": str(self.port),
            "WS_GATEWAY_API_KEY": KEY,
            "WS_GATEWAY_VAR_DIR": str(folder / "var"),
            **settings,
        }
        self._http = urllib3.PoolManager(timeout=10.0, retries=False)
        self._process = subprocess.Popen(
            ["supervisord", "-n", "-c", "supervisord.conf"], cwd=folder, env=self.environ, start_new_session=True
        )

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an API call."""
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        answer = self._http.request(method, f"http://127.0.0.1:{self.port}{path}", body=data, headers=headers)
        return answer.status, json.loads(answer.data)

    def health(self) -> dict[str, Any]:
        """The body of /health; {} while the API does not answer."""
        try:
            return dict(self.call("GET", "/health")[1])
        except urllib3.exceptions.HTTPError:
            return {}

    def wait_until_healthy(self, seconds: float = 40.0) -> None:
        wait_for(lambda: self.health().get("status") == "healthy", lambda: f"healthy, but {self.health()}", seconds)

    def wait_for_the_catalog(self, seconds: float = 20.0) -> None:
        """Until every category's instruments were read: from then on symbols are verified."""
        connection = db.connect(self.environ["DATABASE_URL"], name="test")
        try:
            wait_for(lambda: instruments.categories_read(connection) == set(CATEGORIES), "all categories read", seconds)
        finally:
            connection.close()

    def subscribe(self, channel_type: str, service: str = "tester", **given: Any) -> dict[str, Any]:
        status, body = self.call(
            "POST", "/api/v1/subscriptions", {"channel_type": channel_type, "requesting_service": service, **given}
        )
        assert status == 201, body
        return dict(body)

    def wait_until_held(self, subscription_id: str) -> dict[str, Any]:
        """Until the exchange has acknowledged the topic, and its snapshot has come where there is one."""

        def held() -> dict[str, Any] | None:
            row = dict(self.call("GET", f"/api/v1/subscriptions/{subscription_id}")[1])
            wanted = ("live",) if row["channel_type"] in ("ticker", "orderbook", "kline") else ("acknowledged",)
            return row if row["state"] in wanted else None

        return dict(wait_for(held, f"subscription {subscription_id} held"))

    def wait_until_ready(self, subscription_id: str) -> dict[str, Any]:
        """Until its queue gets all events that were asked for."""

        def ready() -> dict[str, Any] | None:
            row = dict(self.call("GET", f"/api/v1/subscriptions/{subscription_id}")[1])
            return row if row["queue_state"] == "ready" else None

        return dict(wait_for(ready, f"the queue of subscription {subscription_id}"))

    def control(self, *arguments: str) -> str:
        """supervisorctl's words."""
        command = ["supervisorctl", "-c", str(self.folder / "supervisord.conf"), *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False).stdout

    def scale(self, program: str, count: int) -> None:
        """Edit numprocs as a person does, and have supervisord follow."""
        path = self.folder / "supervisord.conf"
        before, section, after = path.read_text().partition(f"[program:{program}]")
        path.write_text(before + section + re.sub(r"^numprocs=.*$", f"numprocs={count}", after, count=1, flags=re.MULTILINE))
        self.control("update")

    def wait_until_running(self, seconds: float = 20.0) -> dict[str, int]:
        """Until supervisord calls every process running that has not done its work, which is some seconds after it began; their pids."""
        wait_for(
            lambda: {*self.processes().values()} in ({"RUNNING"}, {"RUNNING", "EXITED"}),
            lambda: f"all run, but {self.processes()}",
            seconds,
        )
        return self.pids()

    def pids(self) -> dict[str, int]:
        """Process name → pid, of the programs that run; none when supervisord does not."""
        return {each["name"]: each["pid"] for each in self._told() if each["statename"] == "RUNNING"}

    def processes(self) -> dict[str, str]:
        """Process name → supervisord's word for its state."""
        return {each["name"]: each["statename"] for each in self._told()}

    def _told(self) -> list[dict[str, Any]]:
        """Asked for over and over, so not by supervisord's command."""
        transport = SupervisorTransport(serverurl=f"unix://{self.folder / 'var' / 'supervisor.sock'}")
        try:
            told: Any = ServerProxy("http://127.0.0.1", transport).supervisor.getAllProcessInfo()
        except (OSError, Fault):  # Fault: it is shutting down
            return []
        return list(told)

    def log(self, name: str) -> str:
        return (self.folder / "var" / "log" / f"{name}.log").read_text()

    def end(self) -> None:
        """Stop all programs at once, then supervisord: quicker than its own one after another."""
        if self._process.poll() is None:
            self.control("stop", "all")
            self.stop()

    def stop(self) -> float:
        """SIGTERM; how long the whole stop took, in seconds."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
        return time.monotonic() - began


@contextmanager
def healthy_gateway(
    folder: Path,
    database_url: str,
    broker_url: str,
    simulator: RunningSimulator,
    *,
    processes: dict[str, int] | None = None,
    **settings: str,
) -> Iterator[RunningGateway]:
    """A gateway from when it is healthy and supervisord calls its processes running, without any subscription; it is ended however that went."""
    gateway = RunningGateway(folder, database_url, broker_url, simulator, processes=processes, **settings)
    try:
        gateway.wait_until_healthy()
        gateway.wait_until_running()
        yield gateway
    finally:
        gateway.end()


class Consumer:
    """Reads queues with pika, which shares no code with the gateway."""

    def __init__(self, broker_url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(broker_url))
        self._channel = self._connection.channel()
        self.properties: list[pika.BasicProperties] = []

    def take(self, queue: str) -> list[dict[str, Any]]:
        """All envelopes that are in the queue now, in order."""
        found: list[dict[str, Any]] = []
        while True:
            method, properties, body = self._channel.basic_get(queue, auto_ack=True)
            if method is None:
                return found
            self.properties.append(properties)
            found.append(json.loads(body))

    def take_until(self, queue: str, enough: Callable[[list[dict[str, Any]]], bool], seconds: float = 20.0) -> list[dict[str, Any]]:
        """Take until what was taken is enough."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found.extend(self.take(queue))
            return enough(found)

        wait_for(look, f"enough in {queue}, found {len(found)}", seconds)
        return found

    def exists(self, queue: str) -> bool:
        try:
            self._channel.queue_declare(queue, passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            self._channel = self._connection.channel()
            return False
        return True

    def close(self) -> None:
        self._connection.close()


@contextmanager
def consuming(broker_url: str) -> Iterator[Consumer]:
    consumer = Consumer(broker_url)
    try:
        yield consumer
    finally:
        consumer.close()
