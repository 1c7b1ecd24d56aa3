"""As many topics as the exchange's limits allow: 300 on spot, one connection's worth on linear, 1,500 on option, live within 10 s; and
1,500 on inverse over two. What does not fit is refused by name, and how many processes would do is said.

The simulated exchange enforces the limits: 10 topics a request on spot, 21,000 characters a connection, 2,000 option topics.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from many import symbols, wish
from running import RunningGateway, healthy_gateway, wait_for

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.room import processes_needed
from simulator import remote
from simulator.remote import RunningSimulator

#: 1,500 option topics are 48,000 characters: more than two connections' worth.
PROCESSES = {"option": 3, "inverse": 2}
LIVE_WITHIN_S = 10.0
CHARACTERS = 21_000


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    """1,300 symbols of each category; only the snapshots on subscribe are pushed."""
    running = remote.start(symbols=1300, paused=True)
    yield running
    running.stop()


def wishes(exchange: RunningSimulator) -> dict[str, list[tuple[str, str, str, int | None]]]:
    """Endpoint → (channel, symbol, topic, depth)."""
    spot = symbols(exchange, "spot")[:300]
    linear = symbols(exchange, "linear")[:1300]
    option = symbols(exchange, "option")[:500]
    return {
        "spot": [("ticker", symbol, f"tickers.{symbol}", None) for symbol in spot],
        "linear": [("ticker", symbol, f"tickers.{symbol}", None) for symbol in linear],
        "option": [
            row
            for symbol in option
            for row in (
                ("ticker", symbol, f"tickers.{symbol}", None),
                ("orderbook", symbol, f"orderbook.25.{symbol}", 25),
                ("orderbook", symbol, f"orderbook.100.{symbol}", 100),
            )
        ],
    }


def states(gateway: RunningGateway, endpoint: str) -> dict[str, dict[str, Any]]:
    """Topic → what its worker says of it."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((gateway.folder / "var" / "state").glob(f"{endpoint}_*.json")):
        found |= json.loads(path.read_text())["topics"]
    return found


@pytest.mark.timeout(240)
def test_as_many_topics_as_the_limits_allow_are_live_in_time_and_one_too_many_is_refused_by_name(
    tmp_path: Path, new_empty_database: Callable[[], str], broker_url: str, exchange: RunningSimulator
) -> None:
    database_url = new_empty_database()
    with healthy_gateway(
        tmp_path, database_url, broker_url, exchange, processes=PROCESSES, WS_GATEWAY_CLASS_QUEUES="none"
    ) as gateway:
        wanted = wishes(exchange)
        assert {endpoint: len(rows) for endpoint, rows in wanted.items()} == {"spot": 300, "linear": 1300, "option": 1500}
        began = time.monotonic()
        for endpoint, rows in wanted.items():
            wish(database_url, endpoint, rows)

        def missing() -> dict[str, int]:
            live = {name: sum(topic["state"] == "live" for topic in states(gateway, name).values()) for name in wanted}
            return {name: len(rows) - live[name] for name, rows in wanted.items() if live[name] != len(rows)}

        wait_for(lambda: not missing(), "all live", began + LIVE_WITHIN_S - time.monotonic())
        for endpoint, rows in wanted.items():
            held = [connection.topics for connection in exchange.connections(endpoint)]
            assert sorted(topic for topics in held for topic in topics) == sorted(row[2] for row in rows)
            assert all(sum(map(len, topics)) <= CHARACTERS for topics in held)
        assert (
            max(
                len(json.loads(entry.text)["args"])
                for entry in exchange.ledger("spot", direction="received")
                if "args" in entry.text
            )
            <= 10
        )

        one_too_many(gateway, exchange, database_url, wanted["linear"])
        option_topics_beyond_two_thousand(gateway, exchange, database_url, wanted["option"])
        over_two_processes(gateway, exchange, database_url)


