"""What is measured, each against a stack of its own. A scenario adds its figures to the findings, and says them as it goes."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bench import procfs, profiles
from bench.ceiling_run import Ceiling
from bench.findings import Findings, shown
from bench.measure import Measured, Meter, pause, spent
from bench.rates import drift, recovered_after, slope
from bench.stack import SERVICE, Running, Stack, symbols
from bench.targets import PROCESSES, RATES, TARGETS
from tests.integration.running import wait_for

#: What is no part of the product.
_OUTSIDE = ("rabbitmq", "postgresql", "generator", "consumer")
#: Events that are under way at once where they are delivered in batches.
BATCH_WINDOW = 12_000
_TOPICS, _USUAL = 1_500, 6


@dataclass(slots=True)
class Bench:
    """A run. seconds: of the soak; has_profiles: whether py-spy looks at worker and router under load."""

    stack: Stack
    found: Findings
    say: Callable[[str], None]
    is_quick: bool
    seconds: float
    has_profiles: bool

    @property
    def repeats(self) -> int:
        return 2 if self.is_quick else 3

    @property
    def load_s(self) -> float:
        """Of one load where as much is offered as goes; seconds."""
        return 5.0 if self.is_quick else 10.0

    def tell(self, key: str, *values: float) -> None:
        self.found.add(key, *values)
        target, value = TARGETS[key], self.found.value(key)
        assert value is not None
        verdict = {True: "   met", False: "   MISSED", None: ""}[target.is_met(value)]
        bound = f"   target {target.side} {shown(target.bound)}" if target.bound is not None else ""
        self.say(f"  {target.what}: {shown(value)} {target.unit}{bound}{verdict}")


def meter(running: Running, receiver: object) -> Meter:
    return Meter(running.generator, receiver, running.folder / "arrived", running.pids())  # type: ignore[arg-type]


def core(bench: Bench) -> None:
    """Idle, capacity beside the broker's ceiling, latencies, CPU and memory."""
    with bench.stack.gateway() as running:
        idle(bench, running)
        running.hold("trades", symbols(20))
        with running.consumer("trades") as consumer:
            meters = meter(running, consumer)
            meters.follow("trades", [[500, 3]])
            with Ceiling(running.gateway.broker_url, running.folder, consumer) as ceiling:
                capacity(bench, meters, ceiling)
                latencies(bench, meters, ceiling)
            if bench.has_profiles:
                profile(bench, running, meters)


def idle(bench: Bench, running: Running) -> None:
    pids = running.pids()
    pause(3.0 if bench.is_quick else 10.0)  # what a start still does
    with spent(pids) as cpu:
        pause(5.0 if bench.is_quick else 20.0)
    workers = len(pids["other workers"])
    bench.tell("idle.cpu", cpu["other workers"] / workers / cpu[""] * 100)
    bench.tell("idle.worker", procfs.pss_mb(pids["other workers"]) / workers)
    bench.tell("idle.product", sum(procfs.pss_mb(each) for name, each in pids.items() if name not in _OUTSIDE))


def capacity(bench: Bench, meters: Meter, ceiling: Ceiling) -> None:
    """By turns, so that a slow minute of the machine touches both."""
    seconds = bench.load_s
    ceilings, found = list[float](), list[Measured]()
    for _ in range(bench.repeats):
        ceilings.append(ceiling.rate(seconds))
        found.append(meters.saturate("trades", seconds))
        bench.say(f"    ceiling {ceilings[-1]:,.0f}/s, gateway {found[-1].rate:,.0f}/s")
    bench.tell("ceiling", *ceilings)
    bench.tell("capacity", *(each.rate for each in found))
    bench.tell("of_ceiling", *(each.rate / best * 100 for each, best in zip(found, ceilings, strict=True)))
    bench.tell("cpu_us.worker", *(each.cpu_us("worker") for each in found))
    bench.tell("cpu_us.router", *(each.cpu_us("router") for each in found))
    for name in PROCESSES:
        bench.found.add(f"cpu.capacity.{name}", *(each.cpu_of_10k(name) for each in found))
        bench.found.add(f"memory.{name}", *(each.pss_mb[name] for each in found))


def profile(bench: Bench, running: Running, meters: Meter) -> None:
    pids = {name: next(iter(running.pids()[name])) for name in ("worker", "router")}
    said: list[str] = []
    meters.saturate("trades", 10.0, beside=lambda: said.extend(profiles.record(pids)))
    for line in said:
        bench.say(f"    {line}")


