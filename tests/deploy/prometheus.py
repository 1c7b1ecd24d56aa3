"""A real Prometheus with the project's own configuration, that scrapes one gateway of a test, ten times as often."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

from gateway.servers.server import free_ports
from tests.deploy import documents, promtool
from tests.integration.running import wait_for

CONFIGURATION = documents.RULES.with_name("prometheus.yml")


class Prometheus:
    """From when it is ready until it is left. `targets`: what each job scrapes; jobs without any are left out."""

    def __init__(self, folder: Path, targets: dict[str, str], *, rules: Path = documents.RULES) -> None:
        self._folder = folder
        whole = yaml.safe_load(CONFIGURATION.read_text())
        whole["global"] = dict.fromkeys(whole["global"], "1s")
        whole["rule_files"] = [str(rules)]
        whole["scrape_configs"] = [
            {**job, "static_configs": [{"targets": [targets[job["job_name"]]]}]}
            for job in whole["scrape_configs"]
            if job["job_name"] in targets
        ]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(whole))
        self._url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self._http = urllib3.PoolManager(timeout=10.0, retries=False)

    def __enter__(self) -> "Prometheus":
        options = [
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={self._url.partition('//')[2]}",
        ]
        with (self._folder / "log").open("wb") as log:
            command = [str(promtool.find("prometheus")), *options]
            self._process = subprocess.Popen(command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        with ExitStack() as unless_ready:
            unless_ready.callback(self._end)
            wait_for(self._is_ready, (self._folder / "log").read_text, 30.0)
            unless_ready.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._end()

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now; fails with Prometheus' words where it cannot be worked out."""
        return list(self._get("query", query=expression)["result"])

    def firing(self) -> dict[str, dict[str, str]]:
        """The alerts that fire, by name, each with its labels."""
        return {
            alert["labels"]["alertname"]: alert["labels"] for alert in self._get("alerts")["alerts"] if alert["state"] == "firing"
        }

    def ask_range(self, expression: str, since: float, until: float) -> list[dict[str, Any]]:
        """The samples of an expression, one a second; Unix seconds."""
        return list(self._get("query_range", query=expression, start=f"{since}", end=f"{until}", step="1")["result"])

    def _get(self, what: str, **words: str) -> dict[str, Any]:
        answer = self._http.request("GET", f"{self._url}/api/v1/{what}?{urlencode(words)}")
        body = json.loads(answer.data)
        assert answer.status == 200, f"{words}: {body}"
        return dict(body["data"])

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return self._http.request("GET", f"{self._url}/-/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(20)
