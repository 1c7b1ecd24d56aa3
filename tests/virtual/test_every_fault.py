"""Every fault, at every step of the conversation, on every endpoint: the wanted topics come back in time, and events flow again."""

from collections.abc import Iterator
from typing import Any

import pytest
from world import BACK_S, RESTORED_S, Worker, World
from worlds import TOPICS, world_with

from gateway.protocol.endpoints import ENDPOINTS
from simulator.faults import KINDS, OPS, Fault

#: How long a standing fault lasts here; seconds. Long enough for pings to go unanswered and for every retry to meet it.
LASTS_S = 30.0


def faults() -> Iterator[Fault]:
    """Every form of every kind; what answers are hit by is told apart by op, and what hits once stands for one hit, and for good."""
    for name, kind in KINDS.items():
        if name in ("burst", "rate"):
            amounts = [50.0]
        elif name == "clock":
            amounts = [-90_000.0, 90_000.0]
        else:
            amounts = [0.0]
        for how in kind.hows or ("",):
            for amount in (1.0, 8.0) if (name, how) == ("answer", "delay") else amounts:
                for op in OPS if name == "answer" else ("*",):
                    if not kind.stands:
                        yield Fault(kind=name, how=how, amount=amount)
                        continue
                    yield Fault(kind=name, how=how, op=op, amount=amount, seconds=LASTS_S)
                    if name in ("answer", "login", "book", "drop", "refuse", "refuse_topic", "rest"):
                        yield Fault(kind=name, how=how, op=op, amount=amount, times=1, seconds=LASTS_S)


FAULTS = tuple(faults())
#: A step → the request that is under way when the fault comes; None: none.
STEPS = {"dial": None, "login": "auth", "subscribe": "subscribe", "streaming": None, "ping": "ping", "unsubscribe": "unsubscribe"}


def play(endpoint: str, step: str, fault: Fault) -> str:
    """Have the fault at the step; what went wrong after it, "" for nothing."""
    world, worker = world_with(endpoint)
    strikes: list[float] = []

    def strike() -> None:
        world.exchange.do(fault)
        strikes.append(world.now())

    op = STEPS[step]
    if op in ("auth", "subscribe"):
        world.traps[op] = strike
    elif step == "dial":
        strike()
    if step in ("streaming", "ping", "unsubscribe"):
        world.run_until(worker.is_restored, RESTORED_S, what=f"{endpoint} before the fault")
        if step == "streaming":
            strike()
        elif step == "ping":
            world.traps["ping"] = strike
        else:
            world.traps["unsubscribe"] = strike
            gone, kept = next(iter(worker.topics)), dict(list(worker.topics.items())[1:])
            worker.topics = kept or {gone: worker.topics[gone]}
            worker.link.want(kept)
            if not kept:
                world.turn()
                worker.link.want(worker.topics)
    world.run_until(lambda: strikes, 60, what="the fault")
    if KINDS[fault.kind].stands:
        world.run_until(lambda: not world.exchange.faults.standing(world.exchange.clock_ms()), LASTS_S + 1, what="its end")
    return outcome(world, worker, fault)


def outcome(world: World, worker: Worker, fault: Fault) -> str:
    over = world.now()
    dead = f"reconnected {worker.link.reconnections} times; {worker.link.last_error}; {worker.link.subscriptions.states()}"
    refused = {topic for topic, (word, _) in worker.link.subscriptions.states().items() if word == "refused"}
    if refused and fault.kind not in ("refuse_topic", "hostile"):
        return f"refused {refused}: {dead}"
    neighbours = frozenset(refused)
    while not worker.is_restored(but=neighbours):
        if world.now() - over > BACK_S:
            return f"not back after {BACK_S:g} s: {dead}"
        world.turn()
    opened = worker.opened_at or 0.0
    if world.now() - max(over, opened) > RESTORED_S:
        return f"back {world.now() - max(over, opened):.1f} s after the connection opened: {dead}"
    while not worker.is_restored():
        if world.now() - over > 70.0:
            return f"refused topics are not back after 70 s: {dead}"
        world.turn()
    before = len(worker.bus.records)
    while len(worker.bus.records) == before:
        if world.now() - over > 200.0:
            return f"nothing flows: {dead}"
        world.turn()
    return ""


def moments() -> Iterator[Any]:
    """Each step of each endpoint. Of those marked, `inverse` speaks as `linear` does and `spread` as `option`; they take as long again."""
    for name in TOPICS:
        for step in STEPS:
            if step != "login" or ENDPOINTS[name].authenticates:
                is_like_another = name in ("inverse", "spread") and step not in ("subscribe", "streaming")
                yield pytest.param(name, step, marks=[pytest.mark.long] if is_like_another else [])


@pytest.mark.parametrize(("endpoint", "step"), list(moments()))
def test_topics_are_restored_in_time_after_every_fault(endpoint: str, step: str) -> None:
    found = {repr(fault): play(endpoint, step, fault) for fault in FAULTS}
    assert {fault: words for fault, words in found.items() if words} == {}
    assert len(found) == len(FAULTS)
