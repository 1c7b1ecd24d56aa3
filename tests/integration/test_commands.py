"""Each command beside a running gateway: what it shows, that it fits a terminal, and how it ends."""

import json
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from commanding import Terminal, command
from running import RunningGateway, wait_for

from gateway.protocol.endpoints import ENDPOINTS
from gateway.servers.server import free_ports

#: What moves the cursor or gives a colour.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG = "a-service-whose-name-is-as-long-as-such-names-get.0123456789"


@pytest.fixture(scope="module")
def followed(shared_gateway: RunningGateway) -> Iterator[dict[str, Any]]:
    """A ticker, trades and the account's orders, held."""
    rows = {
        "ticker": shared_gateway.subscribe("ticker", LONG, symbol="BTCUSDT", category="linear"),
        "trades": shared_gateway.subscribe("trades", LONG, symbol="BTCUSDT", category="spot"),
        "order": shared_gateway.subscribe("order", LONG),
    }
    for row in rows.values():
        shared_gateway.wait_until_held(row["id"])
    assert command(shared_gateway, "keys", "create", LONG, "--scope", "write", "--service", LONG).returncode == 0
    yield rows
    shared_gateway.call("DELETE", f"/api/v1/subscriptions/by-service/{LONG}")


def on_terminal(gateway: RunningGateway, *arguments: str, columns: int = 80) -> tuple[int, str, list[str]]:
    """Exit code, all that was shown, and its lines without colours."""
    terminal = Terminal(gateway, *arguments, columns=columns)
    try:
        shown = terminal.read_all()
    finally:
        terminal.close()
    last = ESCAPES.sub("", shown.replace("\r\n", "\n"))
    lines = [line.rpartition("\r")[2].rstrip() for line in last.splitlines()]
    return int(terminal.process.returncode), shown, lines


@pytest.mark.parametrize("arguments", [["status"], ["list"], ["gaps"], ["queues", "list"], ["keys", "list"], ["doctor"]])
def test_every_line_fits_a_terminal_of_80_columns(
    shared_gateway: RunningGateway, followed: dict[str, Any], arguments: list[str]
) -> None:
    code, shown, lines = on_terminal(shared_gateway, *arguments)
    assert code == 0, "\n".join(lines)
    assert len(lines) > 2, shown
    assert [line for line in lines if len(line) > 80] == []
    assert ESCAPES.search(shown), "colours on a terminal"


def test_status_answers_what_the_person_on_call_asks(shared_gateway: RunningGateway, followed: dict[str, Any]) -> None:
    shared_gateway.wait_until_healthy()
    queue = followed["ticker"]["queue"]
    wait_for(lambda: shared_gateway.health()["queues"].get(queue, {}).get("messages"), "the router has looked at the queue")
    done = command(shared_gateway, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert not ESCAPES.search(done.stdout), "no colours in a pipe"
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"healthy  simulator  \d+ subscriptions", lines[0].rstrip())
    rows = {line.split()[0]: line.split() for line in lines if line.split() and line.split()[0][:-3] in ENDPOINTS}
    assert set(rows) == {f"{name}_00" for name in ENDPOINTS}
    assert rows["linear_00"][1] == "connected"
    assert "1/1" in rows["linear_00"]
    assert rows["option_00"][1] == "idle"
    assert re.search(r"^waiting on disk: \d+ events, \d+ bytes; the exchange's clock: ", done.stdout, re.MULTILINE)
    told = done.stdout.replace(" \n", "\n")
    assert re.search(r"^gaps in 24 h: \d+, open \d+, not made good \d+ *$", told, re.MULTILINE)
    assert re.search(r"^events dropped since counting began: 0 *$", told, re.MULTILINE)
    for way in ("exchange to socket", "socket to RabbitMQ"):
        assert re.search(rf"^{way} +\d+ m?s +\d+ m?s +[1-9]\d* *$", told, re.MULTILINE), told
    [line] = [line for line in lines if line.startswith(queue)]
    assert line.split()[2] == "nobody"
    health = json.loads(command(shared_gateway, "status", "--json").stdout)
    assert health["status"] == "healthy"


