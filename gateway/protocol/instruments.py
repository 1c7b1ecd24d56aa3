"""Instruments: rows of the exchange's catalog → what we need of them; and names that are near to one which is none.

Source of the rows: protocol notes, sections 9.3 and 10; an unavailable text is empty or missing, a time that never comes is "0".
"""

import difflib
from collections.abc import Iterable, Sequence

import msgspec

from gateway.models import LATEST_MS, Json
from gateway.protocol.categories import SYMBOL

#: The status of what the exchange lists no more; ours for what vanished, too.
CLOSED = "Closed"
TRADING = "Trading"
#: Of what can be traded soon: some topics are there already (protocol notes, section 6.1).
PRE_LAUNCH = "PreLaunch"
#: Characters of a coin, a status or a contract type; the exchange's are under 30.
_LONGEST = 100

#: Our field → the exchange's key.
_TEXTS = {"base_coin": "baseCoin", "quote_coin": "quoteCoin", "settle_coin": "settleCoin", "contract_type": "contractType"}
_TIMES = {"launch_ms": "launchTime", "delivery_ms": "deliveryTime"}


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable thing; what its category does not have is None.

    status       in the exchange's words: PreLaunch, Trading, Delivering, Closed …
    delivery_ms  when it ends, Unix milliseconds
    """

    category: str
    symbol: str
    status: str
    base_coin: str | None = None
    quote_coin: str | None = None
    settle_coin: str | None = None
    contract_type: str | None = None
    launch_ms: int | None = None
    delivery_ms: int | None = None


class Catalog(msgspec.Struct, frozen=True):
    """What one read brought.

    instruments  by symbol, each once
    unread       symbols whose rows could not be read: nothing is known of them, so they have not vanished
    faults       one sentence a bad row
    """

    instruments: dict[str, Instrument]
    unread: frozenset[str]
    faults: tuple[str, ...]


def instrument(category: str, row: Json) -> Instrument | str:
    """The instrument of a row, else one sentence: what was found and what was expected."""
    if not isinstance(row, dict):
        return f"found {type(row).__name__}; expected an object"
    symbol, status = row.get("symbol"), row.get("status")
    if not isinstance(symbol, str) or not SYMBOL.fullmatch(symbol):
        return f"found symbol {repr(symbol)[:100]}; expected a name in upper case"
    if not isinstance(status, str) or not _is_text(status) or not status:
        return f"found status {repr(status)[:100]} of {symbol}; expected a word"
    texts = {field: row.get(key) or None for field, key in _TEXTS.items()}
    for field, text in texts.items():
        if text is not None and not _is_text(text):
            return f"found {_TEXTS[field]} {repr(text)[:100]} of {symbol}; expected a short text"
    times = {field: _time(row.get(key)) for field, key in _TIMES.items()}
    for field, found in times.items():
        if found is False:
            return f"found {_TIMES[field]} {repr(row.get(_TIMES[field]))[:100]} of {symbol}; expected milliseconds"
    return msgspec.convert({"category": category, "symbol": symbol, "status": status, **texts, **times}, Instrument)


def catalog(category: str, rows: Iterable[Json]) -> Catalog:
    """All rows of a read; a bad one costs itself alone, and of two with one symbol the later counts."""
    found, unread, faults = dict[str, Instrument](), set[str](), list[str]()
    for row in rows:
        read = instrument(category, row)
        if isinstance(read, Instrument):
            found[read.symbol] = read
            continue
        faults.append(read)
        symbol = row.get("symbol") if isinstance(row, dict) else None
        if isinstance(symbol, str):
            unread.add(symbol)
    return Catalog(found, frozenset(unread - found.keys()), tuple(faults))


def nearest(symbol: str, names: Iterable[str], n: int = 3) -> list[str]:
    """Up to `n` names that are most like a symbol, the most alike first."""
    known: Sequence[str] = sorted(set(names))
    return difflib.get_close_matches(symbol, known, n=n, cutoff=0.5)


def _is_text(found: Json) -> bool:
    return isinstance(found, str) and len(found) <= _LONGEST and found.isprintable()


def _time(found: Json) -> int | bool | None:
    """Unix milliseconds; None for none, False for what is no time."""
    if found in (None, "", "0", 0):
        return None
    if isinstance(found, str):
        found = int(found) if found.isascii() and found.isdigit() and len(found) <= 18 else None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= LATEST_MS:
        return False
    return found
