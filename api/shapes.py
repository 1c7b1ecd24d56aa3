"""What requests and answers look like: the pydantic models behind validation and the OpenAPI document."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from gateway.protocol.channels import CHANNELS

Service = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
#: Without NUL, which PostgreSQL cannot hold.
Short = Annotated[StrictStr, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
#: What `spans.py` reads; it says itself what it cannot.
Moment = Annotated[str, Field(json_schema_extra={"pattern": "^[0-9TZWtzw:.,+ -]{4,40}$"})]


#: A request that can be made.
EXAMPLE: dict[str, Any] = {"channel_type": "trades", "requesting_service": "my-service", "symbol": "BTCUSDT", "category": "linear"}


class Strict(BaseModel):
    """Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid")


class SubscriptionRequest(Strict):
    """A wish: this service wants these events."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    channel_type: Annotated[Short, Field(json_schema_extra={"enum": [row.channel_type for row in CHANNELS]})]
    requesting_service: Service
    symbol: Short | None = None
    category: Short | None = None
    depth: StrictInt | None = None
    interval: Short | None = None
    topic: Short | None = None
    delivery: Short | None = None
    snapshot_seconds: StrictFloat | StrictInt | None = None
    ttl_seconds: StrictFloat | StrictInt | None = None


class Page(Strict):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=2**31)] = 0


class SubscriptionFilter(Page):
    """Which subscriptions."""

    requesting_service: Short | None = None
    is_active: bool | None = None
    channel_type: Short | None = None
    category: Short | None = None
    symbol: Short | None = None
    state: Short | None = None


class BalanceFilter(Page):
    """Which balances."""

    coin: Short | None = None
    account_type: Short | None = None


class SpanFilter(Page):
    """Which time; both ends belong to it."""

    start: Moment | None = Field(default=None, alias="from", description="ISO 8601; UTC where it names no offset.")
    end: Moment | None = Field(default=None, alias="to", description="ISO 8601; a date alone is the whole day.")


class GapFilter(SpanFilter):
    """Which gaps."""

    topic: Short | None = None


class OccurrenceFilter(SpanFilter):
    """Which occurrences."""

    kind: Short | None = None


class SubscriptionPath(BaseModel):
    """A subscription's id."""

    subscription_id: Annotated[str, Field(max_length=200, json_schema_extra={"format": "uuid"})]


class ServicePath(BaseModel):
    """A service's name."""

    service: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class EventClass(BaseModel):
    """Its event_type."""

    event_type: Annotated[str, Field(json_schema_extra={"maxLength": 200})]


class Subscription(BaseModel):
    """A wish and how it is."""

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
    delivery: str
    queue: str
    queue_state: str
    snapshot_seconds: float | None
    is_active: bool
    state: str
    created_at: str
    updated_at: str
    last_event_at: str | None
    last_error: str | None


class Subscriptions(BaseModel):
    """One page, and how many match in all."""

    subscriptions: list[Subscription]
    total: int


class Cancelled(BaseModel):
    """A subscription was cancelled."""

    message: str
    subscription_id: UUID


class CancelledAll(BaseModel):
    """All subscriptions of a service were cancelled."""

    message: str
    cancelled_count: int


class Balances(BaseModel):
    """The latest row per coin, the account's totals, and how many coins match."""

    balances: list[dict[str, Any]]
    margin_balance: dict[str, Any] | None
    total: int


class Gap(BaseModel):
    """Something that may be missing.

    topic      null: all that the connection carries
    to         null: it is not over
    recovered  null: nobody knows yet
    """

    id: UUID
    endpoint: str
    worker: str
    topic: str | None
    start: str = Field(alias="from")
    to: str | None
    cause: str
    recovered: bool | None
    detail: str | None


class Gaps(BaseModel):
    """One page, and how many match in all."""

    gaps: list[Gap]
    total: int


class Occurrence(BaseModel):
    """What a process of the gateway told of itself."""

    event_id: UUID
    timestamp: str
    kind: str
    endpoint: str
    worker: str
    topic: str | None
    gap_id: UUID | None
    detail: str | None


class Occurrences(BaseModel):
    """One page, and how many match in all."""

    events: list[Occurrence]
    total: int


class ConnectionState(BaseModel):
    """One worker connection, or the worst of all."""

    connection_status: str
    environment: str
    connection_duration_seconds: float
    last_heartbeat_at: str | None
    reconnection_count: int
    last_error: str | None
    active_subscriptions: int


class Health(BaseModel):
    """What the processes last said of themselves."""

    status: str
    service: str
    version: str
    environment: str
    websocket_connected: bool
    websocket_status: str
    database_connected: bool
    queue_connected: bool
    active_subscriptions: int
    last_heartbeat_at: str | None
    websocket_state: ConnectionState
    connections: dict[str, ConnectionState]
    queues: dict[str, dict[str, int]]
    spool: dict[str, int]
    clock_skew_ms: int | None
    reasons: list[str]


class Readiness(BaseModel):
    """Whether events can be delivered, and why not."""

    status: str
    reasons: list[str]


class Liveness(BaseModel):
    """This process answers."""

    status: str


class Connections(BaseModel):
    """Every worker connection by process name: the fields of health, and counts and topics."""

    connections: dict[str, dict[str, Any]]


class SchemaPlace(BaseModel):
    """What one event of a class is, and where its schema is."""

    event_type: str
    description: str
    schema_path: str


class Schemas(BaseModel):
    """All event classes."""

    schemas: list[SchemaPlace]


class Error(BaseModel):
    """Every error."""

    error: str
    code: str
    details: dict[str, Any]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A database row for JSON: times as ISO 8601 with Z, amounts as decimal strings without an exponent."""
    return {key: _plain(value) for key, value in row.items() if key != "total"}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, UUID) else value
