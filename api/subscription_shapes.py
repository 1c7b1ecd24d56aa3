"""What requests and answers about subscriptions look like, each with an example for the OpenAPI document."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from api.shapes import Page, Short, Strict, plain
from gateway.database.db import Row
from gateway.database.deliveries import DELIVERIES
from gateway.database.leases import TTL_SECONDS
from gateway.protocol import topic_moves
from gateway.protocol.channels import CHANNELS
from gateway.protocol.endpoints import CATEGORIES

#: Of one PUT; a body holds hardly more.
MOST_WISHES = 1000
#: The contract's words, section 5.
STATES = (*topic_moves.STATES, "cancelled")

#: Columns that are ours alone.
_HIDDEN = ("endpoint", "binding", "resyncs", "bound_at")

_SERVICE = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
Service = Annotated[StrictStr, Field(pattern=_SERVICE)]
#: A whole number is one, too; a text and a boolean are none.
Seconds = StrictFloat

TRADES = {
    "id": "6d1a5c1e-6a3f-4a83-9d0e-0c8d4a7c2f11",
    "channel_type": "trades",
    "symbol": "BTCUSDT",
    "category": "linear",
    "category_source": "given",
    "symbol_verified": True,
    "depth": None,
    "interval": None,
    "topic": "publicTrade.BTCUSDT",
    "requesting_service": "my-service",
    "delivery": "single",
    "queue": "ws-gateway.trade.my-service",
    "queue_state": "ready",
    "snapshot_seconds": None,
    "ttl_seconds": 60.0,
    "expires_at": "2026-01-31T12:01:00.000000Z",
    "is_active": True,
    "state": "acknowledged",
    "created_at": "2026-01-31T11:00:00.000000Z",
    "updated_at": "2026-01-31T11:00:00.250000Z",
    "last_event_at": "2026-01-31T11:59:58.125000Z",
    "last_error": None,
    "trace_id": "3f9c2a7b51d08e64",
}
BOOK = {
    **TRADES,
    "id": "0b9e6f57-2f0c-4d5a-8a57-5a0f6f0a9b42",
    "channel_type": "orderbook",
    "depth": 50,
    "topic": "orderbook.50.BTCUSDT",
    "queue": "ws-gateway.orderbook.my-service",
    "snapshot_seconds": 60.0,
    "ttl_seconds": None,
    "expires_at": None,
    "state": "live",
}
CANCELLED = {
    **TRADES,
    "id": "f3b0c442-98fc-4c14-9af4-c8996fb92427",
    "channel_type": "kline",
    "interval": "1",
    "topic": "kline.1.BTCUSDT",
    "queue": "ws-gateway.kline.my-service",
    "is_active": False,
    "state": "cancelled",
    "last_error": "its lease of 60 s ran out",
}


def _example(**named: Any) -> ConfigDict:
    """Examples of a body or an answer, by name."""
    return ConfigDict(openapi_extra={"examples": {name: {"value": value} for name, value in named.items()}})  # type: ignore[typeddict-unknown-key]


class _Wish(Strict):
    """What is wanted, but for whom."""

    channel_type: Annotated[Short, Field(json_schema_extra={"enum": [row.channel_type for row in CHANNELS]})]
    symbol: Short | None = None
    category: Short | None = None
    depth: StrictInt | None = None
    interval: Short | None = None
    topic: Short | None = None
    delivery: Annotated[Short, Field(json_schema_extra={"enum": list(DELIVERIES)})] | None = Field(
        default=None,
        description="Of all that comes into the queue: single, one message an event; batch, up to 256 events or 5 ms in one message."
        " None: as the queue has it, else single.",
    )
    snapshot_seconds: Seconds | None = Field(default=None, description="Of a book: how often the queue gets it whole, 1 to 3600.")
    ttl_seconds: Seconds | None = Field(
        default=None,
        description=f"The subscription ends unless it is renewed within this, {TTL_SECONDS[0]} to {TTL_SECONDS[1]}; none: it lasts.",
    )


class SubscriptionRequest(_Wish):
    """A wish: this service wants these events."""

    model_config = _example(
        trades={"channel_type": "trades", "requesting_service": "my-service", "symbol": "BTCUSDT", "category": "linear"},
        book={
            "channel_type": "orderbook", "requesting_service": "my-service", "symbol": "BTCUSDT", "category": "linear", "depth": 50,
            "snapshot_seconds": 60,
        },
        lease={"channel_type": "kline", "requesting_service": "my-service", "symbol": "BTCUSD", "interval": "5", "ttl_seconds": 60},
        pattern={"channel_type": "ticker", "requesting_service": "my-service", "symbol": "BTC*", "category": "linear"},
        account={"channel_type": "order", "requesting_service": "my-service"},
        batches={"channel_type": "trades", "requesting_service": "my-archive", "symbol": "*", "category": "linear", "delivery": "batch"},
        raw={"channel_type": "raw", "requesting_service": "my-service", "topic": "liquidation.BTCUSDT", "category": "linear"},
    )  # fmt: skip

    requesting_service: Service


class Element(_Wish):
    """One wish of a replacement: the path says for whom."""

    requesting_service: Service | None = None


class Replacement(Strict):
    """All that a service wants from now on."""

    model_config = _example(
        two={
            "subscriptions": [
                {"channel_type": "trades", "symbol": "BTCUSDT", "category": "linear", "ttl_seconds": 60},
                {"channel_type": "orderbook", "symbol": "BTCUSDT", "category": "linear", "snapshot_seconds": 60},
            ]
        },
        nothing={"subscriptions": []},
    )

    subscriptions: Annotated[list[Element], Field(max_length=MOST_WISHES)]


class ReplacementQuery(Strict):
    """How to replace."""

    dry_run: bool = Field(default=False, description="Answer the same, and change nothing.")


class SubscriptionFilter(Page):
    """Which subscriptions."""

    requesting_service: Short | None = None
    is_active: bool | None = None
    channel_type: Short | None = Field(default=None, json_schema_extra={"enum": [row.channel_type for row in CHANNELS]})
    category: Short | None = Field(default=None, json_schema_extra={"enum": list(CATEGORIES)})
    symbol: Short | None = Field(default=None, description="As the subscription has it: BTC* is that pattern.")
    state: Short | None = Field(default=None, json_schema_extra={"enum": list(STATES)})


class SubscriptionPath(BaseModel):
    """A subscription's id."""

    subscription_id: Annotated[str, Field(max_length=200, json_schema_extra={"format": "uuid", "example": TRADES["id"]})]


