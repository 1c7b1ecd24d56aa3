"""Mutated frames over a real WebSocket to a real link, with a real bus: no connection drops, and all of them are accounted for."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from listener import Line, Listener

from gateway.backoff import Backoff
from gateway.bus import bus
from gateway.bus.bus import BusReceiver, BusSender
from gateway.disk.dead_letters import DeadLetters
from gateway.exchange.clock import ExchangeClock
from gateway.models import Record
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.forms import family
from gateway.protocol.session import Credentials
from gateway.wire import TOPIC_STATE, Stamp
from simulator.dialect import DIALECTS, compact
from tests.conformance import wire
from tests.fuzz.corpus import corpus
from tests.fuzz.road import Road
from tests.fuzz.stretch import mutated
from tests.standins import KeepingFetcher
from tests.zeromq import Context
from workers.books import Books
from workers.delivery import Delivery
from workers.link import Link
from workers.outside import Outside
from workers.route import Route

#: Of each endpoint; there are seven.
FRAMES = 8_000
#: Of frames that are no UTF-8.
BAD_TEXTS = 1_000
#: Good frames that follow.
GOOD = 5
#: All of it must be done by then; seconds.
PATIENCE_S = 60.0


def texts(endpoint: str, seed: str, *, are_utf8: bool) -> Iterator[bytes]:
    """Mutated frames without end, the same for the same seed."""
    dice, cases = Random(seed), corpus().by_endpoint[endpoint]
    while True:
        _, text = mutated(dice, cases, dice.choice(dice.choice(cases)))
        if is_utf8(text) == are_utf8:
            yield text


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def good(endpoint: str, number: int) -> bytes:
    """A frame that any worker of the endpoint reads."""
    if endpoint == "status":
        row: dict[str, object] = {"id": f"good-{number}", "title": "t", "state": "completed"}
        return json.dumps({"topic": "system.status", "ts": 1_700_000_000_000, "data": [row]}).encode()
    if endpoint == "private":
        row = {
            "category": "linear",
            "symbol": "GOOD",
            "orderId": f"good-{number}",
            "orderStatus": "New",
            "updatedTime": "1700000000000",
        }
        return json.dumps({"topic": "order", "creationTime": 1_700_000_000_000, "data": [row]}).encode()
    row = {"T": 1_700_000_000_000, "s": "GOOD", "S": "Buy", "v": "1", "p": "2", "i": f"good-{number}"}
    return json.dumps({"topic": "publicTrade.GOOD", "type": "snapshot", "ts": 1_700_000_000_000, "data": [row]}).encode()


class Exchange:
    """Answers every request as the endpoint does; sends what it was given once it is told to."""

    def __init__(self, endpoint: str, sent: list[bytes]) -> None:
        self._endpoint = endpoint
        self._sent = sent
        self._lock = threading.Lock()
        self.go = threading.Event()

    def play(self, line: Line) -> None:
        line.shake_hands()
        answering = threading.Thread(target=self._answer, args=(line,), daemon=True)
        answering.start()
        if self.go.wait(PATIENCE_S):
            for at in range(0, len(self._sent), 50):
                with self._lock:
                    line.send(b"".join(map(wire.text, self._sent[at : at + 50])))
        answering.join()

    def _answer(self, line: Line) -> None:
        with suppress(OSError):  # the client has left
            while True:
                first, size = line.exactly(2)
                size &= 0x7F
                size = size if size < 126 else int.from_bytes(line.exactly(2 if size == 126 else 8), "big")
                mask, payload = line.exactly(4), line.exactly(size)
                if first & 0x0F != wire.TEXT:
                    continue
                request = json.loads(wire.masked(payload, mask))
                with self._lock:
                    line.send(wire.text(self._reply(request)))

    def _reply(self, request: dict[str, object]) -> str:
        dialect, op, req_id = DIALECTS[self._endpoint], str(request["op"]), request.get("req_id")
        if op == "auth":
            return compact({"success": True, "ret_msg": "", "op": "auth", "conn_id": "c"})
        if op == "ping":
            return compact(dialect.pong("c", str(req_id), time.time_ns() // 1_000_000))
        topics = request["args"]
        assert isinstance(topics, list)
        return compact(dialect.ack(op, "c", str(req_id), topics, (), ""))


class Worker:
    """A link with all that a worker gives it, and the router's end of its bus."""

    def __init__(self, endpoint: str, url: str, folder: Path, context: Context) -> None:
        row = ENDPOINTS[endpoint]
        self.receiver = BusReceiver(bus.address(folder), context=context)
        self.sender = BusSender(bus.address(folder), b"w", context=context)
        stamp = Stamp(worker="w", account="main", include_raw="private", started_ms=1)
        self.letters = DeadLetters(folder, "w")
        self.delivery = Delivery("w", row, stamp, self.sender, self.letters, Books(row.category, KeepingFetcher()))
        self.records: list[Record] = []
        self.link = Link(
            row,
            Route(url + row.path),
            credentials=Credentials("key", lambda text: text) if row.authenticates else None,
            delivery=self.delivery,
            backoff=Backoff(1.0, lambda: 0.5),
            outside=Outside(clock=ExchangeClock(lambda: time.time_ns() // 1_000_000, worker="w")),
            wake=os.eventfd(0, os.EFD_NONBLOCK),
        )
        topics = dict.fromkeys(corpus().topics[endpoint], False)
        if endpoint not in ("status", "private"):
            topics["publicTrade.GOOD"] = False
        elif endpoint == "private":  # a narrower form would be refused beside its family
            topics = dict.fromkeys((family(topic)[0] for topic in topics), False)
        self.link.want(topics)

    def run_until(self, claim: str) -> None:
        """Turn as a worker's loop does, the router taking all, until an event's body holds these words or the link is connected."""
        until, seen = time.monotonic() + PATIENCE_S, 0
        while time.monotonic() < until:
            self.link.turn()
            for batch in self.receiver.take():
                self.receiver.settle(batch.peer, batch.number)
                self.records += batch.records
            if claim == "connected":
                if self.link.status == claim:
                    return
            elif any(claim.encode() in record.body for record in self.records[seen:]):
                return
            seen = len(self.records)
            self.link.wait()
        raise AssertionError(f"not within {PATIENCE_S:g} s: {claim}; {self.link.status}, {self.link.last_error}")

    def close(self) -> None:
        self.link.close()
        self.sender.close()
        self.receiver.close()


def sent_over_one_connection(endpoint: str, hostile: list[bytes], folder: Path, context: Context) -> tuple[Worker, list[Record]]:
    """The worker after all of them and the good ones that followed, and the events that came over its bus."""
    exchange = Exchange(endpoint, [*hostile, *(good(endpoint, number) for number in range(GOOD))])
    with Listener(exchange.play) as listener:
        worker = Worker(endpoint, listener.url(), folder, context)
        worker.run_until("connected")
        exchange.go.set()
        worker.run_until(f'"good-{GOOD - 1}"')
        assert listener.count == 1, f"the connection was lost: {worker.link.last_error}"
        assert (worker.link.last_error, worker.link.reconnections) == (None, 0)
        assert worker.link.status in ("connected", "subscribing"), "books that broke may be under way to a new snapshot"
        worker.close()
    events = [record for record in worker.records if record.event_type not in ("system", TOPIC_STATE)]
    assert len(events) == worker.delivery.counts.events
    assert sum(b'"good-' in record.body for record in events) == GOOD
    assert (worker.letters.kept, worker.letters.lost) == (worker.delivery.counts.unknown, 0)
    return worker, events


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_no_mutated_frame_costs_the_connection_and_each_record_is_an_event_or_a_dead_letter(
    endpoint: str, tmp_path: Path, context: Context
) -> None:
    hostile = list(islice(texts(endpoint, f"valid {endpoint}", are_utf8=True), FRAMES))
    worker, events = sent_over_one_connection(endpoint, hostile, tmp_path, context)
    road = Road(endpoint, "private")
    for text in hostile:
        road.take(text)
    counts = road.counts
    bad = counts["bad records"] + counts["Unknown"] + counts["Data, not asked for"]
    assert (len(events) - GOOD, worker.delivery.counts.unknown) == (counts["events"], bad)
    assert counts["events"] > FRAMES / 25


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_text_that_is_no_utf8_costs_itself_alone(endpoint: str, tmp_path: Path, context: Context) -> None:
    hostile = list(islice(texts(endpoint, f"invalid {endpoint}", are_utf8=False), BAD_TEXTS))
    worker, events = sent_over_one_connection(endpoint, hostile, tmp_path, context)
    assert (len(events), worker.delivery.counts.unknown) == (GOOD, BAD_TEXTS)
