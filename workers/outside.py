"""What a link needs of the world around it; tests give it a world of their own."""

import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.exchange.clock import ExchangeClock
from workers.connects import ConnectBudget
from workers.diagnosing import Diagnosis
from workers.dial import Connection
from workers.route import Route
from workers.tap import Tap


def has_bytes(connection: Connection) -> bool:
    """Whether `receive` would find something now."""
    return connection.pending() or bool(select.select([connection], [], [], 0)[0])


@dataclass(frozen=True, slots=True)
class Outside:
    """The world.

    dial         opens a connection, or raises LinkLost
    has_bytes    whether a connection can be read without waiting
    now          monotonic seconds
    unix_ns      wall clock
    clock        the exchange's time
    budget       of new connections; None: no limit
    maintenance  what the exchange says it is doing to itself just now; None: nothing that we know of
    diagnosis    of refused logins; None: nobody asks why
    tap          whoever records what is said
    """

    clock: ExchangeClock
    budget: ConnectBudget | None = None
    dial: Callable[[Route], Connection] = Connection
    has_bytes: Callable[[Connection], bool] = has_bytes
    now: Callable[[], float] = time.monotonic
    unix_ns: Callable[[], int] = time.time_ns
    maintenance: Callable[[], str | None] = lambda: None
    diagnosis: Diagnosis | None = None
    tap: Tap = field(default_factory=Tap)
