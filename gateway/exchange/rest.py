"""The exchange's public REST calls."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from gateway.errors import ExchangeError, LinkLost
from gateway.exchange.budget import RestBudget
from gateway.exchange.calls import TIMEOUT_S, Answer, Calls, is_number, query_of
from gateway.exchange.paging import pages

#: Where instruments are listed, and how many to a page. Source: protocol notes, section 9.3; for spreads their own documents.
_INSTRUMENTS, _PAGE = "/v5/market/instruments-info", "1000"
_SPREADS, _SPREAD_PAGE = "/v5/spread/instrument", "500"
#: Up to 10,000 levels a side. Source: the same section.
_FULL_BOOK = "/v5/market/full_orderbook"
#: Categories whose list leaves out what is not trading yet.
_WITH_PRELAUNCH = ("linear", "inverse")


class Rest:
    """GET calls of one exchange. Raises LinkLost where it cannot be reached, ExchangeError where it refuses."""

    def __init__(
        self, base: str, *, ca_file: str = "", proxy: str = "", timeout_s: float = TIMEOUT_S, whole_s: float | None = None,
        budget: RestBudget | None = None,
    ) -> None:  # fmt: skip
        """`ca_file`: a further authority; `proxy`: an http:// or socks5h:// URL, never bypassed; "" for none.

        timeout_s  of connecting, and of each wait for bytes
        whole_s    of a whole answer, and of the wait for a turn; None: `WHOLE` times as long
        budget     of this host; None: no limit
        """
        self.calls = Calls(base, ca_file=ca_file, proxy=proxy, timeout_s=timeout_s, whole_s=whole_s, budget=budget)

    def answer(self, path: str, **fields: str) -> Answer:
        """One whose code is 0."""
        answer = self.calls.get(path, query_of(fields))
        if answer.code != 0:
            raise ExchangeError(answer.code, answer.words)
        return answer

    def get(self, path: str, **fields: str) -> dict[str, Any]:
        """The `result` of an answer; numbers with a fraction are strings, as they came."""
        return self.answer(path, **fields).result

    def instruments(self, category: str, *, base_coins: Sequence[str] = (), symbol: str | None = None) -> list[Any]:
        """The rows of a category's catalog as they came, all pages; or of one symbol. PreLaunch ones come first.

        base_coins  whose options: the exchange lists them by base coin
        """
        one = {} if symbol is None else {"symbol": symbol}
        if category == "spread":
            return self._rows(_SPREADS, limit=_SPREAD_PAGE, **one)
        asked: list[dict[str, str]] = [{}]
        if category in _WITH_PRELAUNCH:  # first: one that begins to trade meanwhile is found twice, not missed
            asked = [{"status": "PreLaunch"}, {}] if symbol is None else [{}, {"status": "PreLaunch"}]
        elif category == "option" and symbol is None:
            asked = [{"baseCoin": coin} for coin in base_coins]
        lists = (self._rows(_INSTRUMENTS, category=category, limit=_PAGE, **one, **more) for more in asked)
        if symbol is not None:
            return next(filter(None, lists), [])
        return [row for rows in lists for row in rows]

    def full_orderbook(self, category: str, symbol: str) -> dict[str, Any]:
        """A whole book, as it came; whether it is one, `FullBook.snapshot` says."""
        return self.get(_FULL_BOOK, category=category, symbol=symbol)

    def server_time_ms(self) -> int:
        """The exchange's clock, Unix milliseconds."""
        found = self.get("/v5/market/time").get("timeNano")
        if not isinstance(found, str) or not is_number(found):
            raise LinkLost(f"{self.calls.who} tells no time: found timeNano {found!r}")
        return int(found) // 1_000_000

    def _rows(self, path: str, **fields: str) -> list[Any]:
        """All rows of a list."""
        found = pages(lambda asked: self.answer(path, **asked), fields, who=f"{self.calls.who} for {path}")
        if "symbol" in fields or fields.get("category") == "spot":  # which is never paged
            found = islice(found, 1)
        return [row for answer in found for row in answer.result["list"]]
