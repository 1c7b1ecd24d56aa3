"""The way out through a proxy, as the setting names it."""

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from gateway.errors import LinkLost

#: Scheme → the port where the URL names none.
PORTS = {"http": 8080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and who we are to it.

    scheme           http: asked with CONNECT; socks5h: SOCKS5, names of hosts are resolved by the proxy
    user, password   "" for none
    """

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def authorization(self) -> str:
        """The value of an HTTP proxy's Proxy-Authorization; "" without a user."""
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"Basic {login}" if self.user else ""

    def __str__(self) -> str:
        """For messages and libraries: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def proxy_of(url: str) -> Proxy | None:
    """`url` is a value of BYBIT_PROXY, "" for none; user and password may be percent-encoded."""
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise LinkLost(f"the proxy's scheme is {parts.scheme!r}; expected {' or '.join(PORTS)}")
    return Proxy(
        parts.scheme,
        parts.hostname,
        parts.port or PORTS[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