def one_too_many(
    gateway: RunningGateway, exchange: RunningSimulator, database_url: str, held: list[tuple[str, str, str, int | None]]
) -> None:
    """Fill linear's connection to the last topic that fits, and ask for one more."""
    left = CHARACTERS - sum(len(topic) for _, _, topic, _ in held)
    more: list[tuple[str, str, str, int | None]] = []
    for _, symbol, _, _ in held:
        topic = f"publicTrade.{symbol}"
        more.append(("trades", symbol, topic, None))
        left -= len(topic)
        if left < 0:
            break
    wish(database_url, "linear", more)

    def refused() -> dict[str, str]:
        return {topic: state["last_error"] for topic, state in states(gateway, "linear").items() if state["state"] == "refused"}

    found = wait_for(refused, "a refusal by name", LIVE_WITHIN_S)
    assert list(found.values()) == [f"does not fit: a connection of linear holds {CHARACTERS} characters of topics"]
    wait_for(
        lambda: (
            {state["state"] for topic, state in states(gateway, "linear").items() if topic not in found} == {"live", "acknowledged"}
        ),
        "neighbours untouched",
    )
    [connection], [name] = exchange.connections("linear"), found
    assert len(connection.topics) == len(held) + len(more) - 1
    assert name not in connection.topics
    assert not [entry for entry in exchange.ledger("linear", direction="received") if f'"{name}"' in entry.text]
    wait_for(lambda: alarms(gateway, "linear") == [needs("linear", 2, 1)], lambda: f"the alarm, but {alarms(gateway, 'linear')}")
    lines = [line for line in gateway.log("linear_00").splitlines() if "more_processes_needed" in line]
    assert len(lines) == 1
    assert "found=1 expected=2" in lines[0]


def alarms(gateway: RunningGateway, endpoint: str) -> list[str]:
    return [alarm for alarm in gateway.health()["alarms"] if alarm.startswith(f"{endpoint} needs")]


def needs(endpoint: str, needed: int, found: int) -> str:
    return f"{endpoint} needs {needed} processes for its topics and has {found}, so some are refused; expected numprocs={needed}"


def option_topics_beyond_two_thousand(
    gateway: RunningGateway, exchange: RunningSimulator, database_url: str, held: list[tuple[str, str, str, int | None]]
) -> None:
    """2,001 topics, whose names are too long for the three processes that there are."""
    more = [("ticker", symbol, f"tickers.{symbol}", None) for symbol in symbols(exchange, "option")[500:1001]]
    wish(database_url, "option", more)
    topics = [row[2] for row in (*held, *more)]
    assert len(topics) == 2_001

    def settled() -> dict[str, dict[str, Any]] | None:
        found = states(gateway, "option")
        return found if len(found) == len(topics) and {said["state"] for said in found.values()} == {"live", "refused"} else None

    found = wait_for(settled, "each topic live or refused", 20.0)
    refused = {topic: said["last_error"] for topic, said in found.items() if said["state"] == "refused"}
    assert set(refused.values()) == {f"does not fit: a connection of option holds {CHARACTERS} characters of topics"}
    on_wire = {topic for connection in exchange.connections("option") for topic in connection.topics}
    assert on_wire == set(topics) - set(refused)
    needed = processes_needed(ENDPOINTS["option"], topics)
    assert needed > PROCESSES["option"]
    wait_for(lambda: alarms(gateway, "option") == [needs("option", needed, PROCESSES["option"])], "the alarm")


def over_two_processes(gateway: RunningGateway, exchange: RunningSimulator, database_url: str) -> None:
    """1,500 topics of one endpoint."""
    listed = symbols(exchange, "inverse")
    rows: list[tuple[str, str, str, int | None]] = [("ticker", symbol, f"tickers.{symbol}", None) for symbol in listed[:1300]]
    rows += [("orderbook", symbol, f"orderbook.50.{symbol}", 50) for symbol in listed[:200]]
    assert len(rows) == 1_500
    wish(database_url, "inverse", rows)

    def live() -> int:
        return sum(topic["state"] == "live" for topic in states(gateway, "inverse").values())

    wait_for(lambda: live() == len(rows), lambda: f"all live, but {live()}", LIVE_WITHIN_S)
    held = [connection.topics for connection in exchange.connections("inverse")]
    assert len(held) == 2
    assert sorted(topic for topics in held for topic in topics) == sorted(row[2] for row in rows)
    assert all(sum(map(len, topics)) <= CHARACTERS for topics in held)
    assert alarms(gateway, "inverse") == []
