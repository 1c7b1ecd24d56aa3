"""The receiving code before the Autobahn testsuite's own fuzzing server, where somebody has one running.

    wstest --mode fuzzingserver --spec spec.json      # Python 2.7
    PYTHONPATH=. python tests/conformance/autobahn.py ws://127.0.0.1:9001

The server writes its report when all cases are through. An echo of what came is what the suite asks of a client.
"""

import select
import sys
import time
from typing import Any
from urllib.parse import quote

from gateway.errors import LinkLost
from workers.dial import Connection
from workers.route import Route

AGENT = "ws-gateway"
#: The longest case takes some seconds.
CASE_S = 100.0


class Echo(Connection):
    """Sends every message back as what it came: text or binary."""

    kind = 0

    def _message(self, frame: Any) -> bytes | None:
        self.kind = frame.opcode or self.kind
        message = super()._message(frame)
        if message is not None:
            self._send(message, self.kind)
        return message


def talk(connection: Connection) -> list[bytes]:
    """All messages until the other side ends."""
    messages = []
    until = time.monotonic() + CASE_S
    try:
        while time.monotonic() < until:
            if connection.pending() or select.select([connection], [], [], 1)[0]:
                message = connection.receive()
                messages += [] if message is None else [message]
    except LinkLost:
        pass
    finally:
        connection.close()
    return messages


def main(base: str) -> None:
    count = int(talk(Connection(Route(f"{base}/getCaseCount")))[0])
    for number in range(1, count + 1):
        talk(Echo(Route(f"{base}/runCase?case={number}&agent={quote(AGENT)}")))
        sys.stdout.write(f"\r{number} of {count}")
        sys.stdout.flush()
    talk(Connection(Route(f"{base}/updateReports?agent={quote(AGENT)}")))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
