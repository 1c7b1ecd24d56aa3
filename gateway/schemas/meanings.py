"""What the published schemas say beyond names and kinds: one sentence where the name alone does not tell, and words of ours."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from gateway.protocol.channels import orderbook, position
from gateway.protocol.fields import Kind

#: Keywords of JSON Schema that are added to a field.
Words: TypeAlias = dict[str, Any]


def _is(sentence: str, **further: Any) -> dict[str, Any]:
    return {"description": sentence, **further}


#: Field of the envelope → what it is. `raw` is the payload's.
ENVELOPE: dict[str, Words] = {
    "event_id": _is("Made from what identifies the fact; deduplicate by event_type and event_id.", format="uuid"),
    "event_type": _is("The event class, first word of the routing key."),
    "category": _is("Null where the exchange names none."),
    "symbol": _is("The instrument; a group of contracts for insurance and adl_alert."),
    "account": _is("The account's label on events of the account."),
    "topic": _is("The exchange's topic as it came; system for the gateway's own events."),
    "timestamp": _is(
        "The exchange's time of the fact, ISO 8601 UTC with milliseconds.",
        format="date-time",
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    ),
    "received_at": _is(
        "When the frame left the socket, ISO 8601 UTC with microseconds.",
        format="date-time",
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
    ),
    "sequence": _is("1, 2, 3 … per routing key and epoch: a hole is a loss, a repeat is a duplicate.", minimum=1),
    "epoch": _is("The run of the sequence; epochs of one process sort by their start."),
    "gap_id": _is("Set on the first event after a known gap."),
    "source": _is("stream, rest, or derived for what the gateway itself made."),
    "trace_id": _is("Of the frame; its log lines have the same."),
    "payload": _is(
        "Named fields, then every further field of the exchange's record and frame. Where null may stand, a value of a form that the "
        "exchange never documented passes as it came."
    ),
    "raw": _is("The exchange's record unchanged, where WS_GATEWAY_INCLUDE_RAW asks for it."),
}

#: Kind → what its unit is.
DEFAULT_MEANINGS: dict[Kind, Words] = {
    Kind.AMOUNT: _is("Decimal text."),
    Kind.TIME: _is("Unix milliseconds."),
    Kind.BY_COIN: _is("The keys are names of coins."),
}

_LEVELS = "Lists of price and size as decimal texts; size 0 takes the level away."
_BOOK: dict[str, Words] = {
    "kind": _is("A snapshot replaces the book, a delta changes it.", enum=list(orderbook.KINDS)),
    "depth": _is("Levels a side; null for the whole book."),
    "bids": _is(_LEVELS),
    "asks": _is(_LEVELS),
    "matched_at": _is("When the exchange matched it, Unix milliseconds."),
    "in_sync": _is("The book's frames since its last snapshot are unbroken; false: drop the book and await a snapshot."),
}
_RPI_LEVELS = "Lists of price, size without RPI orders and RPI size as decimal texts; both sizes 0 take the level away."

#: Event class, or name of a list of objects → field → what its name does not say.
MEANINGS: dict[str, Mapping[str, Words]] = {
    "trade": {"trade_time": _is("When the exchange matched it, Unix milliseconds."), "side": _is("Of the taker: Buy or Sell.")},
    "ticker": {"changed": _is("Our names of the fields that this frame changed.")},
    "orderbook": _BOOK,
    "rpi_orderbook": _BOOK | {"bids": _is(_RPI_LEVELS), "asks": _is(_RPI_LEVELS)},
    "full_orderbook": _BOOK,
    "kline": {
        "interval": _is("Minutes, or D, W, M."),
        "confirm": _is("True: the candle is closed and will not change."),
    },
    "liquidation": {
        "side": _is("Of the position: Buy, a long was liquidated."),
        "price": _is("The bankruptcy price, decimal text."),
    },
    "insurance": {"symbols": _is("The name of one contract.")},
    "execution": {"fee": _is("Decimal text; negative is a rebate.")},
    "position": {
        "size": _is("Absolute, decimal text."),
        "side": _is("Null when flat.", enum=[*position.SIDES, None]),
        "average_price": _is("The entry price, decimal text."),
        "realised_pnl": _is("Of the current position, decimal text."),
        "mode": _is("0 one-way, 1 the buy side of hedge mode, 2 its sell side.", enum=list(position.MODES)),
        "timestamp": _is("The same as updated_time, Unix milliseconds."),
    },
    "coins": {
        "available_balance": _is("The exchange's figure, else wallet balance less frozen; decimal text."),
        "frozen": _is("Locked, order margin and position margin together; decimal text."),
        "derived": _is("Which of these figures the gateway made."),
    },
    "system": {
        "kind": _is(
            "connected, disconnected, reconnected, subscribed, refused, overflow, unread, gap, recovered or another word to come."
        ),
        "worker": _is("The process."),
    },
}
