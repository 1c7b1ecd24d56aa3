"""No secret is seen anywhere: a whole gateway that logs all it can, with canaries for secrets, is asked, broken and searched."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from running import RunningGateway, healthy_gateway, is_gone, wait_for

from gateway.database import db
from gateway.servers import Postgres
from gateway.servers.server import free_ports
from simulator import remote

#: Folders that hold what was read, which is no log.
KEPT = {"spool", "journal"}
SUBSCRIPTIONS = "/api/v1/subscriptions"
WISH = {"channel_type": "order", "requesting_service": "tester"}


@dataclass
class Canaries:
    """A gateway, its secrets, and every answer that it gave."""

    gateway: RunningGateway
    secrets: dict[str, str]
    answers: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, *, body: str | None = None, **headers: str) -> int:
        """Status; headers with _ for -."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        with urllib3.PoolManager(retries=False, timeout=15.0) as http:
            answer = http.request(method, url, body=body, headers=given)
            self.answers.append(f"{answer.headers}\n{answer.data.decode()}")
            return answer.status

    def say(self, text: str) -> None:
        """Bytes that may be no request."""
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=15) as line:
            line.sendall(text.encode())
            line.shutdown(socket.SHUT_WR)
            self.answers.append(b"".join(iter(lambda: line.recv(65_536), b"")).decode())


@pytest.fixture(scope="module")
def canaries(
    tmp_path_factory: pytest.TempPathFactory, new_empty_database: Callable[[], str], new_broker: Callable[[], str]
) -> Iterator[Canaries]:
    words = {
        "the administrator's key": f"admin-canary-{secrets.token_hex(8)}",
        "the exchange's key": f"exchange-key-canary-{secrets.token_hex(8)}",
        "the exchange's secret": f"exchange-secret-canary-{secrets.token_hex(8)}",
    }
    key, secret = words["the exchange's key"], words["the exchange's secret"]
    simulator = remote.start(api_key=key, api_secret=secret)
    folder = tmp_path_factory.mktemp("gateway")
    given = {"WS_GATEWAY_API_KEY": words["the administrator's key"], "BYBIT_API_KEY": key, "BYBIT_API_SECRET": secret}
    database_url, broker_url = new_empty_database(), new_broker()
    words["the database's password"] = urlsplit(database_url).password or ""
    words["the broker's password"] = urlsplit(broker_url).password or ""
    with healthy_gateway(folder, database_url, broker_url, simulator, WS_GATEWAY_LOG_LEVEL="DEBUG", **given) as running:
        made = cli(running, "keys", "create", "canary", "--scope", "write", "--service", "tester")
        [whole] = [line for line in made.splitlines() if line.startswith("wsg_")]
        words["a service's key"] = whole.split("_", 2)[2]
        words["a wrong key"] = f"wrong-canary-{secrets.token_hex(8)}"
        words["the whole key"] = whole
        assert all(len(word) > 20 for word in words.values())
        yield Canaries(running, words)
    simulator.stop()


