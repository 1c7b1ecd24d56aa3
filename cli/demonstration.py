"""What `ws-gateway up` subscribes, so that events of every endpoint flow at once."""

from typing import Any

from cli.client import Client
from gateway.config import Settings
from gateway.errors import GatewayError, RequestError
from gateway.exchange import budget
from gateway.exchange.budget import RestBudget
from gateway.exchange.rest import Rest

SERVICE = "demo"

#: Channel, category, symbol. An option and a spread are asked of the exchange: they expire.
WISHES: tuple[tuple[str, str | None, str | None], ...] = (
    *((channel, "linear", "BTCUSDT") for channel in ("trades", "ticker", "orderbook", "kline")),
    *((channel, "spot", "BTCUSDT") for channel in ("trades", "ticker", "orderbook", "kline")),
    *((channel, "inverse", "BTCUSD") for channel in ("trades", "ticker", "orderbook", "kline")),
    ("trades", "option", "BTC"),
    ("system_status", None, None),
    ("system", None, None),
)
PRIVATE = ("order", "execution", "position", "balance")

#: Category → where its instruments are listed.
LISTS: dict[str, tuple[str, dict[str, str]]] = {
    "option": ("/v5/market/instruments-info", {"category": "option", "baseCoin": "BTC", "limit": "1"}),
    "spread": ("/v5/spread/instrument", {"limit": "1"}),
}
LISTED_CHANNELS = {"option": ("ticker", "orderbook"), "spread": ("trades", "ticker", "orderbook")}


def subscribe(client: Client, settings: Settings) -> tuple[int, list[str]]:
    """Subscribe all of it; how many are held, and a sentence for each that is not."""
    wishes: list[tuple[str, str | None, str | None]] = [
        *WISHES,
        *((channel, None, None) for channel in PRIVATE if settings.has_credentials),
    ]
    trouble = []
    shared = RestBudget(budget.folder_of(settings.var_dir, settings.rest_base), private=False)
    for listed, (path, fields) in LISTS.items():
        try:
            rest = Rest(settings.rest_base, ca_file=settings.ca_file, proxy=settings.proxy, budget=shared)
            found = str(rest.get(path, **fields)["list"][0]["symbol"])
            wishes += [(channel, listed, found) for channel in LISTED_CHANNELS[listed]]
        except (GatewayError, LookupError, TypeError) as fault:
            trouble.append(f"no {listed} instrument is known ({fault}); subscribe one with `ws-gateway subscribe`")
    held = 0
    for channel, category, symbol in wishes:
        wish: dict[str, Any] = {"channel_type": channel, "requesting_service": SERVICE, "category": category, "symbol": symbol}
        try:
            client.call("POST", "/api/v1/subscriptions", body={key: value for key, value in wish.items() if value is not None})
            held += 1
        except RequestError as fault:
            trouble.append(f"{channel} {category or ''} {symbol or ''}: {fault}")
    return held, trouble