def test_status_watches_until_ctrl_c_and_outlives_the_api(shared_gateway: RunningGateway) -> None:
    terminal = Terminal(shared_gateway, "status", "--watch", "--every", "0.3")
    try:
        terminal.read_until(lambda text: text.count("simulator") >= 2)
        shared_gateway.control("stop", "api:api_00")
        terminal.read_until(lambda text: "does not answer" in text)
        shared_gateway.control("start", "api:api_00")
        before = len(terminal.text)
        terminal.read_until(lambda text: "linear_00" in text[before:])
        terminal.process.send_signal(signal.SIGINT)
        terminal.read_all()
        assert terminal.process.returncode == 0
    finally:
        terminal.close()
        shared_gateway.control("start", "api:api_00")
        shared_gateway.wait_until_healthy()


def test_status_ends_with_1_when_nothing_is_delivered_and_says_why(shared_gateway: RunningGateway) -> None:
    shared_gateway.control("stop", "router:router_00")
    try:
        done = wait_for(lambda: found if (found := command(shared_gateway, "status")).returncode else None, "unhealthy", 30.0)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith("unhealthy  simulator")
        assert "the router is silent: nothing is delivered" in done.stdout
        assert command(shared_gateway, "status", "--json").returncode == 1
    finally:
        shared_gateway.control("start", "router:router_00")
        shared_gateway.wait_until_healthy()


def test_a_broker_that_is_away_is_one_sentence_and_3(shared_gateway: RunningGateway) -> None:
    nobody = f"amqp://127.0.0.1:{free_ports(1)[0]}/"
    for arguments in (("queues", "list"), ("queues", "rebuild", "ws-gateway.trade"), ("tail",)):
        done = command(shared_gateway, *arguments, BROKER_URL=nobody)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1), done.stderr
        assert done.stderr.startswith("RabbitMQ cannot be asked")


def test_a_key_that_does_not_open_is_said_and_health_is_shown_all_the_same(shared_gateway: RunningGateway) -> None:
    done = command(shared_gateway, "status", WS_GATEWAY_API_KEY="another")
    assert done.returncode == 0
    assert "the rest cannot be shown: " in done.stdout
    refused = command(shared_gateway, "list", WS_GATEWAY_API_KEY="another")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