def latencies(bench: Bench, meters: Meter, ceiling: Ceiling) -> None:
    """By turns with the bare publisher, which tells what of them is the broker's own."""
    seconds = 5.0 if bench.is_quick else 15.0
    for rate in RATES:
        found, bare = list[Measured](), list[dict[str, float]]()
        for _ in range(bench.repeats):
            bare.append(ceiling.latency_ms(rate, seconds))
            found.append(meters.follow("trades", [[rate, seconds]]))
        for part in ("p50", "p99"):
            bench.tell(f"broker.{rate}.{part}", *(each[part] for each in bare))
        for part in ("p50", "p99", "p99.9", "max"):
            bench.tell(f"latency.{rate}.{part}", *(each.report["latency_ms"][part] for each in found))
        bench.tell(f"lost.{rate}", *(each.lost for each in found))
        for name in PROCESSES:
            bench.found.add(f"cpu.{rate}.{name}", *(each.cpu_of_10k(name) for each in found))
        late = max(each.late_ms for each in found)
        if late > 2.0:
            bench.found.note(f"latency.{rate}", f"the generator itself was late by up to {late:.1f} ms: the machine was busy")


def tls(bench: Bench) -> None:
    """The worker's CPU where each frame is a TLS record of its own."""
    bench.tell("cpu_us.tls", *_worker_cpu_us(bench, "trades", is_tls=True))


def books(bench: Bench) -> None:
    """Order book deltas of depth 200."""
    bench.tell("cpu_us.books", *_worker_cpu_us(bench, "books", is_tls=False))


def _worker_cpu_us(bench: Bench, kind: str, *, is_tls: bool) -> list[float]:
    """Of a frame, as fast as the worker goes: delivery in batches, so that the broker is not what is waited for."""
    with bench.stack.gateway(is_tls=is_tls) as running:
        running.hold(kind, symbols(20), delivery="batch")
        with running.consumer(kind) as consumer:
            meters = meter(running, consumer)
            found = [meters.saturate(kind, bench.load_s, window=BATCH_WINDOW) for _ in range(bench.repeats)]
    return [each.cpu_us("worker") for each in found]


def batch(bench: Bench) -> None:
    """Batched delivery, where the gateway has it."""
    with bench.stack.gateway() as running:
        refusal = running.hold("trades", symbols(20), delivery="batch")
        if refusal:
            bench.found.note("batch", f"not measured: the gateway refuses batched delivery ({refusal})")
            bench.say(f"  {bench.found.notes['batch']}")
            return
        bench.found.notes.pop("batch", None)
        with running.consumer("trades") as consumer:
            meters = meter(running, consumer)
            found = [meters.saturate("trades", bench.load_s, window=BATCH_WINDOW) for _ in range(bench.repeats)]
            bench.tell("batch", *(each.rate for each in found))
            bench.tell("cpu_us.batch.worker", *(each.cpu_us("worker") for each in found))
            bench.tell("cpu_us.batch.router", *(each.cpu_us("router") for each in found))


def burst(bench: Bench) -> None:
    """From 1,000 to 10,000 events a second and back."""
    calm, high = (10.0, 20.0) if bench.is_quick else (20.0, 60.0)
    with bench.stack.gateway() as running:
        running.hold("trades", symbols(20))
        with running.consumer("trades") as consumer:
            pids, memory = running.pids(), list[float]()

            def look() -> None:
                memory.append(procfs.pss_mb(pids["worker"]) + procfs.pss_mb(pids["router"]))
                if len(memory) % 10 == 0:
                    bench.say(f"    {len(memory)} s, worker and router {memory[-1]:.1f} MiB")

            found = meter(running, consumer).follow(
                "trades",
                [[1_000, calm], [10_000, high], [1_000, 40]],
                each_s=1.0,
                look=look,
                drain_s=300.0,
            )
    slices = [(float(part["slice"]), float(part["p99"])) for part in found.report["slices"]]
    while_it_lasts = [p99 for second, p99 in slices if calm <= second < calm + high]
    after = recovered_after(slices, calm + high, 50.0)
    bench.tell("burst.lost", found.lost)
    bench.tell("burst.recovered", 999.0 if after is None else after)
    bench.tell("burst.p99", max(while_it_lasts))
    bench.tell("burst.memory", max(memory))
    bench.found.note(
        "burst", f"{found.sent:,} events, {high:g} s at 10,000/s; 999 s stands for: not within the 40 s that were watched"
    )


