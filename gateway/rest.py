"""The exchange's REST calls, over urllib3. Public ones only for now."""

import urllib.parse
from collections.abc import Sequence
from typing import Any

import urllib3
from urllib3.contrib.socks import SOCKSProxyManager

from gateway import timely
from gateway.errors import ExchangeError, LinkLost
from gateway.protocol.frames import decode
from gateway.proxy import Proxy, proxy_of
from gateway.tls import client_context, trouble

#: Connecting takes at most this long, and so does each wait for bytes of the answer; seconds.
TIMEOUT_S = 5.0
#: A whole answer takes at most so many times as long: one that trickles in is given up.
WHOLE = 4.0
#: An answer's body; the longest list of instruments is some MiB.
BODY_BYTES = 32 << 20
#: Read at a time; bytes.
_PART_BYTES = 1 << 16

#: Where instruments are listed, and how many to a page. Source: protocol notes, section 9.3; for spreads their own documents.
_INSTRUMENTS, _PAGE = "/v5/market/instruments-info", "1000"
_SPREADS, _SPREAD_PAGE = "/v5/spread/instrument", "500"
#: Up to 10,000 levels a side. Source: the same section.
_FULL_BOOK = "/v5/market/full_orderbook"
#: Of a list; the longest one known has three. An exchange that goes on for ever is not believed.
MOST_PAGES = 100
#: Categories whose list leaves out what is not trading yet.
_WITH_PRELAUNCH = ("linear", "inverse")
#: Connections that are kept for the next call, of as many threads.
_KEPT = 4


class Rest:
    """GET calls of one exchange. Raises LinkLost where it cannot be reached, ExchangeError where it refuses."""

    def __init__(
        self, base: str, *, ca_file: str = "", proxy: str = "", timeout_s: float = TIMEOUT_S, whole_s: float | None = None
    ) -> None:
        """`ca_file`: a further authority; `proxy`: an http:// or socks5h:// URL, never bypassed; "" for none.

        timeout_s  of connecting, and of each wait for bytes
        whole_s    of a whole answer; None: `WHOLE` times as long
        """
        way = proxy_of(proxy)
        self._base = base
        self._who = f"{base} through the proxy {way}" if way else base
        self._http = _pool(way, ca_file, timeout_s)
        timely.bound(self._http, WHOLE * timeout_s if whole_s is None else whole_s)

    def get(self, path: str, **fields: str) -> dict[str, Any]:
        """The `result` of an answer; numbers with a fraction are strings, as they came."""
        try:
            response = self._http.request("GET", self._base + path, fields=fields, preload_content=False)
            body = self._body(response)
        except urllib3.exceptions.HTTPError as fault:
            raise LinkLost(f"{self._who} gives no answer: {_words(fault)}") from fault
        try:
            answer = decode(body)
        except (ValueError, RecursionError) as fault:
            raise LinkLost(f"{self._who} answered HTTP {response.status} without JSON: {body[:40]!r}") from fault
        if not isinstance(answer, dict) or type(answer.get("retCode")) is not int:
            raise LinkLost(f"{self._who} answered HTTP {response.status} without a retCode: {body[:40]!r}")
        if answer["retCode"] != 0:
            raise ExchangeError(answer["retCode"], str(answer.get("retMsg")))
        result = answer.get("result")
        return dict(result) if isinstance(result, dict) else {}

    def instruments(self, category: str, *, base_coins: Sequence[str] = (), symbol: str | None = None) -> list[Any]:
        """The rows of a category's catalog as they came, all pages; or of one symbol. PreLaunch ones come first.

        base_coins  whose options: the exchange lists them by base coin
        """
        one = {} if symbol is None else {"symbol": symbol}
        if category == "spread":
            return self._pages(_SPREADS, limit=_SPREAD_PAGE, **one)
        asked: list[dict[str, str]] = [{}]
        if category in _WITH_PRELAUNCH:  # first: one that begins to trade meanwhile is found twice, not missed
            asked = [{"status": "PreLaunch"}, {}] if symbol is None else [{}, {"status": "PreLaunch"}]
        elif category == "option" and symbol is None:
            asked = [{"baseCoin": coin} for coin in base_coins]
        pages = (self._pages(_INSTRUMENTS, category=category, limit=_PAGE, **one, **more) for more in asked)
        if symbol is not None:
            return next(filter(None, pages), [])
        return [row for rows in pages for row in rows]

    def full_orderbook(self, category: str, symbol: str) -> dict[str, Any]:
        """A whole book, as it came; whether it is one, `FullBook.snapshot` says."""
        return self.get(_FULL_BOOK, category=category, symbol=symbol)

    def server_time_ms(self) -> int:
        """The exchange's clock, Unix milliseconds."""
        found = self.get("/v5/market/time").get("timeNano")
        if not isinstance(found, str) or not found.isdigit():
            raise LinkLost(f"{self._who} tells no time: found timeNano {found!r}")
        return int(found) // 1_000_000

    def _pages(self, path: str, **fields: str) -> list[Any]:
        """All rows of a list. A last page may name a next one, which is then empty."""
        rows: list[Any] = []
        seen = set[str]()
        for _ in range(MOST_PAGES):
            result = self.get(path, **fields)
            found, cursor = result.get("list"), result.get("nextPageCursor") or ""
            if not isinstance(found, list) or not isinstance(cursor, str):
                raise LinkLost(f"{self._who} answered {path} without a list: {str(result)[:100]}")
            rows += found
            if not found or not cursor or "symbol" in fields or fields.get("category") == "spot":  # which is never paged
                return rows
            if cursor in seen:
                raise LinkLost(f"{self._who} answered {path} with a page that leads back: {cursor[:100]!r}")
            seen.add(cursor)
            # It comes percent-encoded and is sent back as it came (protocol notes, section 9.1): it is encoded again on its way.
            fields["cursor"] = urllib.parse.unquote(cursor)
        raise LinkLost(f"{self._who} answered {path} with more than {MOST_PAGES} pages")

    def _body(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """All of it, unless it is too large."""
        body = bytearray()
        while part := response.read1(_PART_BYTES, decode_content=True):
            body += part
            if len(body) > BODY_BYTES:
                response.close()
                raise LinkLost(f"{self._who} answered more than {BODY_BYTES} bytes")
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
