"""ROWS: every fault that the gateway is put to, what it is given, and what must come of it. The whole table, in one place.

A row alone: `pytest tests/chaos -k NAME`. Its short form is made in a minute; the long one, by `make chaos`, has the figures of the promise.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import faults

#: What of a public endpoint begins anew with a snapshot, so that what falls between two connections is announced, not fetched.
BOOKS = frozenset({"book", "ticker", "kline"})
#: What of the account only the stream tells: states that are followed by others. The last ones are fetched.
STATES = frozenset({"order", "position", "wallet"})
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Row:
    """One fault.

    act           what does it, with what it is given in the short form and in the long one
    short, long   its parameters
    may_announce  of what something may be missing, when a row of `gaps` speaks of it; of all else nothing may be missing at all
    within        figure → the most it may be, in the long form
    settings      of the gateway
    patience_s    from the end of the trouble to a complete account
    in_slice      it is made in `make test`
    """

    name: str
    words: str
    act: Callable[..., None]
    short: dict[str, Any]
    long: dict[str, Any]
    may_announce: frozenset[str] = NOTHING
    within: dict[str, float] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    patience_s: float = 20.0
    in_slice: bool = False


def _killed(program: str, words: str, may_announce: frozenset[str] = NOTHING) -> Row:
    programs = (f"{program}_00",)
    return Row(
        f"{program}_killed", words, faults.processes_killed, {"programs": programs, "times": 3}, {"programs": programs, "times": 100},
        may_announce,
    )  # fmt: skip


def _rabbitmq(how: str, seconds: float, words: str, *, in_slice: bool = False) -> Row:
    return Row(
        f"rabbitmq_{how}_{seconds:g}s", words, faults.rabbitmq_away, {"how": how, "seconds": 6.0}, {"how": how, "seconds": seconds},
        within={"drain_per_outage": 1.0}, in_slice=in_slice,
    )  # fmt: skip


ALL_PROGRAMS = ("router_00", "private_00", "linear_00", "spot_00", "api_00")

ROWS: tuple[Row, ...] = (
    Row(
        "processes_killed", "kill -9 of any process at random moments", faults.processes_killed,
        {"programs": ALL_PROGRAMS, "times": 5}, {"programs": ALL_PROGRAMS, "times": 50}, BOOKS | STATES, in_slice=True,
    ),
    _killed("router", "kill -9 of the router at random moments"),
    _killed("private", "kill -9 of the worker that owns the account's stream", STATES),
    _killed("linear", "kill -9 of a public worker", BOOKS),
    _killed("api", "kill -9 of the control API"),
    _rabbitmq("kill", 15.0, "RabbitMQ is killed and comes back after 15 s", in_slice=True),
    _rabbitmq("kill", 60.0, "RabbitMQ is killed and comes back after 60 s"),
    _rabbitmq("stop", 15.0, "RabbitMQ is stopped for 15 s"),
    _rabbitmq("stop", 60.0, "RabbitMQ is stopped for 60 s"),
    _rabbitmq("stop_app", 15.0, "RabbitMQ's application is stopped for 15 s while its machine runs"),
    Row(
        "postgresql_stopped", "PostgreSQL is stopped", faults.postgresql_away,
        {"how": "stop", "seconds": 6.0}, {"how": "stop", "seconds": 60.0}, within={"p999_ms": 100.0}, in_slice=True,
    ),
    Row(
        "postgresql_killed", "PostgreSQL is killed", faults.postgresql_away,
        {"how": "kill", "seconds": 6.0}, {"how": "kill", "seconds": 60.0}, within={"p999_ms": 100.0},
    ),
    Row(
        "postgresql_locked", "somebody holds the table of balances", faults.postgresql_locked,
        {"table": "account_balances", "seconds": 6.0}, {"table": "account_balances", "seconds": 30.0}, within={"p999_ms": 100.0},
    ),
)  # fmt: skip
