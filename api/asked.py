"""What a request for a subscription asks, and what the settings say about it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """The body of POST /subscriptions, its types checked."""

    channel_type: str
    requesting_service: str
    symbol: str | None = None
    category: str | None = None
    depth: int | None = None
    interval: str | None = None
    topic: str | None = None
    delivery: str | None = None
    snapshot_seconds: float | None = None
    ttl_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about subscriptions."""

    enabled_categories: Sequence[str]
    environment: str
    has_credentials: bool
