"""What is done to a stage. Each function does one kind of harm, waits for it to be over, and notes what can only be measured meanwhile."""

import signal
from collections.abc import Callable

from tests.chaos.stage import Stage
from tests.integration.running import wait_for

#: Between two kills, at random; seconds. The lower ones meet a process that has only begun.
BETWEEN_KILLS_S = (0.2, 4.0)
#: A killed process runs again within this; seconds.
AGAIN_S = 20.0


def processes_killed(stage: Stage, *, programs: tuple[str, ...], times: int) -> None:
    """`kill -9` of one of them at a random moment, so often."""
    for _ in range(times):
        stage.pass_time(stage.random.uniform(*BETWEEN_KILLS_S))
        with stage.trouble():
            name = stage.random.choice(programs)
            pid = stage.signal(name, signal.SIGKILL)
            wait_for(lambda name=name, pid=pid: stage.pids().get(name, pid) != pid, f"{name} runs again", AGAIN_S)


def rabbitmq_away(stage: Stage, *, how: str, seconds: float) -> None:
    """The node is killed, stopped, or its application is stopped while the machine below it stays."""
    ends: dict[str, Callable[[], object]] = {
        "kill": stage.broker.kill,
        "stop": stage.broker.stop,
        "stop_app": lambda: stage.broker.control("stop_app"),
    }
    with stage.trouble():
        ends[how]()
        stage.pass_time(seconds)
        if how == "stop_app":
            stage.broker.control("start_app")
        else:
            stage.broker.start()


def postgresql_away(stage: Stage, *, how: str, seconds: float) -> None:
    with stage.trouble():
        {"kill": stage.store.kill, "stop": stage.store.stop}[how]()
        stage.pass_time(seconds)
        stage.store.start()


def postgresql_locked(stage: Stage, *, table: str, seconds: float) -> None:
    with stage.trouble(), stage.store.held(stage.database_url, table):
        stage.pass_time(seconds)
