"""Servers and processes that are frozen, under the whole gateway: health says so in words and in time, and answers as quickly as ever.

A frozen process is there, keeps its sockets and its pid, and does nothing.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from running import RunningGateway, wait_for

from api.app import AT_ONCE
from gateway.servers import Postgres, RabbitMQ
from simulator.remote import RunningSimulator
from tests.standins import frozen

#: From the freeze until health says it; seconds. The contract's five, and half a one for a machine that is busy.
NOTICED_S = 5.5
#: The same where whoever would say it is held up, under a load that takes all of a core: five, a second until the router's words are
#: written, and what two other runs on the same cores take; seconds.
HELD_UP_S = 10.0
#: An answer of health; seconds.
QUICK_S = 0.2
#: Who asks at once: more than both processes of the API work on.
CLIENTS = 2 * AT_ONCE + 10
#: Answers that are measured, and how many of them may be late because this machine does other things.
ASKED, LATE = 30, 2


def tree(pid: int) -> list[int]:
    """A process and those that it has started, itself first: then it starts no further one."""
    parents = {int(path.name): parent_of(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def parent_of(path: Path) -> int:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


@contextmanager
def all_frozen(pids: Iterable[int]) -> Iterator[None]:
    with ExitStack() as stack:
        for pid in pids:
            with suppress(ProcessLookupError):  # a backend whose client left meanwhile
                stack.enter_context(frozen(pid))
        yield


def noticed_s(gateway: RunningGateway, reason: str) -> float:
    """How long it took until health gave a reason that begins so."""
    began = time.monotonic()
    wait_for(
        lambda: any(said.startswith(reason) for said in gateway.health().get("reasons", [])),
        lambda: f"{reason}, found {gateway.health()}",
        20.0,
    )
    return time.monotonic() - began


def is_quick(gateway: RunningGateway) -> bool:
    took = []
    for _ in range(ASKED):
        began = time.monotonic()
        assert gateway.health()
        took.append(time.monotonic() - began)
    return sorted(took)[ASKED - LATE - 1] < QUICK_S


def statuses(gateway: RunningGateway) -> dict[str, int]:
    return {name: gateway.call("GET", f"/health{name}")[0] for name in ("", "/live", "/ready")}


@contextmanager
def asked_by_many(gateway: RunningGateway, method: str, path: str, **body: str) -> Iterator[list[tuple[int, Any]]]:
    """More than the API lets in at once ask it for the same, each of them twice a second; their answers. `{}` in a text: a number."""
    answers, over = list[tuple[int, Any]](), threading.Event()

    def ask(client: int) -> None:
        for number in count():
            given = {key: text.format(f"{client}-{number}") for key, text in body.items()}
            answers.append(gateway.call(method, path, given or None))
            if over.wait(0.5):
                return

    asking = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for thread in asking:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in asking:
            thread.join(20.0)


@pytest.fixture(scope="module")
def gateway(shared_gateway: RunningGateway) -> RunningGateway:
    row = shared_gateway.subscribe("ticker", symbol="BTCUSDT", category="linear")
    shared_gateway.wait_until_held(row["id"])
    return shared_gateway


@pytest.fixture(autouse=True)
def _healthy_before_and_after(gateway: RunningGateway) -> Iterator[None]:
    gateway.wait_until_healthy()
    yield
    gateway.wait_until_healthy()


def test_a_frozen_postgresql_is_unhealthy_in_words_within_five_seconds(gateway: RunningGateway, postgres_server: Postgres) -> None:
    with all_frozen(tree(postgres_server.pid)):
        assert noticed_s(gateway, "PostgreSQL is away: no answer within") < NOTICED_S
        assert statuses(gateway) == {"": 503, "/live": 200, "/ready": 503}
        health = gateway.health()
        assert (health["status"], health["database_connected"], health["queue_connected"]) == ("unhealthy", False, True)
        assert is_quick(gateway)


def test_a_postgresql_that_freezes_while_many_ask_holds_up_no_answer_of_health(
    gateway: RunningGateway, postgres_server: Postgres
) -> None:
    with asked_by_many(gateway, "GET", "/api/v1/balances") as answers:
        wait_for(lambda: len(answers) >= CLIENTS, lambda: f"answers of the API, found {len(answers)}")
        with all_frozen(tree(postgres_server.pid)):
            del answers[:]
            assert is_quick(gateway)
            noticed_s(gateway, "PostgreSQL is away: no answer within")
            wait_for(lambda: len(answers) >= 4 * CLIENTS, lambda: f"answers of the API, found {len(answers)}")
            assert is_quick(gateway)
            late = answers[CLIENTS:]
    assert {(status, body["code"]) for status, body in late} == {(503, "SERVICE_UNAVAILABLE")}


def test_a_rabbitmq_that_freezes_while_many_subscribe_holds_up_nobody(gateway: RunningGateway, rabbitmq_server: RabbitMQ) -> None:
    """What is wished for meanwhile is taken, and its queue waits for the broker."""
    wish = {"channel_type": "trades", "category": "linear", "symbol": "BTCUSDT", "requesting_service": "many-{}"}
    with frozen(rabbitmq_server.pid):
        noticed_s(gateway, "RabbitMQ is away: ")
        with asked_by_many(gateway, "POST", "/api/v1/subscriptions", **wish) as answers:
            assert is_quick(gateway)
            wait_for(lambda: len(answers) >= 3 * CLIENTS, lambda: f"answers of the API, found {len(answers)}")
            assert is_quick(gateway)
    taken = [body for status, body in answers if status == 201]
    assert len(taken) > len(answers) // 2
    assert {body["queue_state"] for body in taken} <= {"pending", "ready"}
    assert {status for status, _ in answers} <= {201, 503}
    for row in taken:
        gateway.call("DELETE", f"/api/v1/subscriptions/{row['id']}")


def test_a_frozen_rabbitmq_is_unhealthy_in_words_within_five_seconds(gateway: RunningGateway, rabbitmq_server: RabbitMQ) -> None:
    with frozen(rabbitmq_server.pid):
        assert noticed_s(gateway, "RabbitMQ is away: ") < NOTICED_S
        assert statuses(gateway) == {"": 503, "/live": 200, "/ready": 503}
        health = gateway.health()
        assert (health["status"], health["database_connected"], health["queue_connected"]) == ("unhealthy", True, False)
        assert is_quick(gateway)


def test_a_rabbitmq_that_freezes_in_the_midst_of_a_load_is_said_too(
    gateway: RunningGateway, rabbitmq_server: RabbitMQ, shared_simulator: RunningSimulator
) -> None:
    """Who writes to it may be held up by the write itself."""
    over = threading.Event()

    def drive() -> None:
        while not over.is_set():
            shared_simulator.step(20)

    driving = threading.Thread(target=drive)
    driving.start()
    try:
        with frozen(rabbitmq_server.pid):
            assert noticed_s(gateway, "RabbitMQ is away: ") < HELD_UP_S
            assert statuses(gateway) == {"": 503, "/live": 200, "/ready": 503}
    finally:
        over.set()
        driving.join(20.0)


def test_a_frozen_worker_with_work_is_not_healthy_because_it_lives(gateway: RunningGateway) -> None:
    with frozen(gateway.pids()["linear_00"]):
        assert noticed_s(gateway, "linear_00 has been silent for") < NOTICED_S
        assert statuses(gateway) == {"": 200, "/live": 200, "/ready": 200}
        health = gateway.health()
        assert (health["status"], health["websocket_connected"]) == ("degraded", False)
        assert health["connections"]["linear_00"]["connection_status"] == "reconnecting"
        assert is_quick(gateway)


def test_a_frozen_router_is_unhealthy_because_nothing_is_delivered(gateway: RunningGateway) -> None:
    with frozen(gateway.pids()["router_00"]):
        assert noticed_s(gateway, "the router is silent: nothing is delivered") < NOTICED_S
        assert statuses(gateway) == {"": 503, "/live": 200, "/ready": 503}
        health = gateway.health()
        assert (health["database_connected"], health["queue_connected"]) == (False, False), "nobody says that they are"
        assert is_quick(gateway)
