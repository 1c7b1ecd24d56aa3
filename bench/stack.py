"""The real stack: private servers, the gateway as supervisord.conf has it, the generator and a consumer, each a process of its own."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import trustme

from bench import procfs
from bench.child import Child
from bench.places import FOLDER, environ
from gateway.servers import Postgres, RabbitMQ
from gateway.servers.postgres import find_binaries
from simulator.market.made_up import made_up
from tests.integration.running import RunningGateway, wait_for

SERVICE = "bench"
#: All topics are held after this; seconds.
_HELD_S = 60.0
#: Virtual hosts: each gateway of a run has one of its own.
_HOSTS = 24
#: Class queues that nobody reads would make the broker write everything twice.
SETTINGS = {"WS_GATEWAY_CLASS_QUEUES": "none"}
#: Kind of a load → channel of the subscriptions, what it needs besides a symbol, and the event class in the queue's name.
CHANNELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "trades": ("trades", {}, "trade"),
    "books": ("orderbook", {"depth": 200}, "orderbook"),
    "tickers": ("ticker", {}, "ticker"),
}

#: Endpoints that the load does not use.
OTHERS = ("private", "spot", "inverse", "option", "spread", "status")
#: Processes of every gateway; supervisord calls them running some seconds after they are healthy.
PROGRAMS = {f"{name}_00" for name in (*OTHERS, "linear", "router", "guard", "api")}


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a gateway is told of the generator: as of a simulated exchange, without an account."""

    ws_url: str
    rest_url: str
    api_key: str = ""
    api_secret: str = ""


