"""ROUTE: how to get to an endpoint, through a proxy and inside TLS where there are such; and the stream at its end."""

from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.errors import LinkLost
from gateway.proxy import proxy_of
from gateway.tls import client_context, trouble
from workers.stream import Stream, connected
from workers.tunnel import tunnel


@dataclass(frozen=True, slots=True)
class Route:
    """How to get to an endpoint.

    url      ws:// or wss://, with the path
    ca_file  a further authority, "" for the system's alone
    proxy    http:// or socks5h:// URL, "" for none
    """

    url: str
    ca_file: str = ""
    proxy: str = ""


def reached(route: Route, until: float) -> Stream:
    """A stream that ends at the route's host, through the proxy and inside TLS where there are such."""
    parts = urlsplit(route.url)
    secure = parts.scheme == "wss"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    context = client_context(route.ca_file) if secure else None
    proxy = proxy_of(route.proxy)
    stream = connected(proxy.host, proxy.port, until) if proxy else connected(host, port, until)
    with ExitStack() as unless_reached:
        unless_reached.callback(stream.close)
        try:
            if proxy:
                tunnel(stream, proxy, host, port)
            if context:
                stream.start_tls(context, host)
        except OSError as fault:
            raise LinkLost(f"no TLS with {host}:{port}: {trouble(fault)}") from fault
        unless_reached.pop_all()
    return stream
