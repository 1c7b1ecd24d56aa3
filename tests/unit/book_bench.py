"""A bench for the worker's own books: a delivery that wants one book, with stand-ins for its neighbours."""

import json
from typing import Any

from gateway.models import Json
from gateway.protocol import channels
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Data, parse
from gateway.wire import Stamp
from tests.standins import KeepingBus, KeepingFetcher, KeepingLetters
from workers.books import Books
from workers.delivery import Delivery

TOPIC, FULL, QUEUE = "orderbook.50.A", "orderbook.full.A", "ws-gateway.orderbook.a-service"
BEGAN_MS = 1_782_864_000_000


class Bench:
    """One worker that wants one book, and where its topic stands."""

    def __init__(self, topic: str, *, continuity: bool = True, wishes: bool = True) -> None:
        endpoint = "spot" if topic == FULL else "linear"
        self.topic, self.answers, self.bus, self.letters = topic, KeepingFetcher(), KeepingBus(), KeepingLetters()
        self.books = Books(endpoint, self.answers)
        stamp = Stamp(worker="w", account="main", include_raw="off", started_ms=1)
        self.out = Delivery("w", ENDPOINTS[endpoint], stamp, self.bus, self.letters, self.books, continuity)  # type: ignore[arg-type] # they have all that it uses
        self.rows = {topic: channels.for_topic(topic, endpoint)}
        if wishes:
            self.wish()
        self.held = self.live = True
        self.renewed = 0

    def wish(self) -> None:
        self.books.want(self.rows, {self.topic: {QUEUE: 1.0}})

    @property
    def changes(self) -> int:
        return 2 * self.held + self.live

    def is_held(self, _name: str) -> bool:
        return self.held

    def is_live(self, _name: str) -> bool:
        return self.held and self.live

    def take(self, kind: str, update_id: Any, now: float, **changed: Any) -> bool:
        return self.out.take(frame(self.topic, kind, update_id, **changed), BEGAN_MS * 1_000_000, now)

    def tend(self, now: float) -> list[dict[str, Any]]:
        """What left since the last look."""
        self.renewed += len(self.out.tend(self, now, BEGAN_MS * 1_000_000))
        self.out.flush()
        found = [json.loads(record.body) | {"queue": record.queue} for record in self.bus.records]
        self.bus.records = []
        return found


def frame(topic: str, kind: str, update_id: Any, **changed: Any) -> Data:
    data = {"s": "A", "b": [["1", "5"]], "a": [["9", "5"]], "u": update_id, "seq": update_id, **changed}
    found = parse(json.dumps({"topic": topic, "type": kind, "ts": BEGAN_MS, "cts": BEGAN_MS, "data": data}).encode())
    assert isinstance(found, Data)
    return found


def answer(update_id: int, ts: int = BEGAN_MS + 600_000) -> Json:
    return {"s": "A", "b": [["1", "5"]], "a": [["9", "5"]], "u": update_id, "seq": update_id, "ts": ts, "cts": ts - 5}
