"""LINE: the way of a socket to the other end of the bus, within a machine or between two; who is not let in says so and tries again."""

import logging
import struct
import time
from collections.abc import Mapping

import zmq

from gateway.bus import curve
from gateway.bus.curve import Keys
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: Over a network: silence is asked for a sign after the first, and ends the link after the second; milliseconds.
HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 2000, 6000
#: A router that does not let us in is tried again after this; seconds. libzmq itself would not.
REFUSED_S = 2.0
#: The longest wait of libzmq between two tries to connect; milliseconds.
RECONNECT_MOST_MS = 1000

#: Of a monitor's first frame: the event and its value. Source: zmq_socket_monitor(3).
_EVENT = struct.Struct("=HI")

#: What a handshake that failed means, to who connected and to who listens.
_REFUSED: Mapping[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "the router does not know our key; expected our public key in its WS_GATEWAY_BUS_ALLOWED_KEYS",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "one side has keys and the other has none; expected WS_GATEWAY_BUS_KEY and"
    " WS_GATEWAY_BUS_ROUTER_KEY on both",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "the router ended the handshake; expected its public key in WS_GATEWAY_BUS_ROUTER_KEY",
}
_CAME_WITHOUT = (
    "somebody came without keys, or with another router's; expected WS_GATEWAY_BUS_KEY there, and our public key in"
    " WS_GATEWAY_BUS_ROUTER_KEY"
)


class Dialled:
    """Of a socket that connects."""

    def __init__(self, socket: zmq.Socket[bytes], address: str, keys: Keys | None) -> None:
        """keys: None within one machine."""
        self._socket = socket
        self._address = address
        self._refusal = Trouble(log, f"bus not_let_in address={address}")
        self._again_at: float | None = None
        socket.set(zmq.IMMEDIATE, 1)
        socket.set(zmq.RECONNECT_IVL, 50)
        socket.set(zmq.RECONNECT_IVL_MAX, RECONNECT_MOST_MS)
        _tune(socket, address)
        if keys is not None:
            curve.arm_sender(socket, keys)
        refusals = sum(_REFUSED)
        self._monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | refusals)
        socket.connect(address)

    def news(self) -> bool | None:
        """Whether the other end is there, where that may have changed since the last look; None: nothing has. Does not wait."""
        linked = None
        while int(self._monitor.get(zmq.EVENTS)) & zmq.POLLIN:  # as `poll(0)` has it, at a tenth of its cost
            event = _event_of(self._monitor)
            linked = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            if linked:
                self._refusal.over()
                self._again_at = None
            elif event in _REFUSED:
                self._refusal.say(_REFUSED[event])
                self._again_at = time.monotonic() + REFUSED_S
        if self._again_at is not None and time.monotonic() >= self._again_at:
            self._again_at = None
            self._socket.disconnect(self._address)
            self._socket.connect(self._address)
        return linked

    def close(self) -> None:
        self._socket.disable_monitor()
        self._socket.close()


class Bound:
    """Of a socket that listens."""

    def __init__(self, socket: zmq.Socket[bytes], address: str, keys: Keys | None) -> None:
        """keys: of the router's host, whose door is open already; None within one machine."""
        self._socket = socket
        self._refusal = Trouble(log, f"bus refused address={address}")
        self._monitor: zmq.Socket[bytes] | None = None
        _tune(socket, address)
        if keys is not None:
            curve.arm_receiver(socket, keys)
            self._monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
        socket.bind(address)

    def look(self) -> None:
        """Say so, where somebody came without the right keys; now and then. Does not wait."""
        while self._monitor is not None and self._monitor.poll(0):
            _event_of(self._monitor)
            self._refusal.say(_CAME_WITHOUT)

    def close(self) -> None:
        if self._monitor is not None:
            self._socket.disable_monitor()
        self._socket.close()


def _event_of(monitor: zmq.Socket[bytes]) -> int:
    """What libzmq tells of a socket's way. pyzmq's own reader of it brings asyncio along, a tenth of a worker's start."""
    return int(_EVENT.unpack(monitor.recv_multipart()[0])[0])


def _tune(socket: zmq.Socket[bytes], address: str) -> None:
    """A machine that vanished without a word is noticed."""
    if address.startswith("tcp:"):
        socket.set(zmq.TCP_KEEPALIVE, 1)
        socket.set(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        socket.set(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
