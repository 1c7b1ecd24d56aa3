"""The command line's failures: one sentence on stderr and the exit code that says whose fault it is."""

import ast
import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli import exits
from cli.examples import EXAMPLES
from cli.exits import EXITS
from cli.main import VERBS, commands
from gateway.errors import (
    ExchangeError,
    GatewayError,
    LinkLost,
    MigrationError,
    RequestError,
    ServerError,
    SettingError,
    SinkAway,
    StoreAway,
)
from gateway.servers.server import free_ports

#: This tree's code, whichever one is installed.
ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(tmp_path: Path, verb: str) -> None:
    done = run(tmp_path, verb, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()


def test_the_help_tells_every_exit_code(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for code, when in EXITS.items():
        assert f"  {code:<4} {when}" in done.stdout


def every_command(group: click.Group, words: str = "") -> Iterator[tuple[str, click.Command]]:
    """The words that call each command, groups aside."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, f"{words}{name} ")
        else:
            yield f"{words}{name}", command


def test_every_command_has_examples_in_its_help_and_the_parser_takes_each(tmp_path: Path) -> None:
    (tmp_path / "wishes.json").write_text("[]")
    found = dict(every_command(commands))
    assert set(found) == set(EXAMPLES)
    for words, command in found.items():
        shown = run(tmp_path, *words.split(), "--help").stdout
        for arguments, what in EXAMPLES[words]:
            assert f"ws-gateway {words} {arguments}".rstrip() in shown, words
            assert what in shown, words
            with contextlib.chdir(tmp_path):
                command.make_context(words, shlex.split(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["list"],
        ["gaps"],
        ["gaps", "--open"],
        ["unsubscribe", "3f2a91c0"],
        ["subscribe", "trades", "BTCUSDT", "--ttl-seconds", "60"],
        ["unsubscribe", "--service", "a"],
        ["apply", "a", "wishes.json"],
        ["resync", "a"],
    ],
)
def test_an_api_that_is_away_is_one_sentence_and_3(tmp_path: Path, arguments: list[str]) -> None:
    port = str(free_ports(1)[0])
    (tmp_path / "wishes.json").write_text("[]")
    done = run(tmp_path, *arguments, WS_GATEWAY_PORT=port, WS_GATEWAY_API_KEY="key")
    assert done.returncode == 3
    assert done.stderr.startswith(f"the control API at http://127.0.0.1:{port} does not answer")
    assert done.stderr.count("\n") == 1


def test_a_broker_that_is_away_is_one_sentence_and_3(tmp_path: Path) -> None:
    done = run(tmp_path, "tail", BROKER_URL=f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    assert done.returncode == 3
    assert done.stderr.startswith("RabbitMQ cannot be asked")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (["tail"], {}, "BROKER_URL is empty; expected an amqp:// or amqps:// URL"),
        (["migrate"], {}, "DATABASE_URL is empty; expected a postgresql:// URL"),
        (["queues", "list"], {}, "DATABASE_URL is empty; expected a postgresql:// URL"),
        (
            ["queues", "rebuild", "a"],
            {"DATABASE_URL": "postgresql://127.0.0.1/a"},
            "BROKER_URL is empty; expected an amqp:// or amqps:// URL",
        ),
        (["status"], {"WS_GATEWAY_PORT": "0"}, "WS_GATEWAY_PORT is '0'; expected a whole number from 1 to 65535"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_one_sentence_and_2(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], sentence: str
) -> None:
    done = run(tmp_path, *arguments, **settings)
    assert (done.returncode, done.stderr) == (2, sentence + "\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["unsubscribe"],
        ["resync"],
        ["fly"],
        ["tail", "--count", "0"],
        ["subscribe"],
        ["tail", "--type", "moon"],
        ["queues", "rebuild"],
        ["gaps", "--limit", "0"],
        ["status", "--every", "0"],
        ["status", "--slo", "--watch"],
        ["list", "--state", "moon"],
    ],
)
def test_wrong_usage_is_2(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert "Error:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "Error: wishes.json is not JSON"),
        ('{"a": 1}', "Error: wishes.json holds dict; expected a list"),
        (None, "'wishes.json': No such file"),
    ],
)
def test_a_file_that_holds_no_list_is_2(tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "wishes.json").write_text(text)
    done = run(tmp_path, "apply", "a", "wishes.json", WS_GATEWAY_API_KEY="key")
    assert done.returncode == 2
    assert sentence in done.stderr


@pytest.mark.parametrize("arguments", [["migrate"], ["queues", "list"], ["keys", "list"]])
def test_a_database_that_is_away_is_3(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments, DATABASE_URL=f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", BROKER_URL="amqp://127.0.0.1/")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr.startswith("PostgreSQL is away")


def test_a_queue_is_not_rebuilt_where_no_router_is(tmp_path: Path) -> None:
    done = run(tmp_path, "queues", "rebuild", "a", DATABASE_URL="postgresql://127.0.0.1/none", BROKER_URL="amqp://127.0.0.1/")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"found no router that has run with {tmp_path}/var")


def test_ctrl_c_before_it_is_done_is_130_and_no_traceback(tmp_path: Path) -> None:
    with socket.socket() as never_answers:
        never_answers.bind(("127.0.0.1", 0))
        never_answers.listen()
        port = never_answers.getsockname()[1]
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT),
            "WS_GATEWAY_PORT": str(port), "WS_GATEWAY_API_KEY": "key",
        }  # fmt: skip
        command = [sys.executable, "-m", "cli.main", "list"]
        process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        connection, _ = never_answers.accept()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)
        connection.close()
    assert (process.returncode, said) == (exits.INTERRUPTED, ("", "\n")), "a line of its own behind ^C"


def test_every_way_to_end_is_in_the_table_of_exit_codes() -> None:
    """Codes are written by name, and only where the table is; whoever ends with a figure of his own is found here."""
    figures = []
    for path in sorted((ROOT / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("sys.exit", "os._exit", "exit") and any(isinstance(given, ast.Constant) for given in node.args):
                figures.append(f"{path.name}:{node.lineno}")
    assert figures == []
    assert set(EXITS) == {exits.DONE, exits.REFUSED, exits.USAGE, exits.AWAY, exits.INTERRUPTED}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (SettingError("a"), exits.USAGE),
        (RequestError("a"), exits.REFUSED),
        (MigrationError("a"), exits.REFUSED),
        (ServerError("a"), exits.REFUSED),
        (ExchangeError(10001, "a"), exits.REFUSED),
        (StoreAway("a"), exits.AWAY),
        (SinkAway("a"), exits.AWAY),
        (LinkLost("a"), exits.AWAY),
    ],
)
def test_a_fault_of_ours_ends_with_the_code_of_whose_it_is(fault: GatewayError, code: int) -> None:
    assert exits.exit_code(fault) == code


def test_the_readme_tells_the_exit_codes() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [code for code, when in EXITS.items() if f"| {code} | {when} |" not in text] == []
