"""CURVE: the bus between machines is encrypted, and who may speak on it is known by its key. Source: RFC 26 (CurveZMQ), RFC 27 (ZAP).

Each machine has a key pair. The public key of the router's is known to all, and it knows the public keys of all others.
"""

import logging
import os
import threading
from collections.abc import Collection
from dataclasses import dataclass

import zmq
from zmq.utils import z85

log = logging.getLogger(__name__)

#: Where libzmq asks whether a peer may connect, within the process.
_DOOR = "inproc://zeromq.zap.01"
#: Of a question: version, request, domain, address, identity, mechanism, the peer's public key.
_PARTS = 7
#: Refusals of one peer are said once in this many; it tries every few seconds.
_SAID_EVERY = 100
#: Unknown keys that are told apart.
_MOST_REFUSED = 1000


@dataclass(frozen=True, slots=True)
class Keys:
    """What one end needs, each 64 hexadecimal digits. secret: its machine's own; router: the public key of the router's machine."""

    secret: str
    router: str

    @property
    def public(self) -> str:
        return public_of(self.secret)


def keys_of(secret: str, router: str) -> Keys | None:
    """None where the bus has no keys."""
    return Keys(secret, router) if secret and router else None


def make_pair() -> tuple[str, str]:
    """A new key pair: public, secret."""
    public, secret = (z85.decode(key).hex() for key in zmq.curve_keypair())
    return public, secret


def public_of(secret: str) -> str:
    return z85.decode(zmq.curve_public(z85.encode(bytes.fromhex(secret)))).hex()


def arm_sender(socket: zmq.Socket[bytes], keys: Keys) -> None:
    """Before it connects."""
    socket.set(zmq.CURVE_SECRETKEY, bytes.fromhex(keys.secret))
    socket.set(zmq.CURVE_PUBLICKEY, bytes.fromhex(keys.public))
    socket.set(zmq.CURVE_SERVERKEY, bytes.fromhex(keys.router))


def arm_receiver(socket: zmq.Socket[bytes], keys: Keys) -> None:
    """Before it binds; the door must be open already, or everybody may come in."""
    socket.set(zmq.CURVE_SERVER, 1)
    socket.set(zmq.CURVE_SECRETKEY, bytes.fromhex(keys.secret))
    socket.set(zmq.ZAP_DOMAIN, b"ws-gateway")


class Door(threading.Thread):
    """Lets in whose key is known, and says of the others where they came from."""

    def __init__(self, allowed: Collection[str], *, context: zmq.Context[zmq.Socket[bytes]] | None = None) -> None:
        super().__init__(name="door", daemon=True)
        self._socket = (context or zmq.Context.instance()).socket(zmq.REP)
        self._socket.bind(_DOOR)
        self.allowed = frozenset(allowed)
        self._refused: dict[str, int] = {}
        self._halt = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def stop(self) -> None:
        """Nobody comes in any more."""
        os.eventfd_write(self._halt, 1)
        self.join()

    def run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._halt, zmq.POLLIN)
        while self._halt not in dict(poller.poll()):
            asked = self._socket.recv_multipart()
            status, words = (b"200", b"") if self._knows(asked) else (b"400", b"unknown key")
            self._socket.send_multipart([b"1.0", asked[1], status, words, b"", b""])
        self._socket.close()

    def _knows(self, asked: list[bytes]) -> bool:
        address = asked[3].decode(errors="replace")
        key = asked[6].hex() if len(asked) == _PARTS and asked[5] == b"CURVE" else "none"
        if key in self.allowed:
            return True
        if len(self._refused) > _MOST_REFUSED:
            self._refused.clear()
        count = self._refused[key] = self._refused.get(key, 0) + 1
        if count % _SAID_EVERY == 1:
            log.warning(
                "bus refused address=%s public_key=%s times=%d: expected a key of WS_GATEWAY_BUS_ALLOWED_KEYS", address, key, count
            )
        return False
