"""What requests and answers look like: the pydantic models behind validation and the OpenAPI document."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr
from pydantic_core import PydanticCustomError

from api import examples

#: Without NUL, which PostgreSQL cannot hold.
Short = Annotated[StrictStr, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
#: What `spans.py` reads; it says itself what it cannot. The last but one is the minus sign that ISO 8601 prefers.
Moment = Annotated[str, Field(json_schema_extra={"pattern": "^[0-9TZWtzw:.,+ \u2212-]{4,40}$"})]


def _decimal(value: Any) -> Any:
    """A query's number is written in digits; pydantic itself would take 1_0 and 1.0, too."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]+", value, re.ASCII):
        raise PydanticCustomError("digits", "expected decimal digits")
    return value


_Digits = BeforeValidator(_decimal)


class Strict(BaseModel):
    """Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """flask-openapi3 asks with each request that has a query: a quarter of the time of a list, were it not remembered."""
        return super().model_json_schema(*args, **kwargs) if args or kwargs else _schema_of(cls)


@lru_cache(maxsize=100)
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


class Page(Strict):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=1000), _Digits] = 100
    offset: Annotated[int, Field(ge=0, le=2**31), _Digits] = 0


class SpanFilter(Page):
    """Which time; both ends belong to it."""

    start: Moment | None = Field(default=None, alias="from", description="ISO 8601; UTC where it names no offset.")
    end: Moment | None = Field(default=None, alias="to", description="ISO 8601; a day, week, month or year alone is all of it.")


class GapFilter(SpanFilter):
    """Which gaps."""

    topic: Short | None = None


class OccurrenceFilter(SpanFilter):
    """Which occurrences."""

    kind: Short | None = None


class EventClass(BaseModel):
    """Its event_type."""

    event_type: Annotated[str, Field(json_schema_extra={"maxLength": 200})]


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

    model_config = examples.shown(examples.GAPS)

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

    model_config = examples.shown(examples.EVENTS)

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


class Queue(BaseModel):
    """What the broker said of one queue. kind: `class`, whose consumers share the events of a class, or `service`."""

    messages: int
    consumers: int
    kind: str


class Health(BaseModel):
    """What the processes last said of themselves."""

    model_config = examples.shown(examples.HEALTH)

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
    queues: dict[str, Queue]
    queues_age_seconds: float | None
    spool: dict[str, int]
    clock_skew_ms: int | None
    reasons: list[str]
    alarms: list[str]
    hint: str | None


class Unhealthy(Health):
    """The same, with 503."""

    model_config = examples.shown(examples.UNHEALTHY)


class Readiness(BaseModel):
    """Whether events can be delivered, and why not."""

    model_config = examples.shown(examples.READY)

    status: str
    reasons: list[str]


class NotReady(Readiness):
    """The same, with 503."""

    model_config = examples.shown(examples.NOT_READY)


class Liveness(BaseModel):
    """This process answers."""

    model_config = examples.shown(examples.LIVE)

    status: str


class Connections(BaseModel):
    """Every worker connection by process name: the fields of health, and counts and topics."""

    model_config = examples.shown(examples.CONNECTIONS)

    connections: dict[str, dict[str, Any]]


class SchemaPlace(BaseModel):
    """What one event of a class is, and where its schema is."""

    event_type: str
    description: str
    schema_path: str


class Schemas(BaseModel):
    """All event classes."""

    model_config = examples.shown(examples.SCHEMAS)

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
