"""An exchange reduced to its doors: one port that shakes WebSocket hands and answers REST; with certificates of a made-up authority."""

import ssl
from datetime import datetime
from pathlib import Path

import trustme
from listener import Line, ok

from gateway.exchange.rest import Rest
from workers.dial import Connection
from workers.route import Route

TIME = b'{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1700000000","timeNano":"1700000000123456789"},"time":1700000000123}'
TIME_MS = 1_700_000_000_123
GREETING = b"\x81\x05hello"


class Authority:
    """A certificate authority of one's own.

    ca_file  its certificate, PEM
    """

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = str(folder / "authority.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    def context(self, *names: str, not_after: datetime | None = None) -> ssl.SSLContext:
        """A server's, certified for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, not_after=not_after).configure_cert(context)
        return context


def exchange(line: Line) -> None:
    """Either door, by what is asked."""
    head = line.until(b"\r\n\r\n")
    if b"websocket" in head.lower():
        line.greet(head, GREETING)
    else:
        line.send(ok(TIME))
    line.rest()


def visit(scheme: str, address: str, *, ca_file: str = "", proxy: str = "") -> None:
    """Through the door that the scheme names: the greeting, or the time, must come back. Raises LinkLost."""
    url = f"{scheme}://{address}"
    if scheme in ("ws", "wss"):
        connection = Connection(Route(url, ca_file, proxy), read_s=5.0)
        try:
            message = None
            while message is None:
                message = connection.receive()
        finally:
            connection.close()
        assert message == b"hello"
    else:
        assert Rest(url, ca_file=ca_file, proxy=proxy).server_time_ms() == TIME_MS
