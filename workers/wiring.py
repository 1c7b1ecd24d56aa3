"""How a worker's way to the exchange's REST is put together: one budget of the host, and what fetches what was missed."""

from dataclasses import dataclass

from gateway.config import Settings
from gateway.database import checkpoints, db, store
from gateway.disk.memo import Memo
from gateway.errors import StoreAway
from gateway.exchange.account_reader import AccountReader
from gateway.exchange.budget import RestBudget, folder_of
from gateway.exchange.rest import Rest
from gateway.exchange.signed import SignedRest
from gateway.models import Json
from gateway.protocol.endpoints import Endpoint
from gateway.protocol.tape import Told
from workers.account_catchup import AccountCatchup
from workers.backfill import Backfill
from workers.catchup import Catchup, Frame
from workers.delivery import Delivery
from workers.market_catchup import MarketCatchup
from workers.reconcile import Reconciler
from workers.reconciliation import Reconciliation
from workers.refill import Refill

#: What the account's checkpoint is called in PostgreSQL.
CHECKPOINT = "reconciliation"


@dataclass(frozen=True, slots=True)
class StoredCheckpoints:
    """The checkpoint of one account in PostgreSQL: a connection for each call, which come once a minute. Raises StoreAway, StoreRefused."""

    url: str
    account: str
    worker: str

    def read(self) -> dict[str, Json] | None:
        connection = self._connect()
        try:
            return checkpoints.read(connection, self.account, CHECKPOINT)
        finally:
            connection.close()

    def write(self, value: dict[str, Json]) -> None:
        connection = self._connect()
        try:
            checkpoints.write(connection, self.account, CHECKPOINT, value)
        finally:
            connection.close()

    def _connect(self) -> db.Connection:
        connection = db.connect(self.url, name=f"ws-gateway {self.worker} checkpoint")
        if not store.schema_is_current(connection):
            connection.close()
            raise StoreAway(store.NOT_PREPARED)
        return connection


def rest_of(settings: Settings, *, private: bool) -> Rest:
    """One connection pool, within what all processes of the host may ask together."""
    budget = RestBudget(folder_of(settings.var_dir, settings.rest_base), private=private)
    return Rest(settings.rest_base, ca_file=settings.ca_file, proxy=settings.proxy, budget=budget)


def catchup_of(
    settings: Settings, endpoint: Endpoint, rest: Rest, signed: SignedRest | None, delivery: Delivery, *, wake: int
) -> Catchup:
    """What fetches what this endpoint missed; it decides from then on what of the stream is told."""
    catchup = Catchup()
    if endpoint.authenticates and signed is not None:
        reader = AccountReader(signed, coins=settings.option_base_coins)
        kept = StoredCheckpoints(settings.database_url, settings.account, delivery.worker)
        reconciler = Reconciler(reader, kept, worker=delivery.worker, wake=wake)
        catchup = AccountCatchup(Reconciliation[Frame](reconciler), delivery)
    elif endpoint.category is not None:
        backfill = Backfill(rest, category=endpoint.category, worker=delivery.worker, wake=wake)
        memo = Memo(settings.var_dir / "tapes" / f"{delivery.worker}.json", dict[str, list[Told]])
        catchup = MarketCatchup(Refill[Frame](backfill), delivery, memo)
    delivery.passes, delivery.holds_left = catchup.passes, catchup.holds_left
    return catchup
