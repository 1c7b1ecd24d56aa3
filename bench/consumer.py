"""`python -m bench.consumer`: the independent consumer, with prefetch and acknowledgements. It shares no code with the gateway.

Of each event it looks for the stamp alone, so that it costs the broker's cores as little as a consumer can. Orders: {"report": true},
{"sample": true}: one message of each routing key as it came.
"""

import argparse
import json
import os
import select
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.amqp_frames import Deliveries, Message, ack
from bench.arrivals import Arrivals
from bench.broker_line import CHANNEL, BrokerLine
from bench.generator.frames import KINDS
from bench.shared import Shared

_PREFETCH = 5_000
#: Deliveries that are acknowledged together, while more are there.
_TOGETHER = 256
_READ_BYTES = 1 << 18
_IDLE_S = 0.05
#: Where orders come from: a descriptor, beside sockets.
_ORDERS: Any = 0
#: Digits of an event's number, the dash behind it, and the stamp.
_NUMBER, _STAMP = 16, 19


class Reader:
    """Finds the stamps in messages, single ones and batches."""

    def __init__(self, kind: str, arrivals: Arrivals) -> None:
        self._mark, self._is_numbered = KINDS[kind].mark, KINDS[kind].numbered
        self._arrivals = arrivals
        self.samples: dict[bytes, Message] = {}

    def read(self, messages: list[Message], now_us: int) -> None:
        mark, note, skip = self._mark, self._arrivals.note, len(self._mark)
        for message in messages:
            body = message.body
            at = body.find(mark)
            while at >= 0:
                at += skip
                if self._is_numbered:
                    from_stamp = at + _NUMBER + 1
                    note(int(body[from_stamp : from_stamp + _STAMP]), now_us, int(body[at : at + _NUMBER]))
                elif body[at : at + _STAMP].isdigit():  # a book's first whole state has no stamp
                    note(int(body[at : at + _STAMP]), now_us)
                at = body.find(mark, at)
            if message.routing_key not in self.samples:
                self.samples[message.routing_key] = message


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.consumer")
    for name in ("--url", "--queue", "--kind"):
        parser.add_argument(name, required=True)
    parser.add_argument("--arrived", type=Path, required=True)
    parser.add_argument("--slice-s", type=float, default=1.0)
    given = parser.parse_args()
    arrivals, shared = Arrivals(given.slice_s), Shared(given.arrived)
    reader = Reader(given.kind, arrivals)
    line = BrokerLine(given.url)
    line.channel.basic_qos(0, _PREFETCH, False)
    line.channel.basic_consume(given.queue)
    sock, ahead = line.taken()
    os.set_blocking(_ORDERS, False)
    print(json.dumps({"queue": given.queue}), flush=True)
    deliveries, orders, unacknowledged, tag = Deliveries(), b"", 0, 0
    data = ahead
    while True:
        if data:
            messages = deliveries.feed(data)
            if messages:
                reader.read(messages, time.monotonic_ns() // 1000)
                shared.put(arrivals.load, arrivals.received)
                unacknowledged, tag = unacknowledged + len(messages), messages[-1].tag
        readable, _, _ = select.select([sock, _ORDERS], [], [], 0 if unacknowledged else _IDLE_S)
        if unacknowledged and (unacknowledged >= _TOGETHER or sock not in readable):
            sock.sendall(ack(CHANNEL, tag))
            unacknowledged = 0
        data = b""
        if sock in readable:
            data = sock.recv(_READ_BYTES)
            if not data:
                raise SystemExit("RabbitMQ has closed the connection")
        if _ORDERS in readable:
            with suppress(BlockingIOError):
                part = os.read(_ORDERS, 1 << 16)
                if not part:
                    break
                *lines, orders = (orders + part).split(b"\n")
                for text in lines:
                    print(json.dumps(answer(json.loads(text), arrivals, reader)), flush=True)
    line.close()


def answer(order: dict[str, Any], arrivals: Arrivals, reader: Reader) -> dict[str, Any]:
    if "sample" in order:
        found = reader.samples.values()
        return {
            "messages": [
                {"key": each.routing_key.decode(), "properties": each.properties.hex(), "body": each.body.hex()} for each in found
            ]
        }
    return arrivals.report()


if __name__ == "__main__":
    main()
