"""One instrument's market: book, trades, ticker and candles, moved by seeded dice, as frames of the exchange.

Sources: protocol notes, section 6. The dice are rolled alike whoever listens; frames that nobody wants are not built.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from simulator.dialect import Message, plain
from simulator.market import envelopes, topics
from simulator.market.book import Book, View
from simulator.market.candles import INTERVALS, Candle
from simulator.market.funding_rates import Funding
from simulator.market.greeks import strike, told_of_trade
from simulator.market.instruments import CLOSED, TRADING, Instrument
from simulator.market.liquidations import Liquidations
from simulator.market.takers import Takers
from simulator.market.tickers import TICKERS, WITH_DELTAS, Figures, Ticker
from simulator.market.topics import FULL_SERVICE, WITH_LIQUIDATIONS
from simulator.market.trades import DIRECTIONS, KEPT

#: Seconds after which a level-1 book that did not change is sent again.
RESEND_S = 3.0
#: Milliseconds between two price limits. Source: protocol notes, section 6.1.
LIMITS_MS = 300
#: How far from the mark an order may be: 1 %.
_LIMIT = Decimal("0.01")
#: Trades in one frame. Source: protocol notes, section 6.6.
MOST_TRADES = 1024
#: One step in so many repeats the best level in a ticker's delta, changed or not (protocol notes, section 12).
_REPEATS = 7
#: The mark strays so far from the last price, in tenths of a tick.
_ASTRAY = 30

Wants = Callable[[str], bool]


def everything(_topic: str) -> bool:
    return True


class Feed:
    """`step` moves it and returns the frames that its topics' subscribers get.

    stage       the status that somebody gave it, PreLaunch or Closed; "": by the calendar
    underlying  what an option's index follows: another feed, moved before this one
    liquidated  what the last step's liquidation left to the insurance pool, 1e-8 coins; 0: there was none
    is_empty    nobody's orders are in the book: before its launch, after its delisting
    """

    def __init__(
        self, instrument: Instrument, dice: Random, now_ms: int, *, underlying: "Feed | None" = None, kept: int = KEPT
    ) -> None:
        self.instrument = instrument
        self.stage = ""
        self.liquidated = 0
        self.is_empty = False
        self._dice = dice
        self._underlying = underlying
        self._began_ms = self._now_ms = now_ms
        self.book = Book(instrument, dice)
        self.views = self._new_views(now_ms)
        self.deals = Takers(instrument, self.book, dice, now_ms, kept=kept)
        self._open_interest = dice.randrange(10**7, 10**8)
        self._astray = 0
        self.funding = Funding(dice.getrandbits(64), now_ms) if instrument.is_perpetual else None
        self._liquidations = Liquidations(instrument, self.book, dice, now_ms) if self._has(WITH_LIQUIDATIONS) else None
        self._limits_ms = now_ms
        self._quiet_since = now_ms
        self._index = self._index_now()
        self._shown: Ticker | None = None
        self._names = topics.names(instrument)

    @property
    def last_price(self) -> Decimal:
        return self.deals.last * self.instrument.tick

    @property
    def mark_price(self) -> Decimal:
        return (self.deals.last * 10 + self._astray) * self.instrument.tick / 10

    def status(self, now_ms: int) -> str:
        """In the exchange's words."""
        return self.stage or self.instrument.status(now_ms, self._began_ms)

    def row(self, now_ms: int) -> dict[str, Any]:
        """As instruments-info answers."""
        return self.instrument.row(self.status(now_ms))

    def topics(self) -> list[str]:
        """Every topic that this instrument has; option trades go by base coin."""
        return list(self._names.values())

    def first(self, topic: str, now_ms: int) -> list[Message]:
        """What the exchange sends on subscribe: books, tickers, candles and limits; no trades, there is no history."""
        family, rest = topic.split(".", 1)
        if family == "orderbook":
            depth = rest.split(".", 1)[0]
            return [] if depth == "full" else [self.snapshot(depth, now_ms)]
        if family == "tickers":
            return [self._frame("ticker", topic, "snapshot", self.ticker(), now_ms)]
        if family == "kline":
            interval = rest.split(".", 1)[0]
            return [self._kline_frame(interval, self.deals.candles.running(interval), now_ms, confirm=False)]
        if family == "priceLimit":
            return [self._limits(now_ms)]
        return []

    def restart(self, now_ms: int, how: str = "service") -> list[Message]:
        """Books begin anew with `u` 1, the full one empty: clients are to fetch it. Source: protocol notes, section 6.4.

        how: service: all of them; tick: the full one alone, as after a new tick or lot size. What is closed has no books to begin.
        """
        if self.stage == CLOSED:
            return []
        names = [name for name in self.views if name == "full" or how == "service"]
        self.book.advance()
        for name in names:
            self.views[name].restart(now_ms)
        empty = self._book_frame("full", "delta", ([], []), now_ms) if "full" in names else {}
        return [empty if name == "full" else self.snapshot(name, now_ms) for name in names]

    def close(self, now_ms: int) -> list[Message]:
        """It is delisted: its books are empty, of which the full one tells, and nothing moves until it is opened again."""
        told = self.restart(now_ms, "tick")
        self.stage, self.is_empty = CLOSED, True
        return told

    def open(self, stage: str, now_ms: int) -> list[Message]:
        """It is listed, as PreLaunch or (stage "") to be traded. Books that were empty begin; what was traded goes on as it was."""
        was_empty, self.stage, self.is_empty = self.is_empty, stage, bool(stage)
        return self.restart(now_ms) if was_empty and not self.is_empty else []

    def step(self, now_ms: int, trades: float, wants: Wants = everything) -> list[Message]:
        """Move once. trades: how many the step brings on average; wants: whose frames are to be built."""
        self.liquidated = 0
        return self._move(now_ms, trades, wants) if self.status(now_ms) == TRADING else []

    def _move(self, now_ms: int, trades: float, wants: Wants) -> list[Message]:
        names, ticker_wanted = self._names, wants(self._names["tickers"])
        before = self.ticker() if ticker_wanted else None
        frames = self._closed(now_ms, wants)
        if self.funding is not None:
            self.funding.settle(now_ms, self.mark_price)
        self._now_ms, self._shown = now_ms, None
        self.book.step()
        self._stray()
        made = self.deals.step(int(self._dice.random() * 2 * trades + self._dice.random()), now_ms, self._model())
        if made and wants(names["trades"]):
            rows = [self.deals.tape.row(trade) for trade in made]
            parts = [rows[at : at + MOST_TRADES] for at in range(0, len(rows), MOST_TRADES)]
            frames += [self._frame("trade", names["trades"], "snapshot", part, now_ms) for part in parts]
        if made and self._has(FULL_SERVICE):
            frames += [
                self._kline_frame(interval, self.deals.candles.running(interval), now_ms, confirm=False)
                for interval in INTERVALS
                if wants(names[interval])
            ]
        frames += self._book_frames(now_ms, wants)
        if before is not None:
            frames += self._ticker_frames(before, now_ms)
        if self._has(FULL_SERVICE) and now_ms - self._limits_ms >= LIMITS_MS:
            self._limits_ms = now_ms
            frames += [self._limits(now_ms)] if wants(names["limits"]) else []
        return frames + self._liquidation_frames(now_ms, wants)

    def ticker(self) -> Ticker:
        """As it is now, key by key as the stream says it."""
        if self._shown is None:
            self._shown = TICKERS[self.instrument.category](self.instrument, self.figures())
        return self._shown

    def figures(self) -> Figures:
        tick, step, book, (bid, ask) = self.instrument.tick, self.instrument.step, self.book, self.book.best()
        return Figures(
            now_ms=self._now_ms,
            direction=DIRECTIONS[self.deals.direction],
            last=self.last_price,
            mark=self.mark_price,
            index=self._index,
            previous=self.deals.previous * tick,
            hour_ago=self.deals.candles.running("60").open * tick,
            high=self.deals.high * tick,
            low=self.deals.low * tick,
            volume=self.deals.volume * step,
            turnover=self.deals.turnover,
            open_interest=self._open_interest * step,
            funding_rate=Decimal(0) if self.funding is None else self.funding.rate,
            next_funding_ms=0 if self.funding is None else self.funding.next_ms,
            bid=None if bid is None else bid * tick,
            bid_size=None if bid is None else book.steps_at(bid) * step,
            ask=None if ask is None else ask * tick,
            ask_size=None if ask is None else book.steps_at(ask) * step,
        )

    def snapshot(self, name: str, now_ms: int) -> Message:
        """A book as it is now, of the stream with this name: a depth, `rpi` or `full`."""
        return self._book_frame(name, "snapshot", ([], []) if self.is_empty else self.views[name].snapshot(), now_ms)

    def _has(self, categories: tuple[str, ...]) -> bool:
        return self.instrument.category in categories

    def _new_views(self, now_ms: int) -> dict[str, View]:
        depths = topics.depths(self.instrument)
        return {
            name: View(self.book, depth, self._dice.randrange(10**5, 10**7), now_ms=now_ms, with_rpi=name == "rpi")
            for name, depth in depths.items()
        }

    def _stray(self) -> None:
        """Mark, index, funding and open interest move a little of their own."""
        roll = self._dice.random()
        if roll < 0.3:
            self._astray = max(-_ASTRAY, min(_ASTRAY, self._astray + int(roll * 70) - 10))
        if roll > 0.9 and self.funding is not None:
            self.funding.drift((roll - 0.9) * 10)
        self._open_interest = max(1, self._open_interest + int(roll * 199) - 99)
        self._index = self._index_now()

    def _index_now(self) -> Decimal:
        if self._underlying is not None:
            return self._underlying.last_price
        if self.instrument.category == "option":
            return strike(self.instrument)
        return (self.deals.last * 10 - 3 * self._astray) * self.instrument.tick / 10

    def _model(self) -> dict[str, str]:
        is_option = self.instrument.category == "option"
        return told_of_trade(self.instrument, self._index, self.mark_price) if is_option else {}

    def _book_frames(self, now_ms: int, wants: Wants) -> list[Message]:
        """Deltas of the deep books; the best level comes whole, and again when it was quiet for long."""
        frames, nearest = [], self.book.nearest()
        for name, view in self.views.items():
            changed = view.advance(nearest, now_ms)
            if name == "1" and (changed or now_ms - self._quiet_since >= RESEND_S * 1000):
                self._quiet_since = now_ms
                frames += [self.snapshot(name, now_ms)] if wants(self._names["orderbook.1"]) else []
            elif name != "1" and changed and wants(self._names[f"orderbook.{name}"]):
                frames.append(self._book_frame(name, "delta", view.delta(), now_ms))
        return frames

    def _book_frame(self, name: str, kind: str, levels: tuple[Any, Any], now_ms: int) -> Message:
        view, topic = self.views[name], self._names[f"orderbook.{name}"]
        data = {"s": self.instrument.symbol, "b": levels[0], "a": levels[1], "u": view.update_id, "seq": view.sequence}
        family = {"1": "best", "rpi": "rpi", "full": "full"}.get(name, "book")
        return self._frame(family, topic, kind, data, now_ms, sequence=view.sequence, matched_ms=view.matched_ms)

    def _ticker_frames(self, before: Ticker, now_ms: int) -> list[Message]:
        """Where there are no deltas the whole comes at every step, changed or not."""
        after, topic = self.ticker(), self._names["tickers"]
        if not self._has(WITH_DELTAS):
            return [self._frame("ticker", topic, "snapshot", after, now_ms)]
        changed = {key for key, value in after.items() if before[key] != value}
        if not changed:
            return []
        changed.add("symbol")
        if self.book.sequence % _REPEATS == 0:
            changed |= {"bid1Price", "bid1Size"}
        told = {key: value for key, value in after.items() if key in changed}
        return [self._frame("ticker", topic, "delta", told, now_ms)]

    def _closed(self, now_ms: int, wants: Wants) -> list[Message]:
        """The last frames of candles whose time is over."""
        closed = self.deals.candles.close(now_ms)
        if not self._has(FULL_SERVICE):
            return []
        return [
            self._kline_frame(interval, candle, now_ms, confirm=True) for interval, candle in closed if wants(self._names[interval])
        ]

    def _kline_frame(self, interval: str, candle: Candle, now_ms: int, *, confirm: bool) -> Message:
        row = self.deals.candles.row(interval, candle, confirm=confirm)
        return self._frame("kline", self._names[interval], "snapshot", [row], now_ms)

    def _limits(self, now_ms: int) -> Message:
        """The highest bid and the lowest ask accepted."""
        tick, mark = self.instrument.tick, self.mark_price
        buy, sell = ((mark * (1 + way * _LIMIT)).quantize(tick) for way in (1, -1))
        data = {"symbol": self.instrument.symbol, "buyLmt": plain(buy), "sellLmt": plain(sell)}
        return self._frame("limit", self._names["limits"], "", data, now_ms)

    def _liquidation_frames(self, now_ms: int, wants: Wants) -> list[Message]:
        if self._liquidations is None:
            return []
        self.liquidated = self._liquidations.step(self.deals.last, now_ms)
        rows = self._liquidations.due(now_ms)
        topic = self._names["liquidations"]
        return [self._frame("liquidation", topic, "snapshot", rows, now_ms)] if rows and wants(topic) else []

    def _frame(
        self, family: str, topic: str, kind: str, data: Any, now_ms: int, *, sequence: int = 0, matched_ms: int | None = None
    ) -> Message:
        return envelopes.frame(
            family, self.instrument.category, topic, kind, data,
            sequence=sequence or self.book.sequence, now_ms=now_ms, matched_ms=matched_ms,
        )  # fmt: skip
