"""The control API alone, under gunicorn as in production, for tests."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3
from running import KEY, ROOT, is_gone, wait_for

from gateway.servers.server import free_ports


class Serving:
    """gunicorn's master and workers."""

    def __init__(self, folder: Path, database_url: str, broker_url: str, **settings: str) -> None:
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self.log = folder / "api.log"
        environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONFAULTHANDLER": "1",
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url,
            "BROKER_URL": broker_url,
            "WS_GATEWAY_PORT": self.url.rpartition(":")[2],
            "WS_GATEWAY_API_KEY": KEY,
            "WS_GATEWAY_VAR_DIR": str(folder / "var"),
            **settings,
        }
        self._http = urllib3.PoolManager(timeout=10.0, retries=False)
        with self.log.open("w") as log:
            command = [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn_conf", "api.wsgi:app"]
            self.process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT)

    def workers(self) -> set[int]:
        """Pids of the processes that answer."""
        master = self.process.pid
        return {int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()}

    def last_words(self, pids: set[int]) -> str:
        """End processes that should have ended by themselves; the log, with what each of their threads was doing."""
        for pid in pids:
            os.kill(pid, signal.SIGABRT)
        wait_for(lambda: all(map(is_gone, pids)), "gone")
        return self.log.read_text()

    def lines(self) -> list[dict[str, str]]:
        """The log so far; each line is one JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def say(self, text: str) -> tuple[int, dict[str, str], dict[str, object]]:
        """Status, headers and body of the answer to bytes that may be no request."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(text.encode())
            line.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: line.recv(65_536), b"")).decode()
        head, _, body = answer.partition("\r\n\r\n")
        status, *headers = head.split("\r\n")
        return int(status.split()[1]), dict(header.split(": ", 1) for header in headers), json.loads(body)

    def status(self, path: str) -> int:
        """Of an answer to the administrator, on a connection of its own; 0 where there is none."""
        try:
            return int(self._http.request("GET", self.url + path, headers={"X-API-Key": KEY, "Connection": "close"}).status)
        except urllib3.exceptions.HTTPError:
            return 0

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def serving(folder: Path, database_url: str, broker_url: str, **settings: str) -> Iterator[Serving]:
    """From when it answers; it is ended however that went."""
    api = Serving(folder, database_url, broker_url, **settings)
    try:
        wait_for(lambda: api.status("/health/live") == 200, lambda: f"an answer, but {api.log.read_text()}")
        yield api
    finally:
        api.end()
