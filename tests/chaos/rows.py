"""ROWS: every fault that the gateway is put to, what it is given, and what must come of it. The whole table, in one place.

A row alone: `pytest tests/chaos -k NAME`. Its short form takes a minute at the most; the long one, by `make chaos`, has the figures of
the promise.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.backoff import cap_for
from simulator.faults import KINDS
from tests.chaos import faults
from tests.chaos.judging import SPOT_TRADE, UNSEEN
from tests.chaos.valve import Flow

#: What of a public endpoint begins anew with a snapshot, so that what falls between two connections is announced, not fetched; and
#: what is older than the trades that REST keeps of spot.
BOOKS = frozenset({"book", "ticker", "kline", SPOT_TRADE})
#: What of the account only the stream tells: states that are followed by others. The last ones are fetched.
STATES = frozenset({"order", "position", "wallet"})
NOTHING: frozenset[str] = frozenset()

ROUTER, PRIVATE, LINEAR, API = ("router_00",), ("private_00",), ("linear_00",), ("api_00",)
ALL_PROGRAMS = ("router_00", "private_00", "linear_00", "spot_00", "api_00")

RESTARTED, DISCONNECTED = frozenset({"restarted"}), frozenset({"disconnected"})
#: What may be said of a process or a line that hung. A process that hangs for 20 s is ended by the guard, and tells of its restart, too.
HUNG = frozenset({"disconnected", "stalled", "overflow", "unacknowledged", "hole"})

#: The longest wait between two tries to reach the exchange, of seven processes, and what restoring may take; seconds.
BACK_S = cap_for(7) + 5.0
#: Memory is flat when it grows by no more than this in the second half of an outage; MiB. Events of 30 s take twice that.
FLAT_MIB = 12.0
#: Where nothing takes them, public events wait in so much memory of their worker; MiB.
WAITING_MIB = 64.0
#: Facts that the end of a process may cost: what was sent in the last moment. Of spot, trades too: 105 a second, and REST keeps 60.
LAST_WORDS, LAST_WORDS_AND_SPOT = 10.0, 45.0
#: How the way back to the exchange fails, step by step.
STEPS = (
    *({"kind": "refuse", "how": how} for how in KINDS["refuse"].hows),
    {"kind": "answer", "how": "drop", "op": "auth"},
    {"kind": "answer", "how": "drop", "op": "subscribe"},
    {"kind": "login", "how": "refuse"},
    {"kind": "login", "how": "refuse_and_close"},
)
QUICK_STEPS = ({"kind": "refuse", "how": "reset"}, {"kind": "login", "how": "refuse_and_close"})


@dataclass(frozen=True)
class Row:
    """One fault.

    act           what does it, with what it is given in the short form and in the long one
    short, long   its parameters
    may_announce  of what something may be missing, when a row of `gaps` speaks of it; of all else nothing may be missing at all
    must_tell     causes of which there must be a row of `gaps`; may_tell: of which there may be; there is none of another
    within        figure → the most it may be; within_short: what is otherwise in the short form
    settings      of the gateway; processes: numprocs
    patience_s    from the end of the trouble to a complete account
    in_slice      it is made in `make test`
    """

    name: str
    words: str
    act: Callable[..., None]
    short: dict[str, Any]
    long: dict[str, Any]
    may_announce: frozenset[str] = NOTHING
    must_tell: frozenset[str] = NOTHING
    may_tell: frozenset[str] = NOTHING
    within: dict[str, float] = field(default_factory=dict)
    within_short: dict[str, float] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    small_disk: bool = False
    patience_s: float = 20.0
    in_slice: bool = False


def _kills(name: str, words: str, programs: tuple[str, ...], **more: Any) -> Row:
    """Three kills in the short form, a hundred in the long one."""
    given, within = {"programs": programs}, {"announced_per_ending": LAST_WORDS}
    return Row(name, words, faults.processes_killed, {**given, "times": 3}, {**given, "times": 100}, within=within, **more)


def _rabbitmq(how: str, seconds: float, words: str, **more: Any) -> Row:
    """An outage of RabbitMQ, of 8 s in the short form. The lane tries again at least every 5 s."""
    name, given = f"rabbitmq_{how}_{seconds:g}s", {"how": how}
    return Row(
        name, words, faults.rabbitmq_away, {**given, "seconds": 8.0}, {**given, "seconds": seconds},
        within={"drain_per_outage": 1.0, "late_growth_mib": FLAT_MIB}, **more,
    )  # fmt: skip


def _postgresql(name: str, words: str, act: Callable[..., None], given: dict[str, Any], seconds: float, **more: Any) -> Row:
    """The events of the market go on; balances come later. Six seconds in the short form, on a machine that does other things too."""
    return Row(
        f"postgresql_{name}", words, act, {**given, "seconds": 6.0}, {**given, "seconds": seconds},
        within={"p999_ms": 100.0}, within_short={"p999_ms": 1000.0}, patience_s=40.0, **more,
    )  # fmt: skip


def _fills(count: int, **more: Any) -> Row:
    """The account's stream is cut while so many executions happen."""
    return Row(
        f"private_away_for_{count}_fills", f"the account's stream is away while {count:,} executions happen",
        faults.account_busy_while_away, {"fills": min(count, 50)}, {"fills": count}, STATES, DISCONNECTED,
        within={"per_1000_s": 10.0}, patience_s=30.0, **more,
    )  # fmt: skip


