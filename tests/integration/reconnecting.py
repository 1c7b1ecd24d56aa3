"""A worker's link alone, for `test_reconnects.py`: reconnects many times on real sockets, and says what that left behind, as JSON.

Runs in a process of its own, so that nobody else's memory, threads and files are counted.
"""

import gc
import json
import os
import sys
import tempfile
import threading
from pathlib import Path

from gateway.backoff import Backoff
from gateway.bus import bus
from gateway.bus.bus import BusReceiver, BusSender
from gateway.disk.dead_letters import DeadLetters
from gateway.exchange.clock import ExchangeClock
from gateway.exchange.rest import Rest
from gateway.exchange.signing import signer
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.session import Credentials
from gateway.wire import Stamp
from simulator.remote import Control, RunningSimulator
from workers.book_fetcher import BookFetcher
from workers.books import Books
from workers.connects import ConnectBudget
from workers.delivery import Delivery
from workers.link import Link
from workers.outside import Outside
from workers.route import Route

#: How the exchange ends a connection; in turn.
CUTS = ("abort", "1000", "1001", "mid_frame")
TOPICS = {"linear": {"orderbook.50.BTCUSDT": True, "publicTrade.BTCUSDT": False}, "private": {"order": False, "wallet": False}}


def taken() -> dict[str, int]:
    """Threads, open files, and resident memory in bytes, of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "bytes": pages * os.sysconf("SC_PAGE_SIZE"),
    }


def main(endpoint_name: str, ws_url: str, rest_url: str, rounds: int) -> None:
    endpoint = ENDPOINTS[endpoint_name]
    simulator = Control(rest_url)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        receiver = BusReceiver(bus.address(folder))
        sender = BusSender(bus.address(folder), b"reconnecting")
        stamp = Stamp(worker="w", account="main", include_raw="off", started_ms=1)
        rest = Rest(rest_url)
        books = Books(endpoint.category, BookFetcher(rest, category=endpoint.category or "", worker="w", wake=0))
        delivery = Delivery("w", endpoint, stamp, sender, DeadLetters(folder, "w"), books)
        link = Link(
            endpoint,
            Route(ws_url + endpoint.path),
            credentials=Credentials(RunningSimulator.api_key, signer(RunningSimulator.api_secret)),
            delivery=delivery,
            backoff=Backoff(0.001, lambda: 0.5),
            outside=Outside(
                clock=ExchangeClock(rest.server_time_ms, worker="w"),
                budget=ConnectBudget(folder / "connects", private=True, most=1_000_000),
            ),
            wake=os.eventfd(0, os.EFD_NONBLOCK),
        )
        link.want(TOPICS[endpoint_name])
        before: dict[str, int] = {}
        for number in range(rounds):
            turn_until(link, receiver, connected=True)
            if number == rounds // 5:  # caches are warm
                before = taken()
            simulator.cut(endpoint_name, CUTS[number % len(CUTS)])
            turn_until(link, receiver, connected=False)
        turn_until(link, receiver, connected=True)
        found = {"before": before, "after": taken(), "reconnections": link.reconnections}
        sys.stdout.write(json.dumps(found) + "\n")
        link.close()
        sender.close()
        receiver.close()


def turn_until(link: Link, receiver: BusReceiver, *, connected: bool) -> None:
    """The worker's loop; and in the router's place take everything."""
    while True:
        link.turn()
        for batch in receiver.take():
            receiver.settle(batch.peer, batch.number)
        if (link.status == "connected") == connected:
            return
        link.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
