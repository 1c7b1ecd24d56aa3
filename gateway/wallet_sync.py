"""The whole wallet, read over REST and stored when somebody asks for it: the same facts, ids and rows as after a lost connection.

lock ─▶ what is stored ─▶ the exchange's clock and its list, in time ─▶ rows, as the router writes them ─▶ the coins that have one
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from gateway.database import balances
from gateway.database.audit import By
from gateway.database.db import Connection
from gateway.disk import dead_letters
from gateway.disk.dead_letters import Letter
from gateway.errors import GatewayError, LinkLost, NotCredible
from gateway.exchange.account_reader import AccountReader, Told
from gateway.exchange.signed import SignedRest
from gateway.models import BadRecord, Event
from gateway.protocol.account_parts import parts_of
from gateway.protocol.answers import events
from gateway.protocol.checkpoint import Mark
from gateway.wire import Stamp

log = logging.getLogger(__name__)

#: All that is asked of the exchange takes at most this long; seconds.
WITHIN_S = 8.0
#: The topic that the stream tells the wallet under.
TOPIC = "wallet"

Result = TypeVar("Result")


class WalletSync:
    """Of one account. May be used by several threads and processes: one at a time reads.

    process  for dead letters and the log
    """

    def __init__(self, signed: SignedRest, stamp: Stamp, *, account: str, process: str, within_s: float = WITHIN_S) -> None:
        self._signed = signed
        self._stamp = stamp
        self._account = account
        self._process = process
        self._within_s = within_s

    def run(self, connection: Connection, by: By) -> list[str]:
        """The coins whose rows are in PostgreSQL now; those that held something and are not listed any more have zeros.

        Raises RequestError CONFLICT while another one reads; LinkLost, ExchangeError, NotCredible; StoreAway, StoreRefused.
        """
        with balances.syncing(connection, self._account):
            believed = balances.held_coins(connection, self._account)
            told = _within(self._within_s, lambda: self._read(believed))
            return self._store(connection, told, by)

    def _read(self, believed: frozenset[str]) -> Told:
        reader = AccountReader(self._signed)
        reader.begin()
        (part,) = parts_of([TOPIC])
        told = reader.read(part, Mark(0), believed)
        if not told.facts and not told.bad:
            raise NotCredible("the exchange's list of the wallet names no account; expected one at least")
        return told

    def _store(self, connection: Connection, told: Told, by: By) -> list[str]:
        """A push that was dated since the exchange was asked is newer than what was read, though that is dated by its answer."""
        received_ns, trace_id = time.time_ns(), by.trace_id or ""
        letters = [
            Letter(TOPIC, bad.reason, bad.record, trace_id)
            for bad in (fact.outcome for fact in told.bad)
            if isinstance(bad, BadRecord)
        ]
        newer = balances.coins_since(connection, self._account, told.at_ms)
        records = [
            self._stamp.record(_told_now(event, newer), received_ns=received_ns, trace_id=trace_id) for event in events(told.facts)
        ]
        balances.insert_balances(
            connection,
            [record.body for record in records],
            lambda reason, record, of: letters.append(Letter(TOPIC, reason, record, of)),
            by=by,
        )
        self._lay_aside(connection, letters, received_ns)
        coins = balances.coins_of(connection, [record.event_id for record in records])
        log.info("%s wallet_synced coins=%d lack=%s", self._process, len(coins), told.lack, extra={"trace_id": trace_id})
        return coins

    def _lay_aside(self, connection: Connection, letters: Sequence[Letter], now_ns: int) -> None:
        if letters:
            dead_letters.insert(connection, self._process, letters, now_ns)
        for letter in letters:
            log.warning("%s record_rejected reason=%s", self._process, letter.reason, extra={"trace_id": letter.trace_id})


def _told_now(event: Event, newer: frozenset[str]) -> Event:
    """Without coins of which something newer is stored; what a read concludes is of that read too."""
    coins = [coin for coin in event.payload["coins"] if f"{event.payload['account_type']}|{coin['coin']}" not in newer]
    event.payload = {**event.payload, "coins": coins}
    event.source = "rest"
    return event


def _within(seconds: float, work: Callable[[], Result]) -> Result:
    """What `work` returns or raises, from a thread of its own: one that takes longer is left alone with what it waits for."""
    future = Future[Result]()

    def run() -> None:
        try:
            future.set_result(work())
        except GatewayError as fault:
            future.set_exception(fault)
        finally:
            future.cancel()  # where a fault of ours has left it open

    threading.Thread(target=run, name="wallet-sync", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        raise LinkLost(f"the exchange gave no answer within {seconds:g} s") from None