ROWS: tuple[Row, ...] = (
    Row(
        "processes_killed", "kill -9 of any process at random moments", faults.processes_killed,
        {"programs": ALL_PROGRAMS, "times": 5}, {"programs": ALL_PROGRAMS, "times": 50}, BOOKS | STATES, may_tell=RESTARTED,
        within={"announced_per_ending": LAST_WORDS_AND_SPOT},
    ),
    _kills("router_killed", "kill -9 of the router", ROUTER),
    _kills("private_killed", "kill -9 of the worker of the account's stream", PRIVATE, may_announce=STATES, must_tell=RESTARTED),
    _kills("linear_killed", "kill -9 of a public worker", LINEAR, may_announce=BOOKS, must_tell=RESTARTED),
    _kills("api_killed", "kill -9 of the control API", API),
    _kills(
        "private_killed_beside_a_standby", "kill -9 of one of two workers of the account's stream", ("private_00", "private_01"),
        may_announce=STATES, may_tell=RESTARTED, processes={"private": 2},
    ),
    Row(
        "router_frozen", "SIGSTOP of the router", faults.process_frozen,
        {"program": "router_00", "seconds": 6.0}, {"program": "router_00", "seconds": 30.0}, within={"drain_per_outage": 1.0},
    ),
    Row(
        "private_frozen", "SIGSTOP of the worker of the account's stream", faults.process_frozen,
        {"program": "private_00", "seconds": 8.0}, {"program": "private_00", "seconds": 40.0}, STATES, may_tell=HUNG | RESTARTED,
    ),
    Row(
        "linear_frozen", "SIGSTOP of a public worker", faults.process_frozen,
        {"program": "linear_00", "seconds": 6.0}, {"program": "linear_00", "seconds": 40.0}, BOOKS | {UNSEEN}, may_tell=HUNG | RESTARTED,
    ),
    Row(
        "everything_restarted", "SIGTERM for all programs, and their start", faults.everything_restarted,
        {"broker_away": False}, {"broker_away": False}, BOOKS | STATES | {UNSEEN}, RESTARTED,
        within={"stop_s": 20.0, "announced_per_ending": LAST_WORDS_AND_SPOT},
    ),
    Row(
        "everything_restarted_without_rabbitmq", "the same while RabbitMQ is away", faults.everything_restarted,
        {"broker_away": True}, {"broker_away": True}, BOOKS | STATES | {UNSEEN}, RESTARTED,
        within={"stop_s": 20.0, "announced_per_ending": LAST_WORDS_AND_SPOT},
    ),
    _rabbitmq("kill", 15.0, "RabbitMQ is killed, for 15 s", in_slice=True),
    _rabbitmq("kill", 60.0, "RabbitMQ is killed, for 60 s"),
    _rabbitmq("stop", 15.0, "RabbitMQ is stopped, for 15 s"),
    _rabbitmq("stop", 60.0, "RabbitMQ is stopped, for 60 s"),
    _rabbitmq("stop_app", 15.0, "RabbitMQ's application is stopped, for 15 s, while its machine runs"),
    Row(
        "rabbitmq_away_and_processes_killed", "kill -9 of the router and of the account's worker while RabbitMQ is away",
        faults.rabbitmq_away, {"how": "kill", "seconds": 9.0, "killed": ROUTER + PRIVATE},
        {"how": "kill", "seconds": 60.0, "killed": ROUTER + PRIVATE + ROUTER + PRIVATE}, STATES, RESTARTED,
        within={"announced_per_ending": LAST_WORDS},
    ),
    Row(
        "rabbitmq_alarmed", "RabbitMQ's memory alarm", faults.rabbitmq_alarmed, {"seconds": 8.0}, {"seconds": 60.0},
        within={"lane_reconnects": 0, "connections_per_s": 0.5, "late_growth_mib": FLAT_MIB, "drain_per_outage": 1.0},
        within_short={"connections_per_s": 1.0},
    ),
    Row(
        "rabbitmq_queues_deleted", "somebody deletes a service's queues", faults.rabbitmq_queue_deleted,
        {"kinds": ("trades", "order"), "seconds": 8.0}, {"kinds": ("trades", "order"), "seconds": 30.0},
        frozenset({"trade", "order", UNSEEN, SPOT_TRADE}), frozenset({"queue_missing"}),
    ),
    Row(
        "rabbitmq_class_queues_deleted", "the same where class queues take what a deleted one would have made come back",
        faults.rabbitmq_queue_deleted, {"kinds": ("trades", "order"), "seconds": 8.0}, {"kinds": ("trades", "order"), "seconds": 30.0},
        frozenset({"trade", "order", UNSEEN, SPOT_TRADE}), frozenset({"queue_missing"}), settings={"WS_GATEWAY_CLASS_QUEUES": "all"},
    ),
    Row(
        "rabbitmq_half_open", "the line to RabbitMQ swallows all and closes nothing", faults.line_turned,
        {"to": "broker", "flow": Flow.SWALLOW, "seconds": 9.0}, {"to": "broker", "flow": Flow.SWALLOW, "seconds": 30.0},
        within={"noticed_s": 6.5, "drain_per_outage": 1.0}, within_short={"noticed_s": 8.0},
    ),
    Row(
        "rabbitmq_cut_off", "the line to RabbitMQ is reset, again and again", faults.line_turned,
        {"to": "broker", "flow": Flow.CLOSED, "seconds": 6.0}, {"to": "broker", "flow": Flow.CLOSED, "seconds": 30.0},
        within={"drain_per_outage": 1.0},
    ),
    _postgresql("stopped", "PostgreSQL is stopped", faults.postgresql_away, {"how": "stop"}, 60.0, in_slice=True),
    _postgresql("killed", "PostgreSQL is killed", faults.postgresql_away, {"how": "kill"}, 60.0),
    _postgresql("locked", "somebody holds the table of balances", faults.postgresql_locked, {"table": "account_balances"}, 30.0),
    _postgresql("slow", "every answer of PostgreSQL takes 0.6 s", faults.line_turned, {"to": "store", "flow": Flow.SLOW}, 30.0),
    _postgresql("half_open", "the line to PostgreSQL swallows all", faults.line_turned, {"to": "store", "flow": Flow.SWALLOW}, 30.0),
    Row(
        "disk_full", "no room for journal and spool", faults.disk_full,
        {"seconds": 4.0, "broker_away": False}, {"seconds": 30.0, "broker_away": False}, STATES, may_tell=frozenset({"disk_full"}) | HUNG,
        within={"not_ready_s": 1.0}, within_short={"not_ready_s": 3.0}, small_disk=True, patience_s=40.0,
    ),
    Row(
        "disk_full_without_rabbitmq", "no room for journal and spool while RabbitMQ is away", faults.disk_full,
        {"seconds": 6.0, "broker_away": True}, {"seconds": 30.0, "broker_away": True}, BOOKS | STATES | {"trade", UNSEEN},
        may_tell=frozenset({"disk_full"}) | HUNG, within={"not_ready_s": 1.0}, within_short={"not_ready_s": 3.0}, small_disk=True,
        patience_s=40.0,
    ),
    Row(
        "spool_at_its_bound", "RabbitMQ is away for longer than the spool has room", faults.spool_at_its_bound,
        {"seconds": 12.0}, {"seconds": 60.0}, BOOKS | STATES | {"trade", UNSEEN}, may_tell=frozenset({"disk_full"}) | HUNG,
        within={"late_growth_mib": WAITING_MIB, "not_ready_s": 12.0}, settings={"WS_GATEWAY_SPOOL_MAX_BYTES": "1MiB"}, patience_s=40.0,
    ),
    Row(
        "exchange_cut", "the exchange ends its connections, in every way", faults.exchange_cut,
        {"hows": ("abort", "mid_frame"), "times": 1}, {"hows": KINDS["cut"].hows, "times": 5},
        BOOKS | STATES, DISCONNECTED,
    ),
    Row(
        "exchange_cut_at_every_step", "the way back to the exchange fails at one step after the other", faults.exchange_cut_at_every_step,
        {"steps": QUICK_STEPS}, {"steps": STEPS}, BOOKS | STATES | {UNSEEN}, DISCONNECTED, frozenset({"unacknowledged"}),
        patience_s=60.0,
    ),
    Row(
        "exchange_away", "the exchange takes no connection", faults.exchange_away, {"how": "503", "seconds": 6.0},
        {"how": "503", "seconds": 60.0}, BOOKS | STATES | {UNSEEN}, DISCONNECTED, within={"restored_s": BACK_S},
    ),
    _fills(1), _fills(10), _fills(100, in_slice=True), _fills(1000), _fills(5000),
    Row(
        "private_frames_dropped", "one of a hundred frames of the account's stream does not come", faults.private_frames_dropped,
        {"seconds": 10.0, "every_s": 1.0}, {"seconds": 120.0, "every_s": 1.2}, STATES, frozenset({"missed"}),
        within={"audit_s": 75.0}, patience_s=80.0,
    ),
    Row(
        "clock_ahead", "the exchange's clock is 3 s ahead of ours", faults.clock_wrong, {"ahead_ms": 3000, "seconds": 20.0},
        {"ahead_ms": 3000, "seconds": 60.0}, STATES, DISCONNECTED, within={"skew_error_ms": 250.0, "unwarned": 0.0},
    ),
    Row(
        "clock_behind", "the exchange's clock is 30 s behind ours", faults.clock_wrong, {"ahead_ms": -30_000, "seconds": 20.0},
        {"ahead_ms": -30_000, "seconds": 60.0}, STATES, DISCONNECTED, within={"skew_error_ms": 250.0, "unwarned": 0.0},
    ),
    Row(
        "burst", "the market trades ten times as much", faults.burst, {"times": 10.0, "seconds": 6.0}, {"times": 10.0, "seconds": 30.0},
        within={"drain_per_outage": 1.0},
    ),
)  # fmt: skip