def certificates(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback with its key, and the authority that vouches for it."""
    made, authority = trustme.CA(), folder / "authority.pem"
    made.cert_pem.write_to_path(str(authority))
    certificate = folder / "exchange.pem"
    made.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    return certificate, authority


def symbols(count: int) -> list[str]:
    """The first perpetuals of the generator's catalog."""
    return [row.symbol for row in made_up(count) if row.category == "linear"]


class Stack:
    """Servers that are there for the whole run, and folders for the rest."""

    def __init__(self, say: Callable[[str], None]) -> None:
        shutil.rmtree(FOLDER / "run", ignore_errors=True)
        self.folder = FOLDER / "run"
        self.folder.mkdir(parents=True)
        self._say, self._open, self._numbers = say, ExitStack(), 0
        self.rabbitmq = RabbitMQ(self.folder / "rabbitmq", say, [f"bench{number}" for number in range(1, _HOSTS + 1)])
        self.postgres = Postgres(self.folder / "postgres", say)
        with ExitStack() as unless_started:
            unless_started.callback(self.close)
            for server in (self.rabbitmq, self.postgres):
                self._open.callback(server.stop)
                server.start()
            unless_started.pop_all()

    def close(self) -> None:
        self._open.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def versions(self) -> tuple[str, str]:
        """Of RabbitMQ and PostgreSQL."""
        told = subprocess.run([str(find_binaries() / "postgres"), "--version"], capture_output=True, text=True, check=False).stdout
        return self.rabbitmq.control("version").strip(), (re.search(r"\d+[.\d]*", told) or [told])[0]

    def new_folder(self, name: str) -> Path:
        self._numbers += 1
        folder = self.folder / f"{self._numbers:02d}-{name}"
        folder.mkdir()
        return folder

    @contextmanager
    def generator(self, folder: Path, *, count: int = 20, certificate: Path | None = None) -> Iterator[Child]:
        command = [sys.executable, "-m", "bench.generator", "--arrived", str(folder / "arrived"), "--symbols", str(count)]
        child = Child("generator", [*command, *(["--certificate", str(certificate)] if certificate else [])], folder, environ())
        try:
            yield child
        finally:
            child.end()

    @contextmanager
    def gateway(self, *, count: int = 20, processes: int = 1, is_tls: bool = False, **settings: str) -> Iterator["Running"]:
        """A healthy gateway without subscriptions, on a generator of its own. count: made-up symbols; processes: of `linear`."""
        folder = self.new_folder("gateway")
        database_url, broker_url = self.new_database(), self.broker_url()
        given, certificate = {**SETTINGS, **settings}, None
        if is_tls:
            certificate, authority = certificates(folder)
            given["BYBIT_CA_FILE"] = str(authority)
        with self.generator(folder, count=count, certificate=certificate) as generator:
            exchange = Exchange(generator.ready["ws_url"], generator.ready["rest_url"])
            gateway = RunningGateway(folder, database_url, broker_url, exchange, processes={"linear": processes}, **given)
            try:
                gateway.wait_until_healthy(60.0)
                gateway.wait_for_the_catalog(60.0)
                wait_for(lambda: set(gateway.pids()) >= PROGRAMS, lambda: f"all programs running, but {gateway.pids()}", 30.0)
                yield Running(self, gateway, generator, folder)
            finally:
                gateway.end()

    def broker_url(self) -> str:
        """Of the virtual host that belongs to the newest folder."""
        return self.rabbitmq.url_of(f"bench{self._numbers}")

    def new_database(self) -> str:
        """Its URL; it belongs to the newest folder."""
        name = f"bench{self._numbers}"
        connection = psycopg2.connect(self.postgres.url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"create database {name}")
        finally:
            connection.close()
        return f"{self.postgres.url.rpartition('/')[0]}/{name}"

    def server_pids(self) -> dict[str, set[int]]:
        parents = procfs.parents()
        return {
            "rabbitmq": procfs.descendants(parents, self.rabbitmq.pid),
            "postgresql": procfs.descendants(parents, self.postgres.pid),
        }


class Running:
    """One gateway, its generator, and the subscriptions of one service."""

    def __init__(self, stack: Stack, gateway: RunningGateway, generator: Child, folder: Path) -> None:
        self.stack, self.gateway, self.generator, self.folder = stack, gateway, generator, folder
        self.consumers: list[Child] = []

    def hold(self, kind: str, names: list[str], *, count: int = 0, delivery: str = "single") -> str | None:
        """Subscribe to all of these and nothing else, and wait until the exchange has so many topics. The refusal in words, or None."""
        count = count or len(names)
        channel, more, _ = CHANNELS[kind]
        wishes = [
            {
                "channel_type": channel,
                "symbol": name,
                "category": "linear",
                **more,
                **({"delivery": delivery} if delivery != "single" else {}),
            }
            for name in names
        ]
        services = [
            (f"{SERVICE}-{number}" if number else SERVICE, wishes[at : at + 1000])
            for number, at in enumerate(range(0, len(wishes), 1000))
        ]
        for service, part in services:
            status, body = self.gateway.call("PUT", f"/api/v1/subscriptions/by-service/{service}", {"subscriptions": part})
            if status != 200:
                return f"HTTP {status} {body.get('code')}: {body.get('error')}"
        wait_for(lambda: self.held() == count, lambda: f"{count} topics held, but {self.held()}", _HELD_S)
        return None

    def held(self) -> int:
        """Topics that clients of the generator hold now."""
        return sum(client["topics"] for client in self.generator.ask(ask=True)["clients"])

    @contextmanager
    def consumer(self, kind: str, *, slice_s: float = 1.0) -> Iterator[Child]:
        queue = f"ws-gateway.{CHANNELS[kind][2]}.{SERVICE}"
        child = consumer(self.gateway.broker_url, self.folder, queue, kind, slice_s=slice_s)
        self.consumers.append(child)
        try:
            yield child
        finally:
            self.consumers.remove(child)
            child.end()

    def pids(self) -> dict[str, set[int]]:
        """By the names of the results."""
        parents, programs = procfs.parents(), self.gateway.pids()
        workers = {name: pid for name, pid in programs.items() if name.partition("_")[0] in OTHERS}
        return {
            "worker": {pid for name, pid in programs.items() if name.startswith("linear_")},
            "router": {programs["router_00"]},
            "api": procfs.descendants(parents, programs["api_00"]),
            "guard": {programs["guard_00"]},
            "supervisord": {parents[programs["router_00"]]},
            "other workers": set(workers.values()),
            **self.stack.server_pids(),
            "generator": {self.generator.pid},
            **({"consumer": {child.pid for child in self.consumers}} if self.consumers else {}),
        }


def consumer(broker_url: str, folder: Path, queue: str, kind: str, *, slice_s: float = 1.0) -> Child:
    command = [sys.executable, "-m", "bench.consumer", "--url", broker_url, "--queue", queue, "--kind", kind]
    return Child("consumer", [*command, "--arrived", str(folder / "arrived"), "--slice-s", str(slice_s)], folder, environ())
