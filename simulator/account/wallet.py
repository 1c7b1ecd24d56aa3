"""The wallet's rows: a coin and the account above its coins. Source: protocol notes, section 7.5."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from simulator.account.positions import PORTFOLIO
from simulator.account.records import EIGHT_PLACES, ZERO, Row, amount, exact
from simulator.dialect import plain

ISOLATED = "ISOLATED_MARGIN"
MARGIN_MODES = ("REGULAR_MARGIN", PORTFOLIO, ISOLATED)
#: What has no meaning for the whole of an account in isolated margin.
NOT_ISOLATED = (
    "accountIMRate", "accountIMRateByMp", "accountMMRate", "accountMMRateByMp", "totalMarginBalance", "totalAvailableBalance",
    "totalPerpUPL", "totalInitialMargin", "totalInitialMarginByMp", "totalMaintenanceMargin", "totalMaintenanceMarginByMp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Holding:
    """One coin, all amounts in it. usd: its price.

    locked      held by open spot orders
    unrealised  of futures; `options`: what the options held are worth
    realised    since ever
    """

    coin: str
    balance: Decimal
    locked: Decimal = ZERO
    usd: Decimal = ZERO
    unrealised: Decimal = ZERO
    options: Decimal = ZERO
    order_margin: Decimal = ZERO
    position_margin: Decimal = ZERO
    maintenance: Decimal = ZERO
    realised: Decimal = ZERO

    @property
    def equity(self) -> Decimal:
        return self.balance + self.unrealised + self.options

    @property
    def usd_value(self) -> Decimal:
        return (self.equity * self.usd).quantize(EIGHT_PLACES)

    @property
    def is_empty(self) -> bool:
        parts = (self.balance, self.locked, self.unrealised, self.options, self.order_margin, self.position_margin)
        return not any(parts)

    def row(self, margin_mode: str) -> Row:
        blank = margin_mode == PORTFOLIO
        return {
            "coin": self.coin, "equity": plain(self.equity), "usdValue": amount(self.usd_value), "walletBalance": plain(self.balance),
            "availableToWithdraw": "", "availableToBorrow": "", "borrowAmount": exact(max(ZERO, -self.balance)),
            "accruedInterest": "0", "totalOrderIM": "" if blank else amount(self.order_margin),
            "totalPositionIM": "" if blank else amount(self.position_margin),
            "totalPositionMM": "" if blank else amount(self.maintenance), "unrealisedPnl": amount(self.unrealised),
            "cumRealisedPnl": amount(self.realised), "bonus": "0", "collateralSwitch": True, "marginCollateral": True, "colRes": "0",
            "locked": plain(self.locked), "spotHedgingQty": "0", "spotBorrow": "0",
        }  # fmt: skip


def account_row(holdings: Iterable[Holding], shown: list[Row], margin_mode: str) -> Row:
    """The account: sums over all its coins in US dollars, and the coins that are shown."""
    holdings = list(holdings)
    equity = sum((each.usd_value for each in holdings), ZERO)
    wallet = _usd((each.balance, each.usd) for each in holdings)
    unrealised = _usd((each.unrealised, each.usd) for each in holdings)
    initial = _usd((each.order_margin + each.position_margin, each.usd) for each in holdings)
    maintenance = _usd((each.maintenance, each.usd) for each in holdings)
    balance = wallet + unrealised
    initial_rate, maintenance_rate = (_rate(part, balance) for part in (initial, maintenance))
    row = {
        "accountIMRate": initial_rate, "accountIMRateByMp": initial_rate, "accountMMRate": maintenance_rate,
        "accountMMRateByMp": maintenance_rate, "totalEquity": amount(equity), "totalWalletBalance": amount(wallet),
        "totalMarginBalance": amount(balance), "totalAvailableBalance": amount(max(ZERO, balance - initial)),
        "totalPerpUPL": amount(unrealised), "totalInitialMargin": amount(initial), "totalInitialMarginByMp": amount(initial),
        "totalMaintenanceMargin": amount(maintenance), "totalMaintenanceMarginByMp": amount(maintenance), "coin": shown,
        "accountLTV": "", "accountType": "UNIFIED",
    }  # fmt: skip
    return row | dict.fromkeys(NOT_ISOLATED, "") if margin_mode == ISOLATED else row


def _usd(parts: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    return sum(((number * usd).quantize(EIGHT_PLACES) for number, usd in parts), ZERO)


def _rate(part: Decimal, whole: Decimal) -> str:
    return exact((part / whole).quantize(Decimal("0.0001"))) if whole > 0 else "0"
