"""The catalog, read from the exchange and kept in PostgreSQL: each public category by its first worker, for all other processes."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway.backoff import Backoff
from gateway.database import db, instruments, store
from gateway.errors import ExchangeError, LineFault, NotCredible, StoreRefused, TheirFault
from gateway.protocol.instruments import catalog
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: Between two reads; seconds, a tenth more or less, so that categories do not ask together.
INTERVAL_S = 300.0
JITTER = 0.1
#: The longest wait between tries while the exchange or PostgreSQL is away; seconds.
CAP_S = 60.0
#: PostgreSQL is asked again this soon while it waits for `prepare`; seconds.
UNPREPARED_S = 1.0
#: So many reads in a row without any instrument are believed, and so far they are apart at most; seconds.
BELIEVED_AFTER = 3
EMPTY_S = 60.0
#: How often wishes are looked through for coins whose options nobody has read; seconds.
COINS_EVERY_S = 5.0
#: Bad rows of one read that are logged; the others are counted.
COMPLAINTS = 5


class CatalogReader(threading.Thread):
    """Reads one category when what PostgreSQL has is too old. What fails changes nothing: the last complete read stands."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        category: str,
        read: Callable[[Sequence[str]], Iterable[Any]],
        coins: Sequence[str] = (),
        interval_s: float = INTERVAL_S,
        cap_s: float = CAP_S,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """
        read        all rows of the category, from the exchange; of options, those of some coins. Raises LinkLost, ExchangeError
        coins       whose options are read in any case; those that wishes name besides are read, too
        interval_s  between two reads
        cap_s       the longest wait after a failure
        dice        a number from 0 up to 1
        """
        super().__init__(name="catalog", daemon=True)
        self._url = url
        self._worker = name
        self._category = category
        self._read = read
        self._coins = tuple(coins)
        self._wished: tuple[str, ...] = ()  # further coins, in order
        self._had: frozenset[str] = frozenset()  # those of them that were read
        self._interval_s = interval_s
        self._dice = dice
        self._backoff = Backoff(cap_s, dice)
        self._stopped = threading.Event()
        self._trouble = Trouble(log, f"{name} catalog_not_read")
        self._empty = 0  # reads in a row without any instrument

    def stop(self) -> None:
        """Soon: a call that is under way ends with the process."""
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.wait(self._turn()):
            pass

    def _turn(self) -> float:
        """Read if it is time; how long to wait then, in seconds."""
        try:
            left_s = self._left_s()
            if left_s is None:
                return UNPREPARED_S
            if left_s > 0.0:
                self._add_coins()
                self._trouble.over()
                return self._pause_s(left_s)
            self._renew()
        except NotCredible as fault:
            self._trouble.say(f"{type(fault).__name__}: {fault}")
            return min(EMPTY_S, self._interval_s)
        except (LineFault, TheirFault, StoreRefused) as fault:
            self._trouble.say(f"{type(fault).__name__}: {fault}")
            return self._backoff.next_s()
        self._backoff.succeeded()
        return self._pause_s(self._interval_s * (1.0 + JITTER * (2.0 * self._dice() - 1.0)))

    def _pause_s(self, left_s: float) -> float:
        """Wishes may name a new coin at any time."""
        return min(left_s, COINS_EVERY_S) if self._category == "option" else left_s

    def _left_s(self) -> float | None:
        """Seconds until what PostgreSQL has is too old; None: it is not ready to be asked."""
        connection = self._connect()
        try:
            if not store.schema_is_current(connection):
                self._trouble.say(store.NOT_PREPARED)
                return None
            age_s = instruments.age_s(connection, self._category)
            if self._category == "option":
                self._wished = tuple(coin for coin in instruments.wished_coins(connection) if coin not in self._coins)
                self._had = self._had.intersection(self._wished)
        finally:
            connection.close()
        return 0.0 if age_s is None else self._interval_s * (1.0 - JITTER) - age_s

    def _renew(self) -> None:
        began = time.monotonic()
        read = catalog(self._category, [*self._read(self._coins), *self._of_coins(self._wished)])
        for fault in read.faults[:COMPLAINTS]:
            log.warning("%s instrument_not_understood bad=%d reason=%s", self._worker, len(read.faults), fault)
        self._empty = 0 if read.instruments else self._empty + 1
        connection = self._connect()
        try:
            changed = instruments.write(connection, self._category, read, repeated=self._empty >= BELIEVED_AFTER)
        finally:
            connection.close()
        log.log(
            logging.INFO if self._trouble.over() or changed else logging.DEBUG, "%s catalog_read instruments=%d changed=%d seconds=%.1f",
            self._worker, len(read.instruments), changed, time.monotonic() - began,
        )  # fmt: skip

    def _add_coins(self) -> None:
        """Those that a wish names and no read has brought."""
        new = [coin for coin in self._wished if coin not in self._had]
        if not new:
            return
        read = catalog(self._category, self._of_coins(new))
        connection = self._connect()
        try:
            instruments.add(connection, self._category, read.instruments.values())
        finally:
            connection.close()

    def _of_coins(self, coins: Sequence[str]) -> list[Any]:
        """A coin that the exchange refuses has no options; it spoils no other's."""
        rows: list[Any] = []
        for coin in coins:
            try:
                rows += self._read([coin])
            except ExchangeError as fault:
                log.warning("%s coin_not_read coin=%s reason=%s", self._worker, coin, fault)
        self._had = self._had.union(coins)
        return rows

    def _connect(self) -> db.Connection:
        return db.connect(self._url, name=f"ws-gateway {self._worker} catalog", statement_timeout_ms=20_000)