def cli(gateway: RunningGateway, *arguments: str, **settings: str) -> str:
    """A command's words, whatever came of it."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    environ = gateway.environ | settings
    done = subprocess.run(
        command, cwd=gateway.folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


def keys(canaries: Canaries) -> list[str]:
    return [canaries.secrets[name] for name in ("the administrator's key", "the whole key", "a wrong key")]


def in_each_place(key: str, query: str = "") -> list[tuple[str, dict[str, str]]]:
    """Query and headers."""
    joined = f"?{query}&api_key={key}" if query else f"?api_key={key}"
    rest = f"?{query}" if query else ""
    return [(rest, {"X_API_Key": key}), (rest, {"Authorization": f"Bearer {key}"}), (joined, {})]


def test_a_key_in_each_of_its_places_is_used_for_every_call(canaries: Canaries) -> None:
    for key in keys(canaries):
        wrong = key == canaries.secrets["a wrong key"]
        for query, headers in in_each_place(key):
            assert canaries.ask(
                "POST", SUBSCRIPTIONS + query, body=json.dumps(WISH), Content_Type="application/json", **headers
            ) in ((401,) if wrong else (200, 201))
            for path in (
                SUBSCRIPTIONS,
                "/api/v1/connections",
                "/api/v1/balances",
                "/api/v1/events",
                "/api/v1/audit",
                "/health",
                "/openapi.json",
            ):
                assert canaries.ask("GET", path + query, **headers) in (200, 401, 403), path
    wait_for(
        lambda: canaries.gateway.health()["connections"]["private_00"]["connection_status"] == "connected", "the account's stream"
    )


def test_what_is_refused_repeats_no_key(canaries: Canaries) -> None:
    for key in keys(canaries):
        for query, headers in in_each_place(key, "colour=red"):
            for method, path, body in (
                ("GET", SUBSCRIPTIONS, None), ("PUT", SUBSCRIPTIONS, "{}"), ("GET", "/api/v1/nothing", None),
                ("POST", SUBSCRIPTIONS, "{"), ("POST", SUBSCRIPTIONS, "x" * 70_000), ("DELETE", f"{SUBSCRIPTIONS}/by-service/theirs", None),
            ):  # fmt: skip
                assert 400 <= canaries.ask(method, path + query, body=body, Content_Type="application/json", **headers) < 500
        for body in (
            {**WISH, "api_key": key}, {"channel_type": "order", "api_key": key}, {**WISH, "symbol": {"api_key": key}}, {**WISH, "symbol": [key]},
        ):  # fmt: skip
            said = json.dumps(body), json.dumps({"subscriptions": [body]}), json.dumps({"subscriptions": body})
            for method, path, text in (("POST", "", said[0]), *(("PUT", "/by-service/tester", text) for text in said)):
                assert canaries.ask(method, SUBSCRIPTIONS + path, body=text, Content_Type="application/json", X_API_Key=key) in (
                    400,
                    401,
                    403,
                )
        for text in (
            f"GET {SUBSCRIPTIONS}?api_key={key} HTTP/9.9\r\n\r\n", f"GET {SUBSCRIPTIONS}?api_key={key}\r\n\r\n", f"X-API-Key: {key}\r\n\r\n",
            f"GET / HTTP/1.1\r\nX-API-Key {key}\r\n\r\n", f"GET / HTTP/1.1\r\nX-API-Key : {key}\r\n\r\n",
            f"GET /?api_key={key}{'x' * 9000} HTTP/1.1\r\n\r\n", f"GET / HTTP/1.1\r\nX-API-Key: {key}\r\nA: {'x' * 9000}\r\n\r\n",
            f"POST {SUBSCRIPTIONS}?api_key={key} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            f"POST {SUBSCRIPTIONS}?api_key={key} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n{key}\r\n",
            f"POST {SUBSCRIPTIONS}?api_key={key} HTTP/1.1\r\nContent-Length: 50\r\nContent-Type: application/json\r\n\r\n{{",
        ):  # fmt: skip
            canaries.say(text)


def test_trouble_repeats_no_secret(canaries: Canaries, postgres_server: Postgres) -> None:
    gateway, admin = canaries.gateway, canaries.secrets["the administrator's key"]
    name = urlsplit(gateway.database_url).path[1:]
    other = db.connect(postgres_server.url, name="test", autocommit=True)
    own = db.connect(gateway.database_url, name="test", autocommit=True)
    with db.transaction(own) as cursor:  # nothing that can be answered
        cursor.execute("update api_keys set scopes = '{nonsense}'")
    own.close()
    wait_for(
        lambda: canaries.ask("GET", SUBSCRIPTIONS, X_API_Key=canaries.secrets["the whole key"]) == 500, "a fault of our own", 30
    )
    with db.transaction(other) as cursor:
        cursor.execute(f"alter database {name} allow_connections false")
        cursor.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (name,))
        for query, headers in in_each_place(admin):
            assert canaries.ask("GET", SUBSCRIPTIONS + query, **headers) == 503
        wait_for(
            lambda: not gateway.health().get("database_connected", True), lambda: f"PostgreSQL away, but {gateway.health()}", 30
        )
        cursor.execute(f"alter database {name} allow_connections true")
    other.close()
    pids = gateway.pids()
    children = Path(f"/proc/{pids['api_00']}/task/{pids['api_00']}/children").read_text().split()
    for pid, how in ((pids["private_00"], signal.SIGSEGV), (pids["router_00"], signal.SIGKILL), (int(children[0]), signal.SIGKILL)):
        os.kill(pid, how)
        wait_for(lambda pid=pid: is_gone(pid), f"{pid} gone")  # type: ignore[misc]
    gateway.wait_until_healthy()
    port = free_ports(1)[0]
    for word, verb, setting in (
        ("the database's password", "migrate", "DATABASE_URL=postgresql://gateway:{}@127.0.0.1:{}/none"),
        ("the database's password", "migrate", "DATABASE_URL=http://gateway:{}@127.0.0.1:{}/none"),
        ("the broker's password", "tail", "BROKER_URL=amqp://gateway:{}@127.0.0.1:{}/none"),
        ("the broker's password", "tail", "BROKER_URL=http://gateway:{}@127.0.0.1:{}/none"),
        ("the exchange's secret", "status", "BYBIT_PROXY=ftp://gateway:{}@127.0.0.1:{}"),
    ):
        setting_name, _, url = setting.partition("=")
        said = cli(gateway, verb, **{setting_name: url.format(canaries.secrets[word], port)})
        assert said.strip(), "it says what is wrong"
        canaries.answers.append(said)


def test_no_secret_is_in_any_answer_file_or_command_line(canaries: Canaries) -> None:
    gateway = canaries.gateway
    canaries.ask("GET", "/api/v1/connections", X_API_Key=canaries.secrets["the administrator's key"])
    for path in ("/health", "/openapi.json", "/docs/", "/docs/redoc", "/asyncapi.json"):
        canaries.ask("GET", path)
    seen = {f"answer {number}": text for number, text in enumerate(canaries.answers)}
    files = [
        path for path in gateway.folder.rglob("*") if path.is_file() and not KEPT & set(path.relative_to(gateway.folder).parts)
    ]
    seen |= {str(path.relative_to(gateway.folder)): path.read_bytes().decode(errors="replace") for path in files}
    session = os.getsid(wait_for(lambda: gateway.pids().get("router_00"), "the router runs again"))
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, FileNotFoundError):  # it has just ended, whosever it was
            if not is_gone(int(process.name)) and os.getsid(int(process.name)) == session:
                seen[f"the command line of {process.name}"] = (process / "cmdline").read_text()
    assert len(canaries.answers) > 100
    assert {"var/log/api_00.log", "var/log/private_00.log", "var/log/supervisord.log", "var/state/private_00.json"} <= set(seen)
    assert len([name for name in seen if name.startswith("the command line")]) >= 10
    assert [(where, name) for where, text in seen.items() for name, word in canaries.secrets.items() if word in text] == []
    assert "key_refused" in seen["var/log/api_00.log"]
    assert "unreadable_request" in seen["var/log/api_00.log"]
    assert "Traceback" in seen["var/log/api_00.log"]
