"""What requests and answers about balances look like. Amounts are plain decimal texts, never with an exponent."""

from uuid import UUID

from pydantic import BaseModel

from api import examples
from api.shapes import Page, Short, SpanFilter


class BalanceFilter(Page):
    """Which balances."""

    coin: Short | None = None
    account_type: Short | None = None


class HistoryFilter(SpanFilter):
    """Which rows of balances."""

    coin: Short | None = None


class Balance(BaseModel):
    """A coin as the exchange told it; null where it said nothing.

    source    stream; rest: read after a gap, or by a sync
    derived   fields that are ours, since the exchange did not tell them
    warnings  rules that the figures break: it is a fact of the account all the same
    """

    id: UUID
    account: str
    account_type: str
    coin: str
    wallet_balance: str | None
    available_balance: str | None
    frozen: str | None
    equity: str | None
    usd_value: str | None
    margin_collateral: bool | None
    total_order_im: str | None
    total_position_im: str | None
    event_timestamp: str
    received_at: str
    event_id: UUID
    trace_id: str
    source: str
    derived: list[str]
    warnings: list[str]


class MarginBalance(BaseModel):
    """The account's totals, in US dollars."""

    id: UUID
    account: str
    account_type: str
    total_equity: str | None
    total_wallet_balance: str | None
    total_margin_balance: str | None
    total_available_balance: str | None
    total_initial_margin: str | None
    total_maintenance_margin: str | None
    total_order_im: str | None
    base_currency: str
    event_timestamp: str
    received_at: str
    event_id: UUID
    trace_id: str
    source: str
    warnings: list[str]


class Balances(BaseModel):
    """The latest row per coin, the account's totals, and how many coins match."""

    model_config = examples.shown(examples.BALANCES)

    balances: list[Balance]
    margin_balance: MarginBalance | None
    total: int


class BalanceHistory(BaseModel):
    """One page of rows, and how many match in all."""

    model_config = examples.shown(examples.HISTORY)

    balances: list[Balance]
    total: int


class Synced(BaseModel):
    """The coins that have a row of this read."""

    model_config = examples.shown(examples.SYNCED)

    updated_coins: list[str]
    updated_count: int
