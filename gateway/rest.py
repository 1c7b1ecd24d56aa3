"""The exchange's REST calls, over urllib3. Public ones only for now."""

from typing import Any

import urllib3

from gateway.errors import ExchangeError, LinkLost

#: An answer takes at most this long; seconds.
TIMEOUT_S = 5.0


class Rest:
    """GET calls of one exchange. Raises LinkLost where it cannot be reached, ExchangeError where it refuses."""

    def __init__(self, base: str, *, ca_file: str = "", proxy: str = "") -> None:
        """`proxy`: an http:// URL, or "" for none; never bypassed."""
        self._base = base
        options: dict[str, Any] = {"timeout": TIMEOUT_S, "retries": False, "ca_certs": ca_file or None}
        if proxy and not proxy.startswith("http://"):
            raise LinkLost(f"REST calls cannot use the proxy {proxy.partition('://')[0]}:// yet; expected http://")
        self._http = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)

    def get(self, path: str, **fields: str) -> dict[str, Any]:
        """The `result` of an answer."""
        try:
            response = self._http.request("GET", self._base + path, fields=fields)
            answer = response.json()
        except (urllib3.exceptions.HTTPError, ValueError) as fault:
            raise LinkLost(f"{self._base} gives no answer: {type(fault).__name__}") from fault
        if not isinstance(answer, dict) or answer.get("retCode") != 0:
            code, words = (answer.get("retCode"), answer.get("retMsg")) if isinstance(answer, dict) else (None, None)
            raise ExchangeError(int(code or 0), str(words))
        return dict(answer.get("result") or {})

    def server_time_ms(self) -> int:
        """The exchange's clock, Unix milliseconds."""
        found = self.get("/v5/market/time").get("timeNano")
        if not isinstance(found, str) or not found.isdigit():
            raise LinkLost(f"{self._base} tells no time: found timeNano {found!r}")
        return int(found) // 1_000_000
