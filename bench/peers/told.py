"""How a peer of the benchmark talks: it counts what arrives where the generator looks, and answers each line with its report."""

import json
import sys
import threading
import time
from pathlib import Path

from bench.arrivals import Arrivals
from bench.shared import Shared


class Told:
    """What one peer has received. Its trades have the generator's ids: a number of 16 digits, a dash, a stamp."""

    def __init__(self, arrived: Path) -> None:
        self._arrivals, self._shared = Arrivals(), Shared(arrived)

    def trade(self, trade_id: str) -> None:
        self._arrivals.note(int(trade_id[17:36]), time.monotonic_ns() // 1000, int(trade_id[:16]))
        self._shared.put(self._arrivals.load, self._arrivals.received)

    def answer(self) -> None:
        """Say that we are ready; then a report for each line, until there are no more."""
        print(json.dumps({"ready": True}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(self._arrivals.report()), flush=True)

    def answer_aside(self) -> threading.Thread:
        """The same in a thread of its own, which ends when there are no more lines."""
        thread = threading.Thread(target=self.answer, daemon=True)
        thread.start()
        return thread
