"""What the queues of wishes are bound to: one binding, or for a pattern what the catalog says. Raises StoreAway."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.database.db import Connection, Cursor, column
from gateway.database.statements import query
from gateway.protocol import channels, selectors

#: Category, pattern, and whether instruments count that ended long ago.
_Named = tuple[str, str, bool]


def bindings_of(connection: Connection, wishes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of all these wishes, each once; within the transaction that is open on the connection, if one is."""
    with connection.cursor() as cursor:
        return list(dict.fromkeys(binding for of_one in bindings_of_all(cursor, wishes) for binding in of_one))


def bindings_of_all(cursor: Cursor, wishes: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Those of each wish, in order. What a pattern names is looked up once, for wishes often share it.

    wishes  channel_type, category, symbol, depth, interval and binding of each; is_active where it is stored
    """
    named = {entry for wish in wishes if (entry := _named(wish)) is not None}
    symbols: dict[_Named | None, list[str] | None] = {None: None, **{entry: _symbols(cursor, entry) for entry in named}}
    return [_bindings(wish, symbols[_named(wish)]) for wish in wishes]


def _named(wish: Mapping[str, Any]) -> _Named | None:
    """What a wish's bindings depend on; None where they depend on nothing. A cancelled one had whatever it may ever have named."""
    channel, category, pattern = channels.by_type(wish["channel_type"]), wish["category"], wish["symbol"]
    if channel is None or category is None or not selectors.is_pattern(pattern):
        return None
    if selectors.whole_of(channel, category=category, pattern=pattern) is not None:
        return None
    return category, pattern, not wish.get("is_active", True)


def _symbols(cursor: Cursor, named: _Named) -> list[str]:
    category, pattern, ever = named
    cursor.execute(query("instruments_seen"), {"category": category, "pattern": selectors.like(pattern), "ever": ever})
    return column(cursor)


def _bindings(wish: Mapping[str, Any], symbols: Sequence[str] | None) -> list[str]:
    """One for each of the symbols; without any to look up, the one that is stored."""
    channel = channels.by_type(wish["channel_type"])
    if channel is None or symbols is None:
        return [wish["binding"]]
    form = {name: wish[name] for name in ("category", "depth", "interval")}
    return selectors.bindings_of(channel, symbols=symbols, **form)
