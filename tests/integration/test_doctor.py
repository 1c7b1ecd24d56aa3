"""`ws-gateway doctor` beside a running gateway: each thing that can be wrong is found, by name, with what to do about it."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from commanding import command
from running import RunningGateway

from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator

Found = dict[str, list[dict[str, str]]]


def doctor(gateway: RunningGateway, **settings: str) -> tuple[int, Found]:
    """The exit code, and what was found wrong, by check."""
    done = command(gateway, "doctor", "--json", **settings)
    assert done.stderr == ""
    found: Found = {}
    for row in map(json.loads, done.stdout.splitlines()):
        if row["level"] == "wrong":
            found.setdefault(row["check"], []).append(row)
            assert row["do"], row
    return done.returncode, found


def nobody() -> str:
    return f"127.0.0.1:{free_ports(1)[0]}"


def test_where_all_is_well_it_says_so_and_ends_with_0(shared_gateway: RunningGateway) -> None:
    shared_gateway.wait_until_healthy()
    done = command(shared_gateway, "doctor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.splitlines()[-1] == "nothing is wrong"
    words = {line.split()[1] for line in done.stdout.splitlines()[:-1] if line.split()[0] in ("ok", "note")}
    assert words == {"settings", "folder", "database", "broker", "queues", "exchange", "credentials", "streams", "gateway"}
    assert "which may do more than read" in done.stdout


@pytest.mark.parametrize(
    ("check", "settings", "words"),
    [
        ("settings", {"WS_GATEWAY_PORT": "0"}, "WS_GATEWAY_PORT is '0'; expected a whole number from 1 to 65535"),
        ("database", {"DATABASE_URL": ""}, "DATABASE_URL is empty"),
        ("database", {"DATABASE_URL": f"postgresql://{nobody()}/none"}, "PostgreSQL is away"),
        ("broker", {"BROKER_URL": ""}, "BROKER_URL is empty"),
        ("broker", {"BROKER_URL": f"amqp://{nobody()}/"}, "RabbitMQ cannot be asked"),
        ("exchange", {"BYBIT_REST_URL": f"http://{nobody()}"}, "cannot be asked"),
        ("streams", {"BYBIT_WS_URL": f"ws://{nobody()}"}, "takes no connection"),
        ("credentials", {"BYBIT_API_KEY": "another"}, "the exchange does not know this API key"),
        ("credentials", {"BYBIT_API_SECRET": "another"}, "BYBIT_API_SECRET is not the secret of this key"),
        ("credentials", {"BYBIT_API_SECRET": "-----BEGIN nonsense"}, "BYBIT_API_SECRET"),
        ("gateway", {"WS_GATEWAY_PORT": nobody().rpartition(":")[2]}, "does not answer"),
        ("folder", {"WS_GATEWAY_VAR_DIR": "/proc/nowhere"}, "/proc/nowhere cannot be written to"),
        ("folder", {"WS_GATEWAY_SPOOL_MAX_BYTES": "900000GiB"}, "fewer than one spool may take"),
        ("queues", {"WS_GATEWAY_QUEUE_TTL_MS": "3600000"}, "x-message-ttl 86400000 → 3600000"),
        ("queues", {"WS_GATEWAY_QUEUE_TYPE": "quorum"}, "x-queue-type none → quorum"),
    ],
    ids=lambda given: given if isinstance(given, str) else next(iter(given)),
)
def test_what_is_wrong_is_found_under_its_name(
    shared_gateway: RunningGateway, check: str, settings: dict[str, str], words: str
) -> None:
    code, found = doctor(shared_gateway, **settings)
    assert code == 1
    assert any(words in row["found"] for row in found[check]), found


def test_each_differing_queue_is_named_with_the_command_that_mends_it(shared_gateway: RunningGateway) -> None:
    _, found = doctor(shared_gateway, WS_GATEWAY_QUEUE_MAX_LENGTH="99999")
    queues = {row["do"].strip("`").rpartition(" ")[2] for row in found["queues"]}
    assert {"ws-gateway.trade", "ws-gateway.system", "ws-gateway.order"} <= queues
    assert all(row["do"].startswith("`ws-gateway queues rebuild ") for row in found["queues"])


def test_a_clock_that_is_wrong_is_found_with_by_how_much(
    shared_gateway: RunningGateway, shared_simulator: RunningSimulator
) -> None:
    number = shared_simulator.fault("clock", amount=3000.0)
    try:
        code, found = doctor(shared_gateway)
    finally:
        shared_simulator.lift(number)
    assert code == 1
    [row] = found["exchange"]
    assert "ms behind the exchange's" in row["found"]
    assert 2500 < int(row["found"].split()[3]) < 3500
    assert "NTP" in row["do"]


def test_an_older_schema_is_found(shared_gateway: RunningGateway, new_empty_database: Callable[[], str]) -> None:
    code, found = doctor(shared_gateway, DATABASE_URL=new_empty_database())
    assert (code, found["database"][0]["do"]) == (1, "`ws-gateway migrate`")


def test_a_silent_guard_and_what_health_says_are_found(shared_gateway: RunningGateway) -> None:
    shared_gateway.control("stop", "guard:guard_00", "option:option_00")
    try:
        _, found = doctor(shared_gateway)
        while not any("option_00 has been silent" in row["found"] for row in found.get("gateway", ())):
            _, found = doctor(shared_gateway)
        assert any("the guard is silent" in row["found"] for row in found["gateway"])
    finally:
        shared_gateway.control("start", "guard:guard_00", "option:option_00")
        shared_gateway.wait_until_healthy()


def test_it_leaves_no_file_behind_and_shows_no_secret(shared_gateway: RunningGateway, tmp_path: Path) -> None:
    done = command(shared_gateway, "doctor", WS_GATEWAY_VAR_DIR=str(tmp_path))
    assert shared_gateway.environ["BYBIT_API_SECRET"] not in done.stdout
    made = {path.name for path in tmp_path.iterdir()}
    assert made <= {"rest", "connects"}, "the budgets that all processes of the host share"
    assert stat.S_IMODE(tmp_path.stat().st_mode) & 0o002 == 0
