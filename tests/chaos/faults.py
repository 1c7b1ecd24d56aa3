"""What is done to a stage. Each function does one kind of harm, waits for it to be over, and notes what can only be measured meanwhile."""

import math
import signal
import time
from collections.abc import Callable, Collection, Sequence

from tests.chaos.figures import skew_error_ms
from tests.chaos.stage import Ending, Stage
from tests.chaos.valve import Flow
from tests.integration.running import wait_for

#: Between two kills, at random; seconds. The lower ones meet a process that has only begun.
BETWEEN_KILLS_S = (0.2, 4.0)
#: A killed process runs again within this; seconds.
AGAIN_S = 20.0
#: The router has looked at all queues within this; seconds.
LOOKED_AT_S = 7.0
#: What the account does not trade by itself, so that an order stays as it was left.
APART = "ETHUSDT"
#: Everything that was held is held again within this, or the fault is not over; seconds.
RESTORED_S = 60.0
#: What is amiss must show in health within this, or it never will; seconds.
SHOWN_S = 15.0


def processes_killed(stage: Stage, *, programs: Collection[str], times: int) -> None:
    """`kill -9` of one of them at a random moment, so often."""
    for _ in range(times):
        stage.pass_time(stage.random.uniform(*BETWEEN_KILLS_S))
        with stage.trouble():
            _kill(stage, stage.random.choice(sorted(programs)))


def _kill(stage: Stage, name: str) -> None:
    pid = stage.signal(name, signal.SIGKILL)
    wait_for(lambda: stage.pids().get(name, pid) != pid, f"{name} runs again", AGAIN_S)


def process_frozen(stage: Stage, *, program: str, seconds: float) -> None:
    """SIGSTOP, and SIGCONT later: as a machine that swaps, or a container that is paused."""
    with stage.trouble():
        stage.signal(program, signal.SIGSTOP)
        stage.pass_time(seconds)
        stage.signal(program, signal.SIGCONT)


def everything_restarted(stage: Stage, *, broker_away: bool) -> None:
    """SIGTERM for all programs, as an operator does; with RabbitMQ away or not."""
    with stage.trouble():
        if broker_away:
            stage.broker.stop()
            stage.pass_time(2.0)
        began, at_ns = time.monotonic(), time.time_ns()
        running = stage.pids()
        stage.gateway.control("stop", "all")
        stage.figures["stop_s"] = round(time.monotonic() - began, 2)
        stage.ended += [Ending(name, at_ns, time.time_ns()) for name in running]
        if broker_away:
            stage.broker.start()
        stage.gateway.control("start", "all")
        stage.gateway.wait_until_healthy(RESTORED_S)


def rabbitmq_away(stage: Stage, *, how: str, seconds: float, killed: Collection[str] = ()) -> None:
    """The node is killed, stopped, or its application is stopped while the machine below it stays. killed: processes, meanwhile."""
    ends: dict[str, Callable[[], object]] = {
        "kill": stage.broker.kill,
        "stop": stage.broker.stop,
        "stop_app": lambda: stage.broker.control("stop_app"),
    }
    with stage.trouble():
        ends[how]()
        for name in killed:
            stage.pass_time(seconds / (len(killed) + 1))
            _kill(stage, name)
        stage.pass_time(seconds / (len(killed) + 1))
        if how == "stop_app":
            stage.broker.control("start_app")
        else:
            stage.broker.start()


def rabbitmq_alarmed(stage: Stage, *, seconds: float) -> None:
    """Out of memory: it blocks who publishes. Nobody may answer that with new connections."""
    with stage.trouble():
        before, taken = stage.lane("broker")["reconnects"], stage.valves["broker"].taken
        stage.broker.raise_alarm()
        stage.pass_time(seconds)
        stage.figures["lane_reconnects"] = stage.lane("broker")["reconnects"] - before
        stage.figures["connections_per_s"] = round((stage.valves["broker"].taken - taken) / seconds, 2)
        stage.broker.end_alarm()


def rabbitmq_queue_deleted(stage: Stage, *, kinds: Collection[str], seconds: float) -> None:
    """Somebody deletes queues of a service, and those of the same classes, which the router has looked at: it does so every 5 s."""
    stage.pass_time(LOOKED_AT_S)
    with stage.trouble():
        for kind in kinds:
            for queue in (stage.queues[kind], stage.class_queues.get(kind)):
                if queue is not None:
                    stage.broker.control("-p", stage.host, "delete_queue", queue)
        stage.pass_time(seconds)


def line_turned(stage: Stage, *, to: str, flow: Flow, seconds: float) -> None:
    """The line to a server is slow, swallows all, or is cut. noticed_s: until the router says that the server is away."""
    lane = {"broker": "broker", "store": "postgres"}[to]
    with stage.trouble():
        stage.valves[to].turn(flow)
        began = time.monotonic()
        if stage.until(lambda: not stage.lane(lane)["connected"], seconds):
            stage.figures["noticed_s"] = round(time.monotonic() - began, 2)
        stage.pass_time(seconds - (time.monotonic() - began))
        stage.valves[to].turn(Flow.OPEN)


def postgresql_away(stage: Stage, *, how: str, seconds: float) -> None:
    with stage.trouble():
        {"kill": stage.store.kill, "stop": stage.store.stop}[how]()
        stage.pass_time(seconds)
        stage.store.start()


def postgresql_locked(stage: Stage, *, table: str, seconds: float) -> None:
    with stage.trouble(), stage.store.held(stage.database_url, table):
        stage.pass_time(seconds)


