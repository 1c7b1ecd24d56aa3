"""What is measured: one row a figure, with the issue's target where it has one. The rows of the results, in their order."""

from dataclasses import dataclass
from typing import Literal

#: Rates at which latencies are taken; events a second.
RATES = (500, 2_000, 5_000)
#: Processes whose CPU and memory are told.
PROCESSES = ("worker", "router", "api", "guard", "supervisord", "other workers", "rabbitmq", "postgresql", "generator", "consumer")
#: What `make bench-check` watches.
STAGES = {
    "read": "read off a plain socket",
    "decode": "decode",
    "normalise": "normalise",
    "encode": "stamp and encode",
    "bus": "bus, worker → router and acknowledged",
    "publish": "publish, until confirmed by a broker that does nothing else",
    "book": "decode, normalise and encode an order book delta",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One figure.

    what   for a person
    bound  the target; None: it is told and not judged
    """

    key: str
    what: str
    unit: str
    side: Literal["≤", "≥", ""] = ""
    bound: float | None = None

    def is_met(self, value: float) -> bool | None:
        """None where there is no target."""
        if self.bound is None:
            return None
        return value <= self.bound if self.side == "≤" else value >= self.bound


_LATENCY = {(500, "p50"): 1.5, (500, "p99"): 5.0, (5_000, "p50"): 3.0, (5_000, "p99"): 20.0}

#: Heading → its rows.
TABLE: dict[str, tuple[Target, ...]] = {
    "Capacity": (
        Target("capacity", "one worker → RabbitMQ, a message an event, persistent and confirmed", "events/s"),
        Target(
            "ceiling",
            "the broker's own ceiling: a bare publisher with asynchronous confirms, the same messages and queue",
            "events/s",
        ),
        Target("of_ceiling", "capacity as a part of that ceiling", "%", "≥", 85),
        Target("plain", "a plain asyncio gateway: websockets, aio-pika, a message and a database statement at a time", "events/s"),
        Target("over_plain", "capacity as a multiple of it", "×", "≥", 15),
        Target("pybit", "pybit: receives and parses, delivers nothing", "events/s"),
        Target(
            "cryptofeed", "cryptofeed: receives over TLS, on which it insists, parses and normalises, delivers nothing", "events/s"
        ),
        Target("batch", "capacity with batched delivery", "events/s", "≥", 80_000),
        Target("generator", "the load generator alone, into a bare socket", "events/s"),
    ),
    "Latency, from when the event was due to the consumer": tuple(
        Target(
            f"latency.{rate}.{part}",
            f"{rate:,} events/s, {part}",
            "ms",
            "≤" if (rate, part) in _LATENCY else "",
            _LATENCY.get((rate, part)),
        )
        for rate in RATES
        for part in ("p50", "p99", "p99.9", "max")
    )
    + tuple(Target(f"lost.{rate}", f"{rate:,} events/s, lost", "events", "≤", 0) for rate in RATES)
    + tuple(
        Target(f"broker.{rate}.{part}", f"the bare publisher straight to the broker at {rate:,} events/s, {part}", "ms")
        for rate in RATES
        for part in ("p50", "p99")
    )
    + (
        Target("plain.latency.p50", "the plain asyncio gateway at 200 events/s, p50", "ms"),
        Target("plain.latency.p99", "the plain asyncio gateway at 200 events/s, p99", "ms"),
        Target("pybit.latency.p50", "pybit's callback at 2,000 events/s, p50", "ms"),
        Target("pybit.latency.p99", "pybit's callback at 2,000 events/s, p99", "ms"),
        Target("cryptofeed.latency.p50", "cryptofeed's callback at 2,000 events/s, p50", "ms"),
        Target("cryptofeed.latency.p99", "cryptofeed's callback at 2,000 events/s, p99", "ms"),
    ),
    "CPU for each event": (
        Target("cpu_us.tls", "worker, socket → bus, one TLS record a frame, under load", "µs", "≤", 6),
        Target("cpu_us.worker", "worker, plain socket, under load", "µs"),
        Target("cpu_us.router", "router, bus → confirmed, under load", "µs", "≤", 3),
        Target("cpu_us.books", "worker, order book delta of depth 200, continuity checked", "µs", "≤", 15),
        Target("cpu_us.batch.worker", "worker, batched delivery, under load", "µs"),
        Target("cpu_us.batch.router", "router, batched delivery, under load", "µs"),
        Target("pybit.cpu_us", "pybit, under load", "µs"),
        Target("cryptofeed.cpu_us", "cryptofeed, under load", "µs"),
        Target("plain.cpu_us", "the plain asyncio gateway, under load", "µs"),
    ),
    "Stages, one by one": tuple(
        Target(f"{kind}.{stage}", f"{what}, {words}", unit)
        for stage, what in STAGES.items()
        for kind, words, unit in (("stage", "a frame", "µs"), ("references", "of untyped decodes of the same frame", "×"))
    ),
    "CPU seconds for 10,000 events": tuple(
        Target(f"cpu.{load}.{process}", f"{process}, {load if load == 'capacity' else format(load, ',') + ' events/s'}", "s")
        for load in (*RATES, "capacity")
        for process in PROCESSES
    ),
    "Idle": (
        Target("idle.cpu", "a worker without work, CPU", "%", "≤", 1),
        Target("idle.worker", "a worker without work, PSS", "MiB", "≤", 45),
        Target("idle.product", "the whole product, PSS, without RabbitMQ and PostgreSQL", "MiB", "≤", 400),
    ),
    "Memory under load, PSS": tuple(Target(f"memory.{process}", process, "MiB") for process in PROCESSES),
    "Burst from 1,000 to 10,000 events/s for 60 s": (
        Target("burst.lost", "lost", "events", "≤", 0),
        Target("burst.recovered", "p99 back under 50 ms, after its end", "s", "≤", 30),
        Target("burst.p99", "p99 while it lasts", "ms"),
        Target("burst.memory", "most PSS of worker and router together", "MiB"),
    ),
    "Growth": (
        Target("topics.live", "1,500 topics on one endpoint, numprocs=2, all live after the start", "s", "≤", 10),
        Target("topics.held", "topics held by the two connections", "topics", "≥", 1_500),
        Target("growth.cost", "CPU for each event at 1,500 topics, of that at 15", "×", "≤", 1.2),
        Target("growth.memory", "memory of a worker for each topic", "KiB"),
    ),
    "Soak at 2,000 events/s": (
        Target("soak.minutes", "length", "min"),
        Target("soak.lost", "lost", "events", "≤", 0),
        Target("soak.drift", "drift of the median latency, last quarter against first", "%", "≤", 10),
        Target("soak.slope", "slope of the memory of worker and router, second half", "MiB/min", "≤", 1),
    ),
}
#: Key → its row.
TARGETS = {target.key: target for rows in TABLE.values() for target in rows}