def growth(bench: Bench) -> None:
    """What 1,500 topics cost over 15, at the same rate; two processes in both."""
    seconds, cost, memory = (5.0 if bench.is_quick else 15.0), dict[int, list[float]](), dict[int, float]()
    with bench.stack.gateway(count=_TOPICS - _USUAL, processes=2) as running:
        for count, names in ((15, symbols(15)), (_TOPICS, ["*"])):
            running.hold("trades", names, count=count)
            with running.consumer("trades") as consumer:
                meters = meter(running, consumer)
                meters.follow("trades", [[2_000, 3]])
                found = [meters.follow("trades", [[2_000, seconds]]) for _ in range(bench.repeats)]
            cost[count] = [each.cpu_us("worker") + each.cpu_us("router") for each in found]
            memory[count] = found[-1].pss_mb["worker"]
    bench.tell("growth.cost", *(many / few for few, many in zip(cost[15], cost[_TOPICS], strict=True)))
    bench.tell("growth.memory", (memory[_TOPICS] - memory[15]) * 1024 / (_TOPICS - 15))


def topics(bench: Bench) -> None:
    """1,500 topics on one endpoint with two processes: from their start until all are live."""
    with bench.stack.gateway(count=_TOPICS, processes=2) as running:
        gateway = running.gateway
        running.hold("tickers", symbols(_TOPICS))
        wait_for(lambda: _live(running) == _TOPICS, lambda: f"all live, but {_live(running)}", 60.0)
        gateway.control("stop", "linear:*")
        wait_for(lambda: running.held() == 0, "no topic held", 20.0)
        starting = threading.Thread(target=gateway.control, args=("start", "linear:*"))
        began = time.monotonic()
        starting.start()
        with suppress(AssertionError):
            wait_for(lambda: running.held() == _TOPICS and _connected(running, began) == _TOPICS, "all held", 60.0)
        took = time.monotonic() - began
        starting.join()
        with suppress(AssertionError):
            wait_for(lambda: _live(running) == _TOPICS, "all live", 10.0)
        bench.tell("topics.live", took)
        bench.tell("topics.held", min(running.held(), _live(running)))


def _live(running: Running) -> int:
    """Subscriptions that are live, in the API's words."""
    services = (SERVICE, f"{SERVICE}-1")
    path = "/api/v1/subscriptions?state=live&limit=1&requesting_service="
    return sum(running.gateway.call("GET", path + service)[1]["total"] for service in services)


def _connected(running: Running, since: float) -> int:
    """Topics that those connections of `linear` hold, in their own words, that were made since then; monotonic seconds."""
    rows = running.gateway.health().get("connections", {})
    return sum(
        row["active_subscriptions"]
        for name, row in rows.items()
        if name.startswith("linear_")
        and row["connection_status"] == "connected"
        and (row["connection_duration_seconds"] or 0.0) < time.monotonic() - since
    )


def soak(bench: Bench) -> None:
    """2,000 events a second for as long as SECONDS says."""
    part = max(5.0, bench.seconds / 60)
    with bench.stack.gateway() as running:
        running.hold("trades", symbols(20))
        with running.consumer("trades", slice_s=part) as consumer:
            pids, began, memory = running.pids(), time.monotonic(), list[tuple[float, float]]()

            def look() -> None:
                memory.append(((time.monotonic() - began) / 60, procfs.pss_mb(pids["worker"]) + procfs.pss_mb(pids["router"])))
                if len(memory) % 12 == 0:
                    bench.say(f"    {memory[-1][0]:.1f} min, worker and router {memory[-1][1]:.1f} MiB")

            found = meter(running, consumer).follow("trades", [[2_000, bench.seconds]], each_s=5.0, look=look)
    medians = [float(each["p50"]) for each in found.report["slices"][1:] if each["received"] > 100]
    bench.tell("soak.minutes", bench.seconds / 60)
    bench.tell("soak.lost", found.lost)
    bench.tell("soak.drift", drift(medians) * 100)
    bench.tell("soak.slope", slope(memory[len(memory) // 2 :]))
