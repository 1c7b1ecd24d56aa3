"""What a machine may lack is one sentence each: Python, the right to install RabbitMQ, room on the disk, a folder that can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT

from gateway.errors import ServerError
from gateway.servers import Postgres

INSTALL = ROOT / "deploy" / "install.sh"


def tools(folder: Path, *names: str) -> str:
    """A PATH with nothing but these."""
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


def run_install(folder: Path, path: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": path, "HOME": str(folder), **environ}
    return subprocess.run(
        ["/bin/sh", str(INSTALL), str(folder / "venv")], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_without_python_it_says_what_to_install(tmp_path: Path) -> None:
    done = run_install(tmp_path, tools(tmp_path, "sh"))
    assert done.returncode == 1
    assert done.stderr == "found no Python 3.11 or newer on PATH; install the package python3 (3.11 or newer)\n"


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    python = tmp_path / "python3.11"
    python.symlink_to(Path(sys.executable).resolve())
    path = f"{tmp_path}:{tools(tmp_path, 'sh', 'rm', 'tail', 'grep')}"
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/none",
        "PIP_FIND_LINKS": "",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = run_install(tmp_path, path, PIP_RETRIES="0", **nowhere)
    assert done.returncode == 1
    assert done.stderr.startswith("the requirements could not be installed; is there a network and room on the disk?")
    assert done.stderr.count("\n") == 1


def test_where_rabbitmq_may_not_be_installed_the_ways_out_are_named(tmp_path: Path) -> None:
    code = "from gateway.servers.rabbitmq import install; install(print)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    sentence = done.stderr.strip().splitlines()[-1]
    assert "RabbitMQ is missing and this user may not install it" in sentence
    for way in ("install the package rabbitmq-server", "docker run", "BROKER_URL"):
        assert way in sentence


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    class Full(Postgres):
        """Needs more room than any disk has."""

        room_bytes = 1 << 60

    with pytest.raises(ServerError, match=r"MiB free for the private PostgreSQL; expected at least \d+ MiB"):
        Full(tmp_path / "server").start()


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "WS_GATEWAY_VAR_DIR": str(tmp_path / "file" / "var")}
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "up"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"WS_GATEWAY_VAR_DIR is '{tmp_path}/file/var', which cannot be used")
    assert done.stderr.count("\n") == 1


def test_a_folder_too_deep_for_a_socket_is_one_sentence(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "WS_GATEWAY_VAR_DIR": str(deep), "WS_GATEWAY_PORT": "4499"}
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "up"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "use a shorter folder" in done.stderr
    assert done.stderr.count("\n") == 1
