"""What tests put into PostgreSQL and find there: wishes, the catalog, and what a worker reads of both.

wish, add             a row of the subscriptions
catalog_of            a catalog
lists, load           put into PostgreSQL what an exchange lists: made up, or a simulated exchange's
all_rows, statuses    the catalog as it is stored
queue_states          of all wishes that still have a queue
bind                  what the router says of its bindings
reading, until        a worker's reader of wishes, and what it has read
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from running import wait_for

from gateway import names
from gateway.database import db, instruments, listings, store
from gateway.disk.memo import Memo
from gateway.exchange.rest import Rest
from gateway.protocol.instruments import Catalog, Instrument, catalog
from simulator.remote import RunningSimulator
from workers.wanted import WantedReader, Wishes

#: Of the service `one`, for trades.
QUEUE = "ws-gateway.trade.one"
#: An option that every simulated exchange lists.
OPTION = "BTC-25DEC26-70000-C-USDT"


def wish(
    *, symbol: str | None = "BTCUSDT", category: str | None = "linear", requesting_service: str = "one", **changes: Any
) -> db.Row:
    """What the API decides of a wish, unless said otherwise for trades: topic, queue and binding follow from symbol, category and service."""
    return {
        "channel_type": "trades", "symbol": symbol, "category": category, "category_source": "given",
        "symbol_verified": None if symbol is None or "*" in symbol else False, "depth": None, "interval": None,
        "topic": f"publicTrade.{symbol}", "endpoint": category or "private", "requesting_service": requesting_service,
        "delivery": "single", "queue": names.service_queue("trade", requesting_service),
        "binding": f"trade.{category}.{symbol}.-", "state": "requested", "last_error": None, "snapshot_seconds": None,
        "ttl_seconds": None, **changes,
    }  # fmt: skip


def add(connection: db.Connection, symbol: str | None = "BTCUSDT", **changes: Any) -> db.Row:
    """A wish whose queue waits for the router."""
    return store.add_subscription(connection, wish(symbol=symbol, **changes), lambda: "pending")[0]


def catalog_of(category: str, *symbols: str, unread: tuple[str, ...] = (), **facts: Any) -> Catalog:
    """All that a category has; the facts are those of each symbol, and `unread` what could not be understood."""
    rows = {
        symbol: Instrument(category=category, symbol=symbol, **{"status": "Trading", "base_coin": symbol[:3], **facts})
        for symbol in symbols
    }
    return Catalog(rows, frozenset(unread), ())


def lists(connection: db.Connection, *symbols: str, category: str = "linear", **facts: Any) -> None:
    """All that the exchange lists."""
    instruments.write(connection, category, catalog_of(category, *symbols, **facts))


def load(connection: db.Connection, exchange: RunningSimulator, *categories: str) -> None:
    """What the readers of these categories do when the gateway starts."""
    rest = Rest(exchange.rest_url)
    for category in categories:
        instruments.write(connection, category, catalog(category, rest.instruments(category, base_coins=("BTC", "ETH"))))


def all_rows(connection: db.Connection) -> list[tuple[Any, ...]]:
    with db.transaction(connection) as cursor:
        cursor.execute("select category, symbol, status, first_seen_at, updated_at from instruments order by 1, 2")
        return cursor.fetchall()


def statuses(connection: db.Connection) -> dict[str, str]:
    return {row[1]: row[2] for row in all_rows(connection)}


def queue_states(connection: db.Connection) -> set[str]:
    return {row.queue_state for row in store.service_queues(connection)}


def bind(connection: db.Connection) -> None:
    """What the router says when all queues have the bindings of all that is listed."""
    rows = store.service_queues(connection)
    listings.set_bound(connection, [row.subscription_id for row in rows], listings.in_sight(connection, ["linear", "option"]))


@contextmanager
def reading(
    url: str,
    mine: Callable[[str], bool] = lambda _topic: True,
    endpoint: str = "linear",
    poll_s: float = 30.0,
    memo: Memo[Wishes] | None = None,
) -> Iterator[WantedReader]:
    reader = WantedReader(url, name=f"{endpoint}_00", endpoint=endpoint, mine=mine, poll_s=poll_s, memo=memo)
    reader.start()
    yield reader
    reader.stop()


def until(reader: WantedReader, *topics: str) -> Wishes:
    """The wishes once they are about these topics."""

    def found() -> Wishes | None:
        wishes = reader.wishes
        return wishes if wishes is not None and sorted(row.topic for row in wishes.rows) == sorted(topics) else None

    found_wishes: Wishes = wait_for(found, f"{topics}, found {reader.wishes}")
    return found_wishes
