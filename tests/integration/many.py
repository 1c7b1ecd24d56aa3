"""Many topics at once: the symbols of a simulated exchange, and wishes for them written as the control API does."""

import uuid

import psycopg2
import psycopg2.extras
import urllib3

from simulator.remote import RunningSimulator


def symbols(exchange: RunningSimulator, category: str, **fields: str) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        query = {"category": category, "limit": "1000", **fields, **({"cursor": cursor} if cursor else {})}
        result = urllib3.request("GET", f"{exchange.rest_url}/v5/market/instruments-info", fields=query).json()["result"]
        found += [row["symbol"] for row in result["list"]]
        cursor = result.get("nextPageCursor", "")
        if not cursor:
            return found


def wish(database_url: str, endpoint: str, rows: list[tuple[str, str, str, int | None]]) -> None:
    """Write subscriptions as the control API does, all at once, and wake the workers."""
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        psycopg2.extras.execute_values(
            cursor,
            "insert into subscriptions (id, channel_type, symbol, category, category_source, depth, topic, endpoint, requesting_service,"
            " delivery, queue, binding, queue_state, state) values %s",
            [
                (
                    str(uuid.uuid4()), channel, symbol, endpoint, "given", depth, topic, endpoint, "many", "single",
                    f"ws-gateway.{channel}.many", f"{channel}.{endpoint}.{symbol}.{depth or '-'}", "declared", "requested",
                )
                for channel, symbol, topic, depth in rows
            ],
        )  # fmt: skip
        cursor.execute("notify ws_gateway_subscriptions")
