"""GET calls that end: urllib3 below, one budget of the host before each, and what comes back as JSON, whatever its code."""

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.contrib.socks import SOCKSProxyManager

from gateway.errors import LinkLost, NotAsked
from gateway.exchange import timely
from gateway.exchange.budget import RestBudget
from gateway.protocol.frames import decode, is_too_deep
from gateway.proxy import Proxy, proxy_of
from gateway.tls import client_context, trouble

#: Connecting takes at most this long, and so does each wait for bytes of the answer; seconds.
TIMEOUT_S = 5.0
#: A whole answer takes at most so many times as long: one that trickles in is given up. So long a turn is waited for, too.
WHOLE = 4.0
#: An answer's body; the longest list of instruments is some MiB.
BODY_BYTES = 32 << 20
#: Read at a time; bytes.
_PART_BYTES = 1 << 16
#: Connections that are kept for the next call, of as many threads.
_KEPT = 8
#: Digits of a time in nanoseconds, with a century to spare.
LONGEST_NUMBER = 20
#: How the exchange bans an address. Source: protocol notes, section 9.2; other refusals with this status have other words.
_BANNED, _BANNED_WORDS = 403, b"access too frequent"
#: Statuses that say enough without a body: they count as codes. Source: the same section.
_CODES = {401: "the key's headers are missing or wrong", 429: "too many requests"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    body     its envelope; numbers with a fraction are texts, as they came
    headers  by lower-case name
    """

    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def code(self) -> int:
        return int(self.body["retCode"])

    @property
    def words(self) -> str:
        return str(self.body.get("retMsg"))

    @property
    def result(self) -> dict[str, Any]:
        found = self.body.get("result")
        return dict(found) if isinstance(found, dict) else {}


def query_of(fields: Mapping[str, str]) -> str:
    """The query string as it is sent, byte for byte: signatures are over it."""
    return urllib.parse.urlencode(fields)


def is_number(text: str) -> bool:
    """Whether a header or a field of an answer is a whole number of a size that a time can have."""
    return len(text) <= LONGEST_NUMBER and text.isascii() and text.isdecimal()


class Calls:
    """Of one exchange. May be used by several threads."""

    def __init__(
        self, base: str, *, ca_file: str, proxy: str, timeout_s: float, whole_s: float | None, budget: RestBudget | None
    ) -> None:
        way = proxy_of(proxy)
        self.who = f"{base} through the proxy {way}" if way else base
        self._base = base
        self._http = _pool(way, ca_file, timeout_s)
        self._whole_s = WHOLE * timeout_s if whole_s is None else whole_s
        self._budget = budget
        timely.bound(self._http, self._whole_s)

    def get(self, path: str, query: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises LinkLost where nothing comes that can be read, NotAsked where nothing was asked."""
        if self._budget is not None:
            self._budget.take(self._whole_s)
        url = f"{self._base}{path}?{query}" if query else self._base + path
        try:
            response = self._http.request(
                "GET", url, headers=headers, preload_content=False, redirect=False
            )  # signed for here alone
            body = self._body(response)
        except urllib3.exceptions.HTTPError as fault:
            raise LinkLost(f"{self.who} gives no answer: {_words(fault)}") from fault
        if response.status == _BANNED and _BANNED_WORDS in body:
            if self._budget is not None:
                self._budget.banned()
            raise NotAsked(f"{self.who} has banned this address: it was asked too often")
        return Answer(self._envelope(response.status, body), {name.lower(): value for name, value in response.headers.items()})

    def _envelope(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = decode(body)
        except (ValueError, RecursionError) as fault:
            if status in _CODES:
                return {"retCode": status, "retMsg": f"HTTP {status}, {_CODES[status]}"}
            raise LinkLost(f"{self.who} answered HTTP {status} without JSON: {body[:40]!r}") from fault
        if not isinstance(answer, dict) or type(answer.get("retCode")) is not int:
            raise LinkLost(f"{self.who} answered HTTP {status} without a retCode: {body[:40]!r}")
        if is_too_deep(body, answer):
            raise LinkLost(f"{self.who} answered with lists and objects within each other: {body[:40]!r}")
        return answer

    def _body(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """All of it, unless it is too large."""
        body = bytearray()
        while part := response.read1(_PART_BYTES, decode_content=True):
            body += part
            if len(body) > BODY_BYTES:
                response.close()
                raise LinkLost(f"{self.who} answered more than {BODY_BYTES} bytes")
        response.release_conn()
        return bytes(body)


def _pool(proxy: Proxy | None, ca_file: str, timeout_s: float) -> urllib3.PoolManager:
    options: dict[str, Any] = {"timeout": timeout_s, "retries": False, "maxsize": _KEPT, "ssl_context": client_context(ca_file)}
    if proxy is None:
        return urllib3.PoolManager(**options)
    if proxy.scheme == "socks5h":
        return SOCKSProxyManager(str(proxy), proxy.user or None, proxy.password or None, **options)
    headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
    return urllib3.ProxyManager(str(proxy), proxy_headers=headers, **options)


def _words(fault: BaseException) -> str:
    """The trouble at the bottom, for urllib3 wraps it two or three times; without the URL of a proxy."""
    seen = [fault]
    while (inner := _inner(seen[-1])) is not None and inner not in seen:
        seen.append(inner)
    bottom = seen[-1]
    return trouble(bottom) if isinstance(bottom, OSError) else f"{type(bottom).__name__}: {bottom}"


def _inner(fault: BaseException) -> BaseException | None:
    return fault.__cause__ or fault.__context__ or next((item for item in fault.args if isinstance(item, BaseException)), None)
