"""A connection to RabbitMQ whose handshake and declarations py-amqp makes, and whose socket is then read and written as bytes."""

import socket
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp

CHANNEL = 1


class BrokerLine:
    """channel  py-amqp's, for declarations, until `taken`"""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection: Any = amqp.Connection(
            host=f"{parts.hostname}:{parts.port or 5672}",
            userid=unquote(parts.username or "guest"),
            password=unquote(parts.password or "guest"),
            virtual_host=unquote(parts.path[1:]) or "/",
            heartbeat=0,
        )
        self._connection.connect()
        self.channel: Any = self._connection.channel(CHANNEL)

    def taken(self) -> tuple[socket.socket, bytes]:
        """The socket, and what py-amqp has read ahead. From now on it must not be asked for anything but `close`."""
        transport = self._connection.transport
        sock: socket.socket = transport.sock
        sock.settimeout(None)
        ahead = bytes(transport._read_buffer)
        transport._read_buffer = type(transport._read_buffer)()
        return sock, ahead

    def close(self) -> None:
        self._connection.collect()
