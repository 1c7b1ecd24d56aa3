"""The fault `refuse` with the form `reset` is what a client's kernel calls a reset."""

import socket
from urllib.parse import urlsplit

import pytest

from simulator import remote


def test_a_reset_is_a_reset_on_the_wire() -> None:
    exchange = remote.start(only="BTCUSDT")
    try:
        exchange.fault("refuse", how="reset")
        where = urlsplit(exchange.ws_url)
        with socket.create_connection((where.hostname or "", where.port or 0), 5) as line:
            line.sendall(
                b"GET /v5/public/linear HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            with pytest.raises(ConnectionResetError):
                line.recv(1)
    finally:
        exchange.stop()
