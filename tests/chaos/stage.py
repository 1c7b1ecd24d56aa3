"""Everything at once, to be broken: real servers, the simulated exchange, the whole gateway, an independent consumer, and who watches.

exchange ══▶ gateway ══▶ [valve] ══▶ RabbitMQ ══▶ recorder
                ╚══════▶ [valve] ══▶ PostgreSQL
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from xmlrpc.client import ServerProxy

import psycopg2
from psycopg2.extras import RealDictCursor
from supervisor.xmlrpc import SupervisorTransport

from simulator import remote
from simulator.remote import RunningSimulator
from tests.chaos.breakable import Broker, Store
from tests.chaos.recorder import Recording
from tests.chaos.truth import Ledger, Rest
from tests.chaos.valve import Valve
from tests.integration.running import RunningGateway, wait_for

SERVICE = "chaos"
#: What is subscribed: about 500 events a second, and everything private.
WISHES: tuple[dict[str, str], ...] = (
    *({"channel_type": "trades", "category": "linear", "symbol": symbol} for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")),
    {"channel_type": "trades", "category": "spot", "symbol": "BTCUSDT"},
    {"channel_type": "orderbook", "category": "linear", "symbol": "BTCUSDT"},
    {"channel_type": "orderbook", "category": "spot", "symbol": "BTCUSDT"},
    {"channel_type": "ticker", "category": "linear", "symbol": "BTCUSDT"},
    {"channel_type": "kline", "category": "linear", "symbol": "BTCUSDT"},
    *({"channel_type": kind} for kind in ("order", "execution", "position", "balance", "system")),
)
#: How lively the exchange is: trades a second of each instrument, its steps, and seconds between what the account does.
LIVELY = {"steps_per_s": 10, "trade_rate": 105, "account_every_s": 0.04, "status_every_s": 0}
#: From the start of the gateway to the first events; seconds.
READY_S = 60.0
#: Between two looks at memory; seconds.
LOOK_S = 0.5
#: The exchange's stream must have brought these before a fault begins.
FLOWING = {"trade", "orderbook", "order", "balance"}
#: How late the slow line to PostgreSQL is, each way; seconds.
SLOW_S = 0.3
#: A disk that can be filled, and those of logs and states; bytes.
DISK_BYTES, LOG_BYTES = 64 << 20, 16 << 20
#: Whose memory is looked at.
WATCHED = ("router_00", "private_00", "linear_00", "spot_00")


@dataclass(frozen=True)
class Sample:
    """Resident memory of a process. at_ns: Unix nanoseconds."""

    at_ns: int
    program: str
    pid: int
    resident_bytes: int


class Ending(NamedTuple):
    """A process was ended, or told to end; Unix nanoseconds.

    over_ns  it is over by then; as at_ns where it was killed
    """

    program: str
    at_ns: int
    over_ns: int

    @property
    def endpoint(self) -> str:
        """The exchange's, where it has one."""
        return self.program.partition("_")[0]


