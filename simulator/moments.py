"""The faults that happen at once: cuts, hostile texts, restarts, bursts. What stands for a while is in `faults.py`."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from simulator import hostile
from simulator.dialect import compact
from simulator.faults import Fault
from simulator.market.market import Told

if TYPE_CHECKING:
    from simulator.exchange import Exchange


class Moments:
    """Does them to one exchange. Each returns how many connections, frames or steps it touched."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._maintenances = 0

    def do(self, fault: Fault) -> int:
        acts = {
            "cut": self._cut,
            "hostile": self._send_hostile,
            "restart": self._restart_books,
            "phase": self._enter_phase,
            "burst": self._burst,
        }
        return acts[fault.kind](fault)

    def _cut(self, fault: Fault) -> int:
        cut, how = self._exchange.on_endpoint(fault.endpoint), fault.how
        if how == "maintenance":
            words = self._exchange.options.choices.maintenance
            how = ("abort", "1001")[self._maintenances % 2] if words == "alternate" else words
            self._maintenances += 1
        for connection in cut:
            if how == "abort":
                connection.line.abort()
            elif how == "mid_frame":
                held = next(iter(connection.topics), "tickers.BTCUSDT")
                connection.line.tear(compact({"topic": held, "type": "snapshot", "ts": self._exchange.now_ms(), "data": []}))
            else:
                connection.line.close(int(how))
        return len(cut)

    def _send_hostile(self, fault: Fault) -> int:
        connections = self._exchange.on_endpoint(fault.endpoint)
        names = list(hostile.TEXTS) if fault.how == "all" else [fault.how]
        for connection in connections:
            held = next(iter(connection.topics), "tickers.BTCUSDT")
            for name in names:
                connection.send("", hostile.TEXTS[name].replace("{topic}", held))
        return len(connections)

    def _restart_books(self, fault: Fault) -> int:
        return self._tell_each(fault, self._exchange.market.restart)

    def _enter_phase(self, fault: Fault) -> int:
        market = self._exchange.market
        return self._tell_each(fault, lambda category, symbol, now_ms, how: market.enter(category, symbol, how, now_ms))

    def _tell_each(self, fault: Fault, act: Callable[[str, str, int, str], Told]) -> int:
        """What happens to each instrument that the fault names, at once; how many frames that makes."""
        count, now_ms = 0, self._exchange.now_ms()
        for category, symbol in list(self._exchange.market.feeds):
            if fault.endpoint in ("*", category) and fnmatchcase(symbol, fault.topic):
                for _, frame in act(category, symbol, now_ms, fault.how):
                    self._exchange.publish(category, frame)
                    count += 1
        return count

    def _burst(self, fault: Fault) -> int:
        count = max(1, int(fault.amount))
        for _ in range(count):
            self._exchange.step()
        return count
