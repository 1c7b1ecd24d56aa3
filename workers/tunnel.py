"""Through a proxy: HTTP CONNECT, and SOCKS5 with a user and a password. Source: RFC 9110 section 9.3.6, RFC 1928, RFC 1929."""

import ipaddress
import re

from gateway.errors import LinkLost
from gateway.proxy import Proxy
from gateway.tls import trouble
from workers.stream import Stream

#: The proxy's answer to a SOCKS5 request → what it says. Source: RFC 1928, section 6.
_REPLIES = {
    1: "general failure",
    2: "its rules do not allow the connection",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "the connection was refused",
    6: "the time to live expired",
    7: "it does not know the command",
    8: "it does not know the kind of address",
}
#: Kind of address in a SOCKS5 answer → its length in bytes; 3 is a name, with its length before it.
_ADDRESS_BYTES = {1: 4, 4: 16}
_NO_LOGIN, _PASSWORD = 0, 2
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b([^\r\n]*)")


def tunnel(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy connect `stream` to the host; its name goes there unresolved. Raises LinkLost."""
    try:
        {"http": _connect, "socks5h": _socks}[proxy.scheme](stream, proxy, host, port)
    except LinkLost as fault:
        raise LinkLost(f"the proxy {proxy} {fault}") from fault
    except OSError as fault:
        raise LinkLost(f"the proxy {proxy} gave no answer: {trouble(fault)}") from fault
    except EOFError as fault:
        raise LinkLost(f"the proxy {proxy} gave no answer: {fault}") from fault


def _connect(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    stream.send("\r\n".join([*lines, "", ""]).encode())
    head = stream.head()
    status = _STATUS.match(head)
    if status is None:
        raise LinkLost(f"answered {head[:40]!r}; expected HTTP")
    if not 200 <= int(status[1]) < 300:
        reason = status[2].decode("ascii", "replace").strip()
        raise LinkLost(f"answered HTTP {status[1].decode()}{f' {reason}' if reason else ''} to CONNECT {target}; expected 200")
    stream.exactly(len(head))


def _socks(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    ways = bytes([_NO_LOGIN, _PASSWORD] if proxy.user else [_NO_LOGIN])
    stream.send(bytes([5, len(ways)]) + ways)
    version, way = stream.exactly(2)
    if version != 5:
        raise LinkLost(f"answered with version {version}; expected SOCKS 5")
    if way == _PASSWORD and proxy.user:
        _log_in(stream, proxy)
    elif way != _NO_LOGIN:
        wants = "another login than user and password" if proxy.user else "a user and a password"
        raise LinkLost(f"takes none of our ways to log in; it seems to want {wants}")
    stream.send(b"\x05\x01\x00" + _address(host) + port.to_bytes(2, "big"))
    version, reply, _, kind = stream.exactly(4)
    if version != 5 or reply:
        raise LinkLost(f"answered {_REPLIES.get(reply, f'code {reply}')} to the request for {host}:{port}")
    stream.exactly(_ADDRESS_BYTES[kind] if kind in _ADDRESS_BYTES else stream.exactly(1)[0])
    stream.exactly(2)


def _log_in(stream: Stream, proxy: Proxy) -> None:
    user, password = proxy.user.encode(), proxy.password.encode()
    if len(user) > 255 or len(password) > 255:
        raise LinkLost("cannot be told our user and password; expected 255 bytes at the most")
    stream.send(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
    if stream.exactly(2)[1]:
        raise LinkLost("refused our user and password")


def _address(host: str) -> bytes:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode()
        if len(name) > 255:
            raise LinkLost("cannot be told a host's name longer than 255 bytes") from None
        return bytes([3, len(name)]) + name
    return bytes([1 if found.version == 4 else 4]) + found.packed
