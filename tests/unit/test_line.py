"""The bus between machines, on loopback: who has the right keys speaks, who has not is told why, and costs nobody else anything."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_bus import Receiving, record, wait_for

from gateway.bus import curve
from gateway.bus.bus import BusReceiver, BusSender
from gateway.bus.curve import Door, Keys
from gateway.bus.far_words import FarStates, FarWords
from gateway.health import state
from gateway.health.words import STALE_S, WorkerState
from gateway.servers.server import free_ports
from tests.zeromq import Context

#: The router's machine, and two others: known to it and unknown.
ROUTER, KNOWN, UNKNOWN = (curve.make_pair() for _ in range(3))


NOW_S = 1_800_000_000


def worker(name: str, **said: Any) -> WorkerState:
    given = {"endpoint": "linear", "pid": 1, "written_ms": 7, "started_ms": 1, "connection_status": "idle", "processes": 4, **said}
    return WorkerState(name=name, **given)


def _words(name: str, **said: Any) -> bytes:
    return msgspec.json.encode(worker(name, **said))


@pytest.fixture
def address() -> str:
    return f"tcp://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture
def receiver(address: str, context: Context) -> Iterator[BusReceiver]:
    door = Door({ROUTER[0], KNOWN[0]}, context=context)
    door.start()
    with closing(BusReceiver(address, keys=Keys(ROUTER[1], ROUTER[0]), context=context)) as opened:
        yield opened
    door.stop()


def sender(address: str, context: Context, keys: Keys | None) -> BusSender:
    found = BusSender(address, b"linear_00-1-1", keys=keys, context=context)
    found.send([record(1)])
    return found


def test_a_public_key_follows_from_its_secret_and_says_nothing_of_it() -> None:
    public, secret = curve.make_pair()
    assert curve.public_of(secret) == public
    assert (len(public), len(secret)) == (64, 64)
    assert public != secret


def test_batches_of_a_machine_whose_key_is_known_arrive_and_are_acknowledged(
    address: str, receiver: BusReceiver, context: Context
) -> None:
    receiving = Receiving(receiver)
    for pair in (ROUTER, KNOWN):
        with closing(sender(address, context, Keys(pair[1], ROUTER[0]))) as known:
            wait_for(lambda known=known: not known.outbox, known.pump, receiving.turn)  # type: ignore[misc] # bound now
    assert receiving.ids == ["id-1"], "the second is a repeat: it has the same name"


@pytest.mark.parametrize(
    ("keys", "to_sender", "to_router"),
    [
        (Keys(UNKNOWN[1], ROUTER[0]), "expected our public key in its WS_GATEWAY_BUS_ALLOWED_KEYS", f"public_key={UNKNOWN[0]}"),
        (Keys(KNOWN[1], UNKNOWN[0]), "expected its public key in WS_GATEWAY_BUS_ROUTER_KEY", "somebody came without keys"),
        (None, "one side has keys and the other has none", "somebody came without keys"),
    ],
    ids=["unknown", "another router's", "none"],
)
def test_who_has_not_the_right_keys_is_told_what_is_wrong_and_so_is_the_router_and_nobody_else_suffers(
    address: str,
    receiver: BusReceiver,
    context: Context,
    caplog: pytest.LogCaptureFixture,
    keys: Keys | None,
    to_sender: str,
    to_router: str,
) -> None:
    receiving = Receiving(receiver)

    def turn() -> None:
        receiving.turn()
        receiver.take_words()

    def said(words: str) -> int:
        return sum(words in line for line in caplog.messages)

    with caplog.at_level(logging.WARNING), closing(sender(address, context, keys)) as stranger:
        wait_for(lambda: bool(said(to_sender) and said(to_router)), stranger.pump, turn)
        with closing(BusSender(address, b"spot_00-1-1", keys=Keys(KNOWN[1], ROUTER[0]), context=context)) as known:
            known.send([record(2)])
            wait_for(lambda: not known.outbox, known.pump, stranger.pump, turn)
    assert len(stranger.outbox) == 1, "nothing of it is lost, and nothing of it came"
    assert receiving.ids == ["id-2"]
    assert (said(to_sender), said(to_router)) == (1, 1), "once, however often it tries"


def test_a_machine_that_becomes_known_is_let_in_without_being_started_anew(
    address: str, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    """libzmq itself would not try again."""
    door = Door({ROUTER[0]}, context=context)
    door.start()
    with closing(BusReceiver(address, keys=Keys(ROUTER[1], ROUTER[0]), context=context)) as receiver:
        receiving = Receiving(receiver)
        with caplog.at_level(logging.WARNING), closing(sender(address, context, Keys(KNOWN[1], ROUTER[0]))) as known:
            wait_for(lambda: bool(caplog.messages), known.pump, receiving.turn)
            door.allowed = frozenset({ROUTER[0], KNOWN[0]})
            wait_for(lambda: not known.outbox, known.pump, receiving.turn)
    door.stop()


def test_words_of_another_machine_become_a_state_file_dated_here_and_those_of_this_one_do_not(
    tmp_path: Path, address: str, receiver: BusReceiver, context: Context
) -> None:
    keys, states = Keys(KNOWN[1], ROUTER[0]), FarStates(tmp_path, "here")
    words = {
        host: FarWords(address, name, host, keys, context=context)
        for host, name in (("there", "linear_02"), ("here", "linear_00"), ("elsewhere", "router_00"))
    }
    said: set[str] = set()

    def turn() -> None:
        for host, name in (("there", "linear_02"), ("here", "linear_00"), ("elsewhere", "router_00")):
            words[host].send(worker(name))
        receiver.take()
        found = receiver.take_words()
        said.update(found)
        states.give(found)
        states.write(NOW_S)

    wait_for(lambda: len(said) == len(words), turn)
    for opened in words.values():
        opened.close()
    found = state.read_workers(tmp_path)
    assert list(found) == ["linear_02"]
    assert found["linear_02"].written_ms == NOW_S * 1000
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["linear_02.json"]


def test_words_that_cannot_be_read_are_said_and_harm_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        states = FarStates(tmp_path, "here")
        states.give({"there x": b"{", "there y": b'{"name":"linear_00"}', "there z": _words("../../etc/x")})
        states.write(NOW_S)
    assert len(caplog.messages) == 2
    assert not (tmp_path / "state").exists()


def test_of_two_machines_with_the_same_process_the_one_that_stands_by_is_a_hint_and_not_the_state(tmp_path: Path) -> None:
    states = FarStates(tmp_path, "here")
    works, waits = (
        _words("linear_02", pid=5, connection_status="connected"),
        _words("linear_02", pid=6, connection_status="standby", last_error="why"),
    )
    for words in ({"there x": works, "elsewhere x": waits}, {"elsewhere x": waits}):
        states.give(words)
        states.write(NOW_S)
        found = state.read_worker(tmp_path, "linear_02")
        assert found is not None
        assert found.pid == 5
        assert states.hints(NOW_S) == ["linear_02 of another machine stands by: why"]
    assert states.hints(NOW_S + STALE_S + 1) == [], "it has been taken away"
    states.give({"elsewhere x": waits})
    states.write(NOW_S + STALE_S + 1)
    found = state.read_worker(tmp_path, "linear_02")
    assert found is not None
    assert (found.pid, states.hints(NOW_S + STALE_S + 1)) == (6, []), "nobody else speaks"
