"""`python -m bench.ceiling`: the broker's own ceiling. A bare publisher with asynchronous confirms, whose messages are the gateway's own.

It takes messages as the gateway has published them, gives each a new stamp and nothing else, and writes many in one system call. The
first order is {"messages": […]} as the consumer tells them; {"load": N, "seconds": S, "window": W} keeps so many unconfirmed, and
{"load": N, "seconds": S, "rate": R} publishes so many a second, whoever takes them.
"""

import argparse
import json
import select
import socket
import sys
import time
from typing import Any

from bench.amqp_frames import confirms, publish
from bench.arrivals import stamp
from bench.broker_line import CHANNEL, BrokerLine
from bench.generator.frames import KINDS
from bench.generator.load import monotonic_us
from bench.generator.schedule import Schedule, Segment

#: Messages to one write.
_AT_ONCE = 256
_READ_BYTES = 1 << 18
#: The longest sleep, and how long the last confirms are waited for; seconds.
_IDLE_S, _PATIENCE_S = 0.05, 10.0


def templates(exchange: str, messages: list[dict[str, str]]) -> list[tuple[bytes, bytes]]:
    """What stands before and behind the id of each message: 36 characters, a number, a dash and a stamp."""
    mark, found = KINDS["trades"].mark, []
    for each in messages:
        whole = publish(
            CHANNEL, exchange.encode(), each["key"].encode(), bytes.fromhex(each["properties"]), bytes.fromhex(each["body"])
        )
        at = whole.index(mark) + len(mark)
        found.append((whole[:at], whole[at + 36 :]))
    return found


class AsMuchAsGoes:
    """A window is kept unconfirmed, for so long."""

    def __init__(self, window: int, seconds: float) -> None:
        self._window = window
        self._end_us = monotonic_us() + round(seconds * 1_000_000)

    def due(self, sent: int, done: int) -> list[int]:
        """When those are due that are to go out now; monotonic microseconds."""
        return [monotonic_us()] * min(_AT_ONCE, self._window - (sent - done))

    def is_over(self, _sent: int) -> bool:
        return monotonic_us() >= self._end_us

    def wait_s(self, _sent: int) -> float:
        """Until more is due, if nothing is confirmed before."""
        return _IDLE_S


class AsItIsDue:
    """So many a second: an open loop."""

    def __init__(self, rate: float, seconds: float) -> None:
        self._schedule = Schedule([Segment(rate, seconds)])
        self._begin_us = monotonic_us()

    def due(self, sent: int, _done: int) -> list[int]:
        last = min(self._schedule.due(monotonic_us() - self._begin_us), sent + _AT_ONCE)
        return [self._begin_us + each for each in self._schedule.times(sent, last)]

    def is_over(self, sent: int) -> bool:
        return sent >= self._schedule.events

    def wait_s(self, sent: int) -> float:
        due_us = self._schedule.next_us(sent)
        return _IDLE_S if due_us is None else max(0.0, (self._begin_us + due_us - monotonic_us()) / 1_000_000)


def run(
    sock: socket.socket, parts: list[tuple[bytes, bytes]], pace: AsMuchAsGoes | AsItIsDue, *, load: int, tag: int
) -> dict[str, Any]:
    """Publish; then wait for the rest. `tag`: the newest delivery tag of earlier loads."""
    begin, base, heard = time.monotonic(), stamp(load, 0), bytearray()
    sent = done = refused = 0
    ended_at = confirmed_at_end = 0.0
    ahead: set[int] = set()
    waiting = memoryview(b"")
    while True:
        is_over = pace.is_over(sent)
        if is_over and not ended_at:
            ended_at, confirmed_at_end = time.monotonic(), done
        if not waiting and not is_over:
            made = []
            for number, due in enumerate(pace.due(sent, done), sent):
                head, tail = parts[number % len(parts)]
                made.append(b"%b%016d-%019d%b" % (head, number, base + due, tail))
            waiting = memoryview(b"".join(made))
            sent += len(made)
        if is_over and not waiting and (done >= sent or time.monotonic() > ended_at + _PATIENCE_S):
            break
        left = _IDLE_S if is_over or waiting else pace.wait_s(sent)
        readable, writable, _ = select.select([sock], [sock] if waiting else [], [], left)
        if writable:
            waiting = waiting[sock.send(waiting) :]
        if readable:
            data = sock.recv(_READ_BYTES)
            if not data:
                raise SystemExit("RabbitMQ has closed the connection")
            heard += data
            for confirmed, with_all, accepted in confirms(heard):
                refused += not accepted
                number = confirmed - tag
                if with_all:
                    done = max(done, number)
                else:
                    ahead.add(number)
                while done + 1 in ahead:
                    done += 1
                    ahead.discard(done)
            ahead = {number for number in ahead if number > done}
    return {"sent": sent, "confirmed": done, "refused": refused, "rate": confirmed_at_end / (ended_at - begin)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.ceiling")
    parser.add_argument("--url", required=True)
    parser.add_argument("--exchange", required=True)
    given = parser.parse_args()
    line = BrokerLine(given.url)
    line.channel.confirm_select()
    sock, _ = line.taken()
    sock.setblocking(False)
    print(json.dumps({"ready": True}), flush=True)
    parts: list[tuple[bytes, bytes]] = []
    tag = 0
    for text in sys.stdin:
        order = json.loads(text)
        if "messages" in order:
            parts = templates(given.exchange, order["messages"])
            said: dict[str, Any] = {"templates": len(parts)}
        else:
            seconds = order["seconds"]
            pace = AsItIsDue(order["rate"], seconds) if "rate" in order else AsMuchAsGoes(order["window"], seconds)
            said = run(sock, parts, pace, load=order["load"], tag=tag)
            tag += said["sent"]
        print(json.dumps(said), flush=True)
    line.close()


if __name__ == "__main__":
    main()
