"""What a frame tells and what an event tells, by what the exchange's documents say identifies it. For judges: shares no code with the gateway."""

from datetime import datetime
from typing import Any

Facts = list[tuple[Any, ...]]

#: Kind of a fact → how many of its first words name it, as the exchange's documents do; the others are what is said of it.
NAMED_BY = {"trade": 3, "execution": 2, "order": 4, "position": 5}
#: Event types of the account's stream.
OF_THE_ACCOUNT = ("order", "execution", "execution_fast", "position", "balance", "greeks")


def facts_of_frame(topic: str, frame: dict[str, Any]) -> Facts:
    """What one sent frame tells, one entry for each event that it should become."""
    family, data = topic.split(".", 1)[0], frame["data"]
    if family == "orderbook":
        return [("book", frame["type"], data["u"], data["seq"], len(data["b"]), len(data["a"]))]
    if family == "tickers":
        return [("ticker", frame["ts"])]
    rows = data if isinstance(data, list) else [data]
    named = {
        "publicTrade": lambda row: ("trade", row["s"], row["i"], row["p"], row["v"]),
        "kline": _candle,
        "system": lambda row: ("status", row["id"]),
        "order": lambda row: ("order", row["orderId"], row["orderStatus"], str(row["updatedTime"]), row["cumExecQty"]),
        "execution": lambda row: ("execution", row["execId"], row["execPrice"], row["execQty"], row["execFee"] or None),
        "position": lambda row: (
            "position",
            row["symbol"],
            int(row["positionIdx"]),
            int(row["seq"]),
            str(row["updatedTime"]),
            row["size"],
        ),
        "wallet": lambda row: ("wallet", frame["creationTime"], len(row["coin"])),
    }
    return [named[family](row) for row in rows]


def _candle(row: dict[str, Any]) -> tuple[Any, ...]:
    """A closed one is told once, and REST, which tells it too, does not say when the stream did."""
    return "kline", row["start"], None if row["confirm"] else row["timestamp"], row["close"], row["confirm"]


def fact_of_event(event: dict[str, Any]) -> tuple[Any, ...]:
    """The same of one event."""
    payload = event["payload"]
    named = {
        "orderbook": lambda: (
            "book",
            payload["kind"],
            payload["update_id"],
            payload["cross_sequence"],
            len(payload["bids"]),
            len(payload["asks"]),
        ),
        "ticker": lambda: ("ticker", milliseconds(event["timestamp"])),
        "trade": lambda: ("trade", payload["symbol"], payload["trade_id"], payload["price"], payload["quantity"]),
        "kline": lambda: _candle(payload),
        "system_status": lambda: ("status", payload["id"]),
        "order": lambda: (
            "order",
            payload["order_id"],
            payload["status"],
            str(payload["updated_time"]),
            payload["executed_quantity"],
        ),
        "execution": lambda: ("execution", payload["execution_id"], payload["price"], payload["quantity"], payload["fee"]),
        "position": lambda: (
            "position",
            payload["symbol"],
            payload["mode"],
            payload["position_sequence"],
            str(payload["updated_time"]),
            payload["size"],
        ),
        "balance": lambda: ("wallet", milliseconds(event["timestamp"]), len(payload["coins"])),
    }
    return named[event["event_type"]]()


def identity(fact: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What the exchange names it by, whatever is said of it; None where nothing names it."""
    words = NAMED_BY.get(fact[0])
    return None if words is None else fact[:words]


def endpoint_of(event_type: str, category: str | None) -> str:
    """The exchange's endpoint that tells such events."""
    if event_type in OF_THE_ACCOUNT:
        return "private"
    return "status" if event_type == "system_status" else category or ""


def milliseconds(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)