def test_list_shows_enough_of_an_id_to_cancel_by_it(shared_gateway: RunningGateway) -> None:
    made = command(shared_gateway, "subscribe", "ticker", "ETHUSDT", "--category", "linear", "--service", "briefly")
    assert made.returncode == 0, made.stderr
    whole = made.stdout.split()[0]
    [line] = [line for line in command(shared_gateway, "list", "--service", "briefly").stdout.splitlines() if "ETHUSDT" in line]
    begin = line.split()[0]
    assert (len(begin), whole[: len(begin)]) == (8, begin)
    assert command(shared_gateway, "list", "--service", "briefly", "--channel", "trades", "--json").stdout == ""
    again = command(shared_gateway, "resync", begin)
    assert (again.returncode, again.stdout.split()[0]) == (0, whole), again.stderr
    ended = command(shared_gateway, "unsubscribe", begin)
    assert (ended.returncode, ended.stdout) == (0, f"cancelled: {whole}\n"), ended.stderr
    assert command(shared_gateway, "list", "--service", "briefly", "--json").stdout == ""
    row = json.loads(command(shared_gateway, "list", "--service", "briefly", "--all", "--json").stdout)
    assert (row["id"], row["state"]) == (whole, "cancelled")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("subscribe", "trades", "NOSUCHUSDT", "--category", "linear"), "NOSUCHUSDT"),
        (("subscribe", "moon"), "moon"),
        (("unsubscribe", "ffff0000"), "found 0 active subscriptions whose id begins with 'ffff0000'"),
        (("unsubscribe", "f"), "at least 4 letters"),
        (("unsubscribe", "00000000-0000-4000-8000-000000000000"), "00000000-0000-4000-8000-000000000000"),
        (("resync", "ffff0000"), "found 0 active subscriptions"),
        (("gaps", "--from", "yesterday"), "yesterday"),
        (("apply", "one", "wishes.json"), "subscriptions.0"),
        (("queues", "rebuild", "somebody.else"), "somebody.else is no queue that is needed"),
        (("queues", "rebuild", "ws-gateway.system"), "ws-gateway.system has our arguments already"),
        (("keys", "revoke", "nobody"), "found no key 'nobody'"),
    ],
)
def test_what_is_refused_is_one_sentence_and_1(shared_gateway: RunningGateway, arguments: tuple[str, ...], words: str) -> None:
    (shared_gateway.folder / "wishes.json").write_text('[{"channel_type": "moon"}]')
    done = command(shared_gateway, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stdout + done.stderr
    assert words in done.stderr


def test_gaps_are_listed_open_ones_too(shared_gateway: RunningGateway, followed: dict[str, Any]) -> None:
    pid = shared_gateway.pids()["linear_00"]
    shared_gateway.control("stop", "linear:linear_00")

    def open_gaps() -> list[dict[str, Any]]:
        said = command(shared_gateway, "gaps", "--open", "--json").stdout
        return [row for row in map(json.loads, said.splitlines()) if row["worker"] == "linear_00"]

    [gap] = wait_for(open_gaps, "the gap is open", 30.0)
    assert (gap["cause"], gap["to"], gap["recovered"]) == ("restarted", None, None)
    shared_gateway.control("start", "linear:linear_00")
    wait_for(lambda: shared_gateway.pids().get("linear_00", pid) != pid, "it runs again")
    wait_for(lambda: not open_gaps(), "the gap is closed", 30.0)
    told = command(shared_gateway, "gaps", "--topic", followed["ticker"]["topic"]).stdout
    [line] = [line for line in told.splitlines() if "linear_00" in line]
    assert "restarted" in line
    assert "made good" in line
    assert told.splitlines()[-1].strip() == "1 of 1 gaps"
    assert command(shared_gateway, "gaps", "--to", "2020-01-01").stdout.splitlines()[-1].strip() == "0 of 0 gaps"


def test_tail_filters_by_type_category_and_pattern(shared_gateway: RunningGateway, followed: dict[str, Any]) -> None:
    done = command(shared_gateway, "tail", "--type", "trade", "--type", "ticker", "--symbol", "BTC*", "--json", "--count", "40")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["event_type"] for event in events} == {"trade", "ticker"}
    assert {event["symbol"] for event in events} == {"BTCUSDT"}
    spot = command(shared_gateway, "tail", "--category", "spot", "--match", "trade", "--count", "5")
    assert {tuple(line.split()[1:4]) for line in spot.stdout.splitlines()} == {("trade", "spot", "BTCUSDT")}
    assert not ESCAPES.search(spot.stdout)


def test_tail_has_colours_on_a_terminal_and_where_they_are_asked_for(
    shared_gateway: RunningGateway, followed: dict[str, Any]
) -> None:
    _, shown, _ = on_terminal(shared_gateway, "tail", "--type", "trade", "--count", "2")
    assert len(re.findall(r"\x1b\[36mtrade", shown)) == 2
    assert "\x1b[36mtrade" in command(shared_gateway, "tail", "--type", "trade", "--count", "1", "--colour").stdout
    _, plain, _ = on_terminal(shared_gateway, "tail", "--type", "trade", "--count", "1", "--no-colour")
    assert "\x1b[36m" not in plain


def test_tail_counts_instead(shared_gateway: RunningGateway, followed: dict[str, Any]) -> None:
    done = command(shared_gateway, "tail", "--rates", "--json", "--count", "3")
    assert done.returncode == 0, done.stderr
    rates = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(told["all"] >= told.get("trade spot", 0) for told in rates)
    assert any(told["ticker linear"] > 0 for told in rates if "ticker linear" in told)
    line = command(shared_gateway, "tail", "--rates", "--count", "1").stdout
    assert re.match(r"all [\d.]+/s   ", line)


def test_a_terminal_says_meanwhile_what_is_waited_for_and_a_pipe_does_not(shared_gateway: RunningGateway) -> None:
    _, shown, _ = on_terminal(shared_gateway, "doctor")
    assert "looking at streams" in shown
    assert "asking RabbitMQ" in on_terminal(shared_gateway, "queues", "list")[1]
    for arguments in (("doctor",), ("queues", "list"), ("list",)):
        assert command(shared_gateway, *arguments).stderr == ""
