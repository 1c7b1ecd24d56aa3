"""`python -m bench.generator`: the exchange of the benchmark. One thread pushes; orders come in lines of JSON, and so do the answers.

The first line out says where it listens. Orders:
    {"load": N, "kind": "trades", "segments": [[rate, seconds], …]}       open loop
    {"load": N, "kind": "trades", "window": 4000, "seconds": 5}           so many under way, always
    {"stop": true}                                                       no more of such a load
    {"ask": true}                                                        how far it is
"""

import argparse
import json
import os
import select
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.generator.connection import Connection, Refused
from bench.generator.frames import KINDS
from bench.generator.load import Load, Targets
from bench.generator.rest import serve
from bench.generator.schedule import Segment
from bench.shared import Shared

#: The shortest wait: at high rates what is due within it goes out together; seconds.
_TURN_S = 0.0002
_IDLE_S = 0.5
_READ_BYTES = 1 << 16
#: Where orders come from: a descriptor, beside sockets.
_ORDERS: Any = 0


class Generator:
    """All clients, and the load that is under way."""

    def __init__(self, arrived: Shared, context: ssl.SSLContext | None) -> None:
        self._context, self._arrived = context, arrived
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._clients: dict[socket.socket, Connection] = {}
        self._targets = {kind: Targets(kind) for kind in KINDS}
        self._load: Load | None = None
        self._orders = b""
        self.port = self._server.getsockname()[1]

    def run(self) -> None:
        """Until there are no more orders."""
        os.set_blocking(_ORDERS, False)
        while True:
            load = self._load if self._load is not None and not self._load.is_over else None
            wait = _IDLE_S if load is None else max(_TURN_S, load.wait_s())
            full = [client for client, each in self._clients.items() if each.out]
            readable, writable, _ = select.select([_ORDERS, self._server, *self._clients], full, [], wait)
            for source in readable:
                if source == _ORDERS:
                    if not self._hear():
                        return
                elif source is self._server:
                    self._accept()
                else:
                    self._read(source)
            if load is not None:
                load.emit()
            self._write(set(writable))

    def _accept(self) -> None:
        client, _ = self._server.accept()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[client] = Connection(self._context, self._renew)

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(_READ_BYTES)
            if data:
                self._clients[client].receive(data)
                return
        except BlockingIOError:
            return
        except (OSError, Refused, ValueError) as fault:
            print(f"{self._clients[client].endpoint or 'a client'}: {fault}", file=sys.stderr, flush=True)
        self._drop(client)

    def _write(self, ready: set[socket.socket]) -> None:
        """To clients that are ready, and to those whose buffer was empty before."""
        for client, each in list(self._clients.items()):
            each.flush()
            if not each.out or (client not in ready and len(each.out) > _READ_BYTES):
                continue
            try:
                with suppress(BlockingIOError):
                    sent = client.send(each.out)
                    del each.out[:sent]
            except OSError:
                self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        client.close()
        self._clients.pop(client, None)
        self._renew()

    def _renew(self) -> None:
        for targets in self._targets.values():
            targets.renew(list(self._clients.values()))

    def _hear(self) -> bool:
        """Take orders; False when there will be none any more."""
        with suppress(BlockingIOError):
            data = os.read(_ORDERS, _READ_BYTES)
            if not data:
                return False
            *lines, self._orders = (self._orders + data).split(b"\n")
            for line in lines:
                print(json.dumps(self._obey(json.loads(line))), flush=True)
        return True

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        if "load" in order:
            segments = [Segment(*each) for each in order.get("segments", ())]
            self._load = Load(
                order["load"],
                self._targets[order["kind"]],
                self._arrived,
                segments=segments,
                window=order.get("window", 0),
                seconds=order.get("seconds", 0.0),
            )
            return {"start_us": self._load.start_us}
        load = self._load
        if "stop" in order and load is not None:
            load.stop()
        clients = [{"endpoint": each.endpoint, "topics": len(each.topics)} for each in self._clients.values()]
        if load is None:
            return {"clients": clients}
        return {"sent": load.sent, "is_over": load.is_over, "late_us": load.late_us, "clients": clients}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.generator")
    parser.add_argument("--arrived", type=Path, required=True, help="the file in which consumers count")
    parser.add_argument("--symbols", type=int, default=20, help="made-up perpetuals in the catalog")
    parser.add_argument("--certificate", type=Path, help="PEM of certificate and key: clients are served over TLS")
    given = parser.parse_args()
    context = None
    if given.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(given.certificate)
    generator = Generator(Shared(given.arrived), context)
    scheme = "wss" if context else "ws"
    ready = {"ws_url": f"{scheme}://127.0.0.1:{generator.port}", "rest_url": serve(given.symbols)}
    print(json.dumps(ready), flush=True)
    generator.run()


if __name__ == "__main__":
    main()
