"""The exchange's REST calls, over urllib3. Public ones only for now."""

import json
from typing import Any

import urllib3
from urllib3.contrib.socks import SOCKSProxyManager

from gateway.errors import ExchangeError, LinkLost
from gateway.proxy import Proxy, proxy_of
from gateway.tls import client_context, trouble

#: Connecting takes at most this long, and so does each wait for bytes of the answer; seconds.
TIMEOUT_S = 5.0
#: An answer's body; the longest list of instruments is some MiB.
BODY_BYTES = 32 << 20


class Rest:
    """GET calls of one exchange. Raises LinkLost where it cannot be reached, ExchangeError where it refuses."""

    def __init__(self, base: str, *, ca_file: str = "", proxy: str = "") -> None:
        """`ca_file`: a further authority; `proxy`: an http:// or socks5h:// URL, never bypassed; "" for none."""
        way = proxy_of(proxy)
        self._base = base
        self._who = f"{base} through the proxy {way}" if way else base
        self._http = _pool(way, ca_file)

    def get(self, path: str, **fields: str) -> dict[str, Any]:
        """The `result` of an answer."""
        try:
            response = self._http.request("GET", self._base + path, fields=fields, preload_content=False)
            body = response.read(BODY_BYTES, decode_content=True)
            if response.read(1):
                response.close()
                raise LinkLost(f"{self._who} answered more than {BODY_BYTES} bytes")
            response.release_conn()
        except urllib3.exceptions.HTTPError as fault:
            raise LinkLost(f"{self._who} gives no answer: {_words(fault)}") from fault
        try:
            answer = json.loads(body)
        except ValueError as fault:
            raise LinkLost(f"{self._who} answered HTTP {response.status} without JSON: {body[:40]!r}") from fault
        if not isinstance(answer, dict) or not isinstance(answer.get("retCode"), int):
            raise LinkLost(f"{self._who} answered HTTP {response.status} without a retCode: {body[:40]!r}")
        if answer["retCode"] != 0:
            raise ExchangeError(answer["retCode"], str(answer.get("retMsg")))
        result = answer.get("result")
        return dict(result) if isinstance(result, dict) else {}

    def server_time_ms(self) -> int:
        """The exchange's clock, Unix milliseconds."""
        found = self.get("/v5/market/time").get("timeNano")
        if not isinstance(found, str) or not found.isdigit():
            raise LinkLost(f"{self._who} tells no time: found timeNano {found!r}")
        return int(found) // 1_000_000


def _pool(proxy: Proxy | None, ca_file: str) -> urllib3.PoolManager:
    options: dict[str, Any] = {"timeout": TIMEOUT_S, "retries": False, "ssl_context": client_context(ca_file)}
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
