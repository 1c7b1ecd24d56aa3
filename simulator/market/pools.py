"""Insurance pools and deleveraging alerts of one group of contracts. Source: protocol notes, section 6.9."""

from random import Random
from typing import Any

from simulator.dialect import Message
from simulator.market import envelopes
from simulator.market.instruments import Instrument

#: Milliseconds between two pushes of either topic. Source: protocol notes, section 6.1.
EVERY_MS = 1_000
#: Balances are counted in this share of a coin.
_SHARE = 10**8
#: Losses of a pool within eight hours that set deleveraging off and end it, as ratios; and the balance it begins at.
_TRIGGER, _STOP, _THRESHOLD = -0.3, -0.25, 10_000

#: Group → the category whose endpoint has its topics. Who serves the inverse group is not documented: the natural split.
GROUPS = {"USDT": "linear", "USDC": "linear", "inverse": "inverse"}


def group_of(instrument: Instrument) -> str | None:
    """The group of a perpetual; nothing else has a pool of its own, nor has a pre-market."""
    if not instrument.is_perpetual or instrument.pre_market:
        return None
    return "inverse" if instrument.category == "inverse" else instrument.settle


class Pools:
    """The pools of one group: liquidations move a balance, and a balance moves its pool's alert."""

    def __init__(self, group: str, instruments: list[Instrument], dice: Random, now_ms: int) -> None:
        self.category = GROUPS[group]
        self._dice = dice
        self.topics = {f"insurance.{group}": self._insurance, f"adlAlert.{group}": self._alerts}
        self._coins = {row.symbol: row.settle for row in instruments}
        self._balances = {symbol: dice.randrange(10_000 * _SHARE, 500_000 * _SHARE) for symbol in self._coins}
        self._began = dict(self._balances)
        self._updated_ms = dict.fromkeys(self._coins, now_ms)
        self._changed: dict[str, None] = {}
        self._insurance_ms = self._alerts_ms = now_ms
        self._insurance_topic, self._alerts_topic = self.topics

    def add(self, symbol: str, coin: str, now_ms: int) -> None:
        """A contract that was listed later; one that was known goes on with its pool."""
        if symbol not in self._coins:
            self._coins[symbol] = coin
            self._began[symbol] = self._balances[symbol] = self._dice.randrange(10_000 * _SHARE, 500_000 * _SHARE)
            self._updated_ms[symbol] = now_ms

    def take(self, symbol: str, amount: int, now_ms: int) -> None:
        """A liquidation ended with so much left, or missing; 1e-8 coins."""
        self._balances[symbol] += amount
        self._updated_ms[symbol] = now_ms
        self._changed[symbol] = None

    def first(self, topic: str, now_ms: int) -> Message:
        return self.topics[topic](topic, "snapshot", list(self._coins), now_ms)

    def step(self, now_ms: int) -> list[tuple[str, str, list[str]]]:
        """(topic, type, symbols) of what is due: alerts always, insurance when something changed."""
        due = []
        if self._changed and now_ms - self._insurance_ms >= EVERY_MS:
            self._insurance_ms = now_ms
            due.append((self._insurance_topic, "delta", list(self._changed)))
            self._changed.clear()
        if now_ms - self._alerts_ms >= EVERY_MS:
            self._alerts_ms = now_ms
            due.append((self._alerts_topic, "snapshot", list(self._coins)))
        return due

    def _insurance(self, topic: str, kind: str, symbols: list[str], now_ms: int) -> Message:
        rows = [
            {
                "coin": self._coins[symbol],
                "symbols": symbol,
                "balance": _told(self._balances[symbol]),
                "updateTime": str(self._updated_ms[symbol]),
            }
            for symbol in symbols
        ]
        return self._frame("insurance", topic, kind, rows, now_ms)

    def _alerts(self, topic: str, kind: str, symbols: list[str], now_ms: int) -> Message:
        """Numbers are JSON numbers here, as in the documents' sample; `mb` is out of use and empty."""
        rows: list[dict[str, Any]] = [
            {
                "c": self._coins[symbol],
                "s": symbol,
                "b": self._balances[symbol] / _SHARE,
                "mb": "",
                "i_pr": _TRIGGER,
                "pr": round(max(0, self._began[symbol] - self._balances[symbol]) / self._began[symbol], 6),
                "adl_tt": _THRESHOLD,
                "adl_sr": _STOP,
            }
            for symbol in symbols
        ]
        return self._frame("alert", topic, kind, rows, now_ms)

    def _frame(self, family: str, topic: str, kind: str, data: Any, now_ms: int) -> Message:
        return envelopes.frame(family, self.category, topic, kind, data, sequence=0, now_ms=now_ms)


def _told(amount: int) -> str:
    sign, amount = "-" if amount < 0 else "", abs(amount)
    return f"{sign}{amount // _SHARE}.{amount % _SHARE:08}"