@dataclass
class Stage:
    """What a fault acts upon, and what it notes.

    host      the broker's virtual host
    topics    (endpoint, topic) of all that is subscribed
    queues    channel type → the service's queue; class_queues: → the one that all consumers of its class share, where there are such
    faults    (from, to) of each time of trouble; Unix nanoseconds
    ended     processes that the fault ended
    figures   measured by the fault itself
    samples   of memory, taken while time passes
    paused_at when the exchange was told to stand still; Unix seconds
    """

    folder: Path
    random: Random
    simulator: RunningSimulator
    gateway: RunningGateway
    broker: Broker
    store: Store
    recording: Recording
    ledger: Ledger
    rest: Rest
    host: str
    database_url: str
    valves: dict[str, Valve]
    queues: dict[str, str]
    class_queues: dict[str, str]
    topics: set[tuple[str, str]]
    first_wallet: dict[str, Any]
    faults: list[tuple[int, int]] = field(default_factory=list)
    ended: list[Ending] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    paused_at: float = float("inf")
    _look_at: float = 0.0

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """The time of trouble."""
        began = time.time_ns()
        yield
        self.faults.append((began, time.time_ns()))

    def pass_time(self, seconds: float) -> None:
        """Let it pass, with a look at memory now and then."""
        self.until(lambda: False, seconds)

    def until(self, claim: Callable[[], Any], seconds: float) -> bool:
        """Whether the claim came true in time."""
        end = time.monotonic() + seconds

        def over() -> bool:
            self.watch()
            return bool(claim()) or time.monotonic() >= end

        wait_for(over, "time passes", seconds + 60.0)
        return time.monotonic() < end or bool(claim())

    def pids(self) -> dict[str, int]:
        """Process name → pid, of what runs or is about to."""
        url = f"unix://{self.gateway.folder}/var/supervisor.sock"
        with ServerProxy("http://127.0.0.1", transport=SupervisorTransport(serverurl=url)) as supervisor:
            rows: Any = supervisor.supervisor.getAllProcessInfo()
        return {row["name"]: row["pid"] for row in rows if row["pid"]}

    def signal(self, name: str, how: signal.Signals) -> int:
        """Signal a process that runs; its pid."""
        pid = int(wait_for(lambda: self.pids().get(name), f"{name} runs"))
        at_ns = time.time_ns()
        os.kill(pid, how)
        if how is signal.SIGKILL:
            self.ended.append(Ending(name, at_ns, at_ns))
        return pid

    def lane(self, name: str) -> dict[str, Any]:
        """The router's words about one of its lanes."""
        state = json.loads((self.gateway.folder / "var" / "state" / "router_00.json").read_bytes())
        return dict(state["lanes"][name])

    def rows(self, query: str) -> list[dict[str, Any]]:
        """From PostgreSQL, past any valve."""
        connection = psycopg2.connect(self.database_url, cursor_factory=RealDictCursor)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return [dict(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    def gaps(self) -> list[dict[str, Any]]:
        """The ledger of gaps; none where there is no such table."""
        there = self.rows("select to_regclass('gaps') is not null as there")[0]["there"]
        return self.rows("select * from gaps order by from_at") if there else []

    def is_quiet(self) -> bool:
        """Nothing has come for two seconds."""
        messages = self.recording.read()
        return bool(messages) and time.time_ns() - messages[-1].at_ns > 2 * 10**9

    def fill_disk(self) -> None:
        """No byte is left where the gateway keeps what must not be lost; logs and states have disks of their own."""
        with (self.gateway.folder / "var" / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))

    def empty_disk(self) -> None:
        (self.gateway.folder / "var" / "ballast").unlink()

    def watch(self) -> None:
        """Look at memory and at what the exchange did, where the last look was long enough ago."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_S
        self.ledger.read()
        self.ledger.read_trades()
        for name, pid in self.pids().items():
            if name in WATCHED:
                with suppress(FileNotFoundError, ProcessLookupError):
                    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    self.samples.append(Sample(time.time_ns(), name, pid, pages * os.sysconf("SC_PAGE_SIZE")))


@contextmanager
def stage(
    folder: Path,
    broker: Broker,
    store: Store,
    *,
    host: str,
    seed: int,
    settings: dict[str, str],
    processes: dict[str, int],
    small_disk: bool,
) -> Iterator[Stage]:
    """A stage on which events flow.

    host        a virtual host of the broker of its own
    settings    of the gateway, besides those it needs; processes: numprocs of programs that have more than one
    small_disk  the var folder lies on a disk that a test can fill
    """
    with ExitStack() as parts:
        simulator = remote.start(folder, seed=seed, paused=True, **LIVELY)
        parts.callback(simulator.stop)
        broker_url, database_url = broker.url_of(host), store.new_database(host.replace("-", "_"))
        valves = {"broker": Valve(broker.ports[0]), "store": Valve(store.ports[0], slow_s=SLOW_S)}
        for valve in valves.values():
            parts.enter_context(valve)
        if small_disk:
            parts.enter_context(_disks(folder / "var"))
        gateway = RunningGateway(
            folder, valves["store"].url(database_url), valves["broker"].url(broker_url), simulator, processes=processes,
            **({"WS_GATEWAY_CLASS_QUEUES": "none"} | settings),
        )  # fmt: skip
        parts.callback(gateway.end)
        gateway.wait_until_healthy(READY_S)
        rows = [gateway.subscribe(service=SERVICE, **wish) for wish in WISHES]
        topics = {(row["endpoint"], row["topic"]) for row in wanted(rows)}
        for row in wanted(rows):
            gateway.wait_until_held(row["id"])
        queues = {row["channel_type"]: row["queue"] for row in rows}
        given = {"WS_GATEWAY_CLASS_QUEUES": "none"} | settings
        shared = {} if given["WS_GATEWAY_CLASS_QUEUES"] == "none" else {kind: class_queue(name) for kind, name in queues.items()}
        recording = Recording(broker_url, folder / "recording.jsonl", sorted({*queues.values(), *shared.values()}))
        parts.callback(recording.stop)
        rest = Rest(simulator)
        built = Stage(
            folder, Random(seed), simulator, gateway, broker, store, recording, Ledger(simulator), rest, host, database_url, valves,
            queues, shared, topics, rest.wallet(),
        )  # fmt: skip
        simulator.pause(on=False)
        wait_for(lambda: {entry.event_type for entry in recording.read()} >= FLOWING, "events flow")
        yield built


def class_queue(service_queue: str) -> str:
    """The queue of the same class that everybody shares."""
    return service_queue.removesuffix(f".{SERVICE}")


def wanted(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of the subscriptions, those that the exchange serves, each with its endpoint."""
    for row in rows:
        if row["channel_type"] != "system":
            yield {**row, "endpoint": row["category"] or "private"}


@contextmanager
def _disks(var: Path) -> Iterator[None]:
    """A small disk in memory, and on it two of their own for what a full disk shall not stop: logs and states. Needs root."""
    with ExitStack() as mounted:
        for folder, size in ((var, DISK_BYTES), (var / "log", LOG_BYTES), (var / "state", LOG_BYTES)):
            folder.mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
            mounted.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        mounted.callback(shutil.copytree, var / "log", var.parent / "log")  # whoever looks for what went wrong needs it
        yield
