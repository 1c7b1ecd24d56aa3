"""`python -m bench.ceiling`: the broker's own ceiling. A bare publisher with asynchronous confirms, whose messages are the gateway's own.

It takes messages as the gateway has published them, gives each a new stamp and nothing else, writes many in one system call, and keeps
a window unconfirmed. The first order is {"messages": […]} as the consumer tells them; {"load": N, "seconds": S, "window": W} publishes.
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

#: Messages to one write.
_AT_ONCE = 256
_READ_BYTES = 1 << 18


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


def run(
    sock: socket.socket, parts: list[tuple[bytes, bytes]], *, load: int, seconds: float, window: int, tag: int
) -> dict[str, Any]:
    """Publish for so long; then wait for the rest. `tag`: the newest delivery tag of earlier loads."""
    begin, base, heard = time.monotonic_ns(), stamp(load, 0), bytearray()
    sent = done = refused = 0
    end = begin + round(seconds * 1e9)
    confirmed_at_end = 0
    ahead: set[int] = set()
    waiting = memoryview(b"")
    while True:
        now = time.monotonic_ns()
        is_over = now >= end
        if is_over and not confirmed_at_end:
            confirmed_at_end = done
        if not waiting and not is_over and sent - done < window:
            count = min(_AT_ONCE, window - (sent - done))
            due = base + now // 1000
            made = []
            for number in range(sent, sent + count):
                head, tail = parts[number % len(parts)]
                made.append(b"%b%016d-%019d%b" % (head, number, due, tail))
            waiting = memoryview(b"".join(made))
            sent += count
        if is_over and not waiting and (done >= sent or now > end + 10**10):
            break
        readable, writable, _ = select.select([sock], [sock] if waiting else [], [], 0.05)
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
    return {"sent": sent, "confirmed": done, "refused": refused, "rate": confirmed_at_end / seconds, "seconds": seconds}


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
            said = run(sock, parts, load=order["load"], seconds=order["seconds"], window=order["window"], tag=tag)
            tag += said["sent"]
        print(json.dumps(said), flush=True)
    line.close()


if __name__ == "__main__":
    main()
