"""How often the exchange may be asked: sliding windows per address, per call of a UID, and of new connections.

Pure: time is an argument, Unix milliseconds. Source: protocol notes, sections 2 and 9.2.
"""

from collections import deque
from dataclasses import dataclass, field

#: HTTP requests of one address in one window, and the window; milliseconds.
PER_ADDRESS, ADDRESS_WINDOW_MS = 600, 5_000
#: How long an address that broke that is kept out; seconds.
BAN_S = 600.0
#: Calls of a UID in any second, where the table says nothing else.
PER_SECOND = 50
#: Path → calls of a UID in any second. The figures of POST calls are the ones that recorded answers name, or a choice.
RATES: dict[str, int] = {
    "/v5/account/transaction-log": 25,
    "/v5/account/fee-rate": 5,
    "/v5/account/query-dcp-info": 5,
    "/v5/asset/coin/query-info": 5,
    "/v5/user/query-api": 10,
    "/v5/order/create": 10,
    "/v5/order/amend": 10,
    "/v5/order/cancel": 10,
    "/v5/order/cancel-all": 10,
    "/v5/position/switch-mode": 10,
    "/v5/position/set-leverage": 10,
}


class Window:
    """At most so many in any span of so many milliseconds. What is refused does not count."""

    def __init__(self, most: int, window_ms: int) -> None:
        self.most = most
        self._window_ms = window_ms
        self._times: deque[int] = deque()

    def allow(self, now_ms: int) -> bool:
        """Count one, unless there are too many."""
        self._forget(now_ms)
        if len(self._times) >= self.most:
            return False
        self._times.append(now_ms)
        return True

    def left(self, now_ms: int) -> int:
        self._forget(now_ms)
        return self.most - len(self._times)

    def free_ms(self, now_ms: int) -> int:
        """When one is allowed again: now, while some are left."""
        return now_ms if self.left(now_ms) > 0 else self._times[0] + self._window_ms

    def _forget(self, now_ms: int) -> None:
        while self._times and self._times[0] <= now_ms - self._window_ms:
            self._times.popleft()


class ConnectBudget:
    """New WebSocket connections of one address: `most` in any `window_s` seconds."""

    def __init__(self, most: int = 500, window_s: float = 300.0) -> None:
        self._window = Window(most, int(window_s * 1000))

    def allow(self, now_ms: int) -> bool:
        return self._window.allow(now_ms)


@dataclass(frozen=True, slots=True)
class Allowance:
    """The answer to one signed call. reset_ms: when the next is allowed; means something only once `ok` is False."""

    ok: bool
    most: int
    left: int
    reset_ms: int

    def headers(self) -> dict[str, str]:
        return {
            "X-Bapi-Limit": str(self.most),
            "X-Bapi-Limit-Status": str(self.left),
            "X-Bapi-Limit-Reset-Timestamp": str(self.reset_ms),
        }


@dataclass(slots=True)
class RestLimits:
    """All windows of the REST side.

    per_address, window_ms  HTTP requests of one address
    ban_s                   how long an address is kept out after it asked more
    rates                   path → calls of a UID in any second
    """

    per_address: int = PER_ADDRESS
    window_ms: int = ADDRESS_WINDOW_MS
    ban_s: float = BAN_S
    rates: dict[str, int] = field(default_factory=lambda: dict(RATES))
    _addresses: dict[str, Window] = field(default_factory=dict)
    _banned_until: dict[str, int] = field(default_factory=dict)
    _calls: dict[tuple[str, str], Window] = field(default_factory=dict)

    def admit(self, address: str, now_ms: int) -> bool:
        """Count a request of an address. False while it is banned; asking on does not make the ban longer."""
        if now_ms < self._banned_until.get(address, 0):
            return False
        window = self._addresses.get(address)
        if window is None or window.most != self.per_address:
            window = self._addresses[address] = Window(self.per_address, self.window_ms)
        if window.allow(now_ms):
            return True
        self._banned_until[address] = now_ms + int(self.ban_s * 1000)
        del self._addresses[address]
        return False

    def call(self, uid: str, path: str, now_ms: int) -> Allowance:
        """Count a signed call of a UID."""
        most = self.rates.get(path, PER_SECOND)
        window = self._calls.get((uid, path))
        if window is None or window.most != most:
            window = self._calls[uid, path] = Window(most, 1000)
        ok = window.allow(now_ms)
        return Allowance(ok, most, window.left(now_ms), window.free_ms(now_ms))
