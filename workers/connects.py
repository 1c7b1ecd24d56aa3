"""The connect budget: all workers of a host together open at most so many connections in five minutes, or the exchange bans the host."""

from pathlib import Path

from gateway.disk.moments import Window

#: New connections in WINDOW_S seconds. Source: protocol notes, section 2: 500 in any 5 minutes per domain and address.
MOST = 500
WINDOW_S = 300.0
#: Kept back for the private endpoint: public ones that flap must not lock it out.
FOR_PRIVATE = 50


class ConnectBudget:
    """Who wants to connect asks first. Moments are Unix seconds, since the file outlives a boot."""

    def __init__(self, path: Path, *, private: bool, most: int = MOST, window_s: float = WINDOW_S) -> None:
        own = most if private else max(1, most - min(FOR_PRIVATE, most // 10))
        self._window = Window(path, most=own, span_s=window_s, what="connect_budget")

    def wait_s(self, unix_s: float) -> float:
        """0 where a connection may be opened now, and it is counted; else the seconds until one may."""
        return self._window.wait_s(unix_s)
