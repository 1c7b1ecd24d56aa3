"""`ws-gateway keys` on a real PostgreSQL: a key is shown once, opens the API, and is ended by name or id."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from asking import BASE, make_client
from running import ROOT

from gateway.database import db
from gateway.servers.server import free_ports


def run(folder: Path, *arguments: str, database_url: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "DATABASE_URL": database_url}
    command = [sys.executable, "-m", "cli.main", "keys", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_a_key_is_made_shown_once_listed_and_revoked(tmp_path: Path, database_url: str, broker_url: str) -> None:
    made = run(tmp_path, "create", "reader", database_url=database_url)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    identity = key.split("_")[1]
    assert made.stderr == f"key {identity} of reader: read; it cannot be shown again\n"
    client = make_client(tmp_path, database_url, broker_url)
    assert client.get(BASE, headers={"X-API-Key": key}).status_code == 200
    listed = run(tmp_path, "list", "--json", database_url=database_url).stdout
    row = json.loads(listed)
    assert (row["id"], row["name"], row["scopes"], row["revoked_at"]) == (identity, "reader", ["read"], None)
    assert row["last_used_at"] is not None
    assert key.split("_", 2)[2] not in listed + run(tmp_path, "list", database_url=database_url).stdout
    ended = run(tmp_path, "revoke", identity, database_url=database_url)
    assert (ended.returncode, ended.stdout) == (0, f"revoked: key {identity} of reader\n")
    assert make_client(tmp_path, database_url, broker_url).get(BASE, headers={"X-API-Key": key}).status_code == 401
    again = run(tmp_path, "revoke", "reader", database_url=database_url)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert again.stderr.startswith("found no key 'reader' that still opens")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("create", "a b"), 1, "found name 'a b'"),
        *(
            (("create", name), 1, f"found name '{name}'")
            for name in ("ws-gateway", "administrator", "ws-gateway keys", "Administrator")
        ),
        (("create", "a", "--scope", "moon"), 2, "'moon' is not one of 'read', 'write', 'admin'"),
        (("create", "a", "--scope", "admin", "--service", "b"), 1, "found scope admin for service 'b' alone"),
        (("create",), 2, "Missing argument"),
        (("fly",), 2, "No such command"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, database_url: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = run(tmp_path, *arguments, database_url=database_url)
    assert done.returncode == code
    assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [("", 2, "DATABASE_URL is empty"), (f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", 3, "PostgreSQL is away")],
    ids=["none given", "away"],
)
def test_without_a_database_it_is_one_sentence(tmp_path: Path, url: str, code: int, words: str) -> None:
    done = run(tmp_path, "list", database_url=url)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert done.stderr.startswith(words)


def test_before_the_schema_is_current_it_says_what_to_do(tmp_path: Path, empty_database_url: str) -> None:
    done = run(tmp_path, "create", "early", database_url=empty_database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "found a database whose schema is not current; run `ws-gateway migrate` first\n"


def test_making_and_ending_a_key_is_in_the_audit(tmp_path: Path, database_url: str, connection: db.Connection) -> None:
    key = run(tmp_path, "create", "one-key", "--scope", "write", "--service", "one", database_url=database_url).stdout
    run(tmp_path, "revoke", "one-key", database_url=database_url)
    with db.transaction(connection) as cursor:
        cursor.execute("select who, action, subject, service from audit order by id")
        found = cursor.fetchall()
    identity = key.split("_")[1]
    assert found == [("ws-gateway keys", f"key_{what}", identity, "one") for what in ("created", "revoked")]