class ServicePath(BaseModel):
    """A service's name."""

    service: Annotated[str, Field(pattern=_SERVICE, json_schema_extra={"example": "my-service"})]


class Subscription(BaseModel):
    """A wish and how it is.

    delivery     single, or batch: up to 256 events or 5 ms in one message of the queue
    queue_state  ready: it gets all events from then on; pending: RabbitMQ is away, or the router does not know it yet; turning: its
                 delivery is about to change; of a cancelled one unbound or removed
    expires_at   when it ends unless it is renewed; null: it has no lease
    trace_id     of the call that made it, or asked for its topic anew since; the log's `subscribed` line names it
    """

    model_config = _example(trades=TRADES, book=BOOK)

    id: UUID
    channel_type: str
    symbol: str | None
    category: str | None
    category_source: str | None
    symbol_verified: bool | None
    depth: int | None
    interval: str | None
    topic: str
    requesting_service: str
    delivery: Annotated[str, Field(json_schema_extra={"enum": list(DELIVERIES)})]
    queue: str
    queue_state: str
    snapshot_seconds: float | None
    ttl_seconds: float | None
    expires_at: str | None
    is_active: bool
    state: Annotated[str, Field(json_schema_extra={"enum": list(STATES)})]
    created_at: str
    updated_at: str
    last_event_at: str | None
    last_error: str | None
    trace_id: str | None


class Subscriptions(BaseModel):
    """One page, and how many match in all."""

    model_config = _example(page={"subscriptions": [TRADES, BOOK], "total": 2})

    subscriptions: list[Subscription]
    total: int


class Replaced(BaseModel):
    """What a replacement did: `unchanged` are the same subscriptions, with the settings that were asked for."""

    model_config = _example(one_of_each={"added": [BOOK], "removed": [CANCELLED], "unchanged": [TRADES]})

    added: list[Subscription]
    removed: list[Subscription]
    unchanged: list[Subscription]


class Cancelled(BaseModel):
    """A subscription was cancelled."""

    model_config = _example(cancelled={"message": "cancelled", "subscription_id": TRADES["id"]})

    message: str
    subscription_id: UUID


class CancelledAll(BaseModel):
    """All subscriptions of a service were cancelled."""

    model_config = _example(two={"message": "cancelled", "cancelled_count": 2})

    message: str
    cancelled_count: int


class Renewed(BaseModel):
    """All leases of a service begin anew; how many it has."""

    model_config = _example(one={"message": "renewed", "renewed_count": 1}, all_ran_out={"message": "renewed", "renewed_count": 0})

    message: str
    renewed_count: int


def shown(row: Row) -> dict[str, Any]:
    """A row of table subscriptions as users see it."""
    return plain({key: value for key, value in row.items() if key not in _HIDDEN})