def disk_full(stage: Stage, *, seconds: float, broker_away: bool) -> None:
    """No room where spool and journal lie. not_ready_s: until the gateway says that it is not ready."""
    if broker_away:
        stage.broker.stop()
    with stage.trouble():
        stage.fill_disk()
        began = time.monotonic()
        if stage.until(lambda: _unready_for(stage, ("disk", "full", "space", "spool", "journal")), SHOWN_S):
            stage.figures["not_ready_s"] = round(time.monotonic() - began, 2)
        stage.pass_time(seconds)
        stage.empty_disk()
    if broker_away:
        stage.broker.start()
    _wait_until_ready(stage)


def spool_at_its_bound(stage: Stage, *, seconds: float) -> None:
    """RabbitMQ is away for longer than the spool has room."""
    with stage.trouble():
        stage.broker.stop()
        began = time.monotonic()
        if stage.until(lambda: _unready_for(stage, ("spool", "full")), seconds):
            stage.figures["not_ready_s"] = round(time.monotonic() - began, 2)
        stage.pass_time(seconds - (time.monotonic() - began))
        stage.broker.start()
    _wait_until_ready(stage)


def _unready_for(stage: Stage, words: Collection[str]) -> bool:
    """Not ready, and one of these words says why."""
    status, _ = stage.gateway.call("GET", "/health/ready")
    return status != 200 and any(word in reason for reason in stage.gateway.health().get("reasons", []) for word in words)


def _wait_until_ready(stage: Stage) -> None:
    began = time.monotonic()
    wait_for(lambda: stage.gateway.call("GET", "/health/ready")[0] == 200, "ready again by itself", RESTORED_S)
    stage.figures["ready_again_s"] = round(time.monotonic() - began, 2)


def exchange_cut(stage: Stage, *, hows: Sequence[str], times: int) -> None:
    """All its connections end, in each of these ways, so often."""
    for how in [*hows] * times:
        with stage.trouble():
            stage.simulator.cut("*", how)
            _restored(stage)
        stage.pass_time(1.0)


def exchange_cut_at_every_step(stage: Stage, *, steps: Collection[dict[str, str]]) -> None:
    """Its connections end, and the next attempts fail at one step of the way back."""
    for step in steps:
        with stage.trouble():
            for endpoint in ("private", "linear"):
                stage.simulator.fault(endpoint=endpoint, times=2, **step)
                stage.simulator.cut(endpoint, "abort")
            _restored(stage)
        stage.simulator.lift()
        stage.pass_time(1.0)


def exchange_away(stage: Stage, *, how: str, seconds: float) -> None:
    """It ends all connections and takes none. restored_s: from its return until every topic is held."""
    with stage.trouble():
        refusal = stage.simulator.fault("refuse", how=how, endpoint="*")
        stage.simulator.cut("*", "abort")
        stage.pass_time(seconds)
        stage.simulator.lift(refusal)
        stage.figures["restored_s"] = _restored(stage)


def _restored(stage: Stage) -> float:
    """Wait until every topic is held again; how long that took, in seconds."""
    began = time.monotonic()

    def held() -> bool:
        stage.watch()
        return {(each.endpoint, topic) for each in stage.simulator.connections() for topic in each.topics} >= stage.topics

    wait_for(held, "every topic is held again", RESTORED_S)
    return round(time.monotonic() - began, 2)


def account_busy_while_away(stage: Stage, *, fills: int) -> None:
    """The account's stream is away while it trades. per_1000_s: from the return until all executions and final states are there, a thousand."""
    with stage.trouble():
        refusal = stage.simulator.fault("refuse", endpoint="private")
        stage.simulator.cut("private", "abort")
        for _ in range(fills):
            side = stage.random.choice(("Buy", "Sell"))
            [order, *_] = [
                frame for frame in stage.simulator.account("place", symbol=APART, side=side) if frame["topic"] == "order"
            ]
            stage.simulator.account("fill", order_id=order["data"][0]["orderId"])
        left = {execution["execId"] for execution in stage.rest.executions("linear")}
        stage.simulator.lift(refusal)
        began, seen = time.monotonic(), 0

        def arrived() -> bool:
            nonlocal seen
            messages = stage.recording.read()
            left.difference_update(each.payload.get("execution_id") for each in messages[seen:])
            seen = len(messages)
            return not left

        if stage.until(arrived, 10.0 * math.ceil(fills / 1000) + 20.0):
            stage.figures["per_1000_s"] = round((time.monotonic() - began) / math.ceil(fills / 1000), 2)


def private_frames_dropped(stage: Stage, *, seconds: float, every_s: float) -> None:
    """One frame of the account's stream does not come, now and then, on a connection that is well."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stage.pass_time(stage.random.expovariate(1 / every_s))
        with stage.trouble():
            stage.simulator.fault("drop", endpoint="private", times=1)


def clock_wrong(stage: Stage, *, ahead_ms: int, seconds: float) -> None:
    """The exchange's clock is not ours, and the account's stream must log in by it. skew_error_ms: of what health says."""
    with stage.trouble():
        skew = stage.simulator.fault("clock", amount=ahead_ms)
        stage.simulator.cut("private", "abort")
        _restored(stage)
        stage.until(lambda: any("clock" in reason for reason in stage.gateway.health().get("reasons", [])), seconds)
        health = stage.gateway.health()
        stage.figures["skew_error_ms"] = skew_error_ms(health["clock_skew_ms"], ahead_ms)
        stage.figures["unwarned"] = float(not any("clock" in reason for reason in health["reasons"]))
    stage.simulator.lift(skew)


def burst(stage: Stage, *, times: float, seconds: float) -> None:
    """The market trades so many times as much."""
    with stage.trouble():
        rate = stage.simulator.fault("rate", amount=times)
        stage.pass_time(seconds)
        stage.simulator.lift(rate)
