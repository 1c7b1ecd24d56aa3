"""What the exchange knows and told, asked of itself: the account over REST, and the ledger of what went over the wire.

Told     one fact that was sent to one connection
Account  all executions, the state of all orders and positions, and the wallet, now
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3

from simulator.remote import RunningSimulator
from tests.facts import facts_of_frame
from tests.integration.running import wait_for

#: Category → what a complete read of it needs to name.
ALL = {"spot": {}, "linear": {"settleCoin": "USDT"}, "inverse": {}, "option": {"baseCoin": "BTC"}}
#: Spot lists conditional orders only when asked for them.
KINDS = {"spot": ("Order", "StopOrder")}
#: Requests a second at the most: the address, and what it may ask, is shared with the gateway.
PACE = 20.0

#: The code of a refusal because of too many calls of this account.
TOO_MANY = 10006
#: Whose trades are looked at, and how often; seconds. A thousand are made in nine.
CONTRACTS, TRADES_EVERY_S = ("BTCUSDT", "ETHUSDT", "SOLUSDT"), 3.0

Row = dict[str, Any]


class Execution(NamedTuple):
    """What a fill was."""

    time_ms: int
    price: Decimal
    quantity: Decimal
    fee: Decimal


class Made(NamedTuple):
    """What a trade of the market was."""

    time_ms: int
    price: Decimal
    quantity: Decimal


class Told(NamedTuple):
    """One fact of one sent frame. sent_ns: Unix nanoseconds."""

    endpoint: str
    connection: int
    topic: str
    fact: tuple[Any, ...]
    sent_ns: int


@dataclass
class Ledger:
    """The exchange's ledger, read on as it grows, so that it may forget.

    told      facts of pushed frames that were sent, in their order; withheld: of those that a fault kept back
    trades    of contracts that were made, whether or not anybody was told: (category, symbol, id) → what it was
    """

    simulator: RunningSimulator
    told: list[Told] = field(default_factory=list)
    withheld: list[Told] = field(default_factory=list)
    trades: dict[tuple[str, str, str], Made] = field(default_factory=dict)
    _after: int = 0
    _http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(timeout=10.0, retries=False))
    _trades_due: float = 0.0

    def read(self) -> list[Told]:
        for entry in self.simulator.ledger(direction=None, after=self._after):
            self._after = entry.number
            found = {"sent": self.told, "withheld": self.withheld}.get(entry.direction)
            if found is not None and entry.topic and entry.topic not in ("greeks", "execution.fast"):
                for fact in facts_of_frame(entry.topic, entry.frame):
                    found.append(Told(entry.endpoint, entry.connection, entry.topic, fact, entry.sent_ns))
        return self.told

    def read_trades(self) -> None:
        """The last 1,000 of each contract, where the last look was long enough ago. The exchange forgets older ones."""
        if time.monotonic() < self._trades_due:
            return
        self._trades_due = time.monotonic() + TRADES_EVERY_S
        for symbol in CONTRACTS:
            url = f"{self.simulator.rest_url}/v5/market/recent-trade?category=linear&symbol={symbol}&limit=1000"
            for row in json.loads(self._http.request("GET", url).data)["result"]["list"]:
                made = Made(int(row["time"]), Decimal(row["price"]), Decimal(row["size"]))
                self.trades["linear", symbol, row["execId"]] = made


@dataclass(frozen=True)
class Account:
    """The account as REST tells it.

    executions  execution id → what it was
    orders      order id → status, executed quantity, update time
    positions   (category, symbol, positionIdx) → side ("" when flat), size; only open ones
    wallet      coin → wallet balance; only those that are not zero
    """

    executions: dict[str, Execution]
    orders: dict[str, tuple[str, Decimal, int]]
    positions: dict[tuple[str, str, int], tuple[str, Decimal]]
    wallet: dict[str, Decimal]


class Rest:
    """Signed and public reads of the exchange, at a pace that leaves the gateway its own."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self._simulator = simulator
        self._http = urllib3.PoolManager(timeout=10.0, retries=False)
        self._ahead_ms = 0
        self._free_at = 0.0

    def account(self) -> Account:
        """Consistent only while the account stands still."""
        self._look_at_the_clock()
        executions: dict[str, Execution] = {}
        orders: dict[str, tuple[str, Decimal, int]] = {}
        positions = {}
        for category, named in ALL.items():
            executions |= {row["execId"]: execution(row) for row in self.executions(category)}
            for kind in KINDS.get(category, ("",)):
                more = {"orderFilter": kind} if kind else {}
                for path in ("/v5/order/history", "/v5/order/realtime"):
                    for row in self._rows(path, category=category, limit="50", **named, **more):
                        orders[row["orderId"]] = row["orderStatus"], Decimal(row["cumExecQty"]), int(row["updatedTime"])
            if category != "spot":
                for row in self._rows("/v5/position/list", category=category, limit="200", **named):
                    positions[category, row["symbol"], row["positionIdx"]] = row["side"], Decimal(row["size"])
        return Account(executions, orders, positions, self.wallet())

    def wallet(self) -> dict[str, Decimal]:
        self._look_at_the_clock()
        [row] = self._get("/v5/account/wallet-balance", accountType="UNIFIED")["list"]
        return {coin["coin"]: Decimal(coin["walletBalance"]) for coin in row["coin"] if Decimal(coin["walletBalance"])}

    def executions(self, category: str) -> list[Row]:
        """All of a category, newest first."""
        self._look_at_the_clock()
        filters = {"baseCoin": "BTC"} if category == "option" else {}
        return list(self._rows("/v5/execution/list", category=category, limit="100", **filters))

    def candles(self, until_ms: int) -> dict[int, str]:
        """Start → close, of the minutes of linear BTCUSDT that were over then, as it is traded since ever."""
        rows = self._get("/v5/market/kline", category="linear", symbol="BTCUSDT", interval="1", limit="1000")["list"]
        return {int(row[0]): row[4] for row in rows if int(row[0]) + 60_000 <= until_ms}

    def _rows(self, path: str, **query: str) -> Iterator[Row]:
        cursor = ""
        while True:
            page = self._get(path, **query, **({"cursor": cursor} if cursor else {}))
            yield from page["list"]
            cursor = page["nextPageCursor"]
            if not cursor:
                return

    def _get(self, path: str, **query: str) -> Row:
        """The result of one signed read."""
        wait_for(lambda: time.monotonic() >= self._free_at, "the next request may be made")
        self._free_at = time.monotonic() + 1 / PACE
        text, stamp = urlencode(query), str(int(time.time() * 1000) + self._ahead_ms)
        origin = f"{stamp}{self._simulator.api_key}5000{text}"
        headers = {
            "X-BAPI-API-KEY": self._simulator.api_key,
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": "5000",
            "X-BAPI-SIGN": hmac.new(self._simulator.api_secret.encode(), origin.encode(), hashlib.sha256).hexdigest(),
        }
        return self._result(path, text, headers)

    def _look_at_the_clock(self) -> None:
        """The exchange's may be wrong, and requests are dated by it."""
        self._ahead_ms = int(self._result("/v5/market/time", "", {})["timeNano"]) // 1_000_000 - int(time.time() * 1000)

    def _result(self, path: str, text: str, headers: dict[str, str]) -> Row:
        answer: Row = {}

        def is_answered() -> bool:
            nonlocal answer
            answer = json.loads(self._http.request("GET", f"{self._simulator.rest_url}{path}?{text}", headers=headers).data)
            return bool(answer["retCode"] != TOO_MANY)

        wait_for(is_answered, "the exchange answers, which the gateway may have asked as much as it may be asked")
        assert answer["retCode"] == 0, answer
        return dict(answer["result"])


def execution(row: Row) -> Execution:
    """Of a row of the list of executions."""
    return Execution(int(row["execTime"]), Decimal(row["execPrice"]), Decimal(row["execQty"]), Decimal(row["execFee"] or 0))
