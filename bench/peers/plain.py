"""`python -m bench.peers.plain`: a gateway as one writes it on an afternoon, with asyncio, websockets, aio-pika and asyncpg.

One task reads; each event is published, persistent, and its confirm awaited; each frame leaves its trace in the database, so that
somebody can see that the topic lives. Idiomatic, and correct while nothing goes wrong.
"""

import argparse
import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aio_pika
import asyncpg
import websockets

EXCHANGE, QUEUE = "plain.events", "plain.trade"
_TABLE = "create table if not exists topics (topic text primary key, last_event_at timestamptz)"
_SEEN = "insert into topics values ($1, $2) on conflict (topic) do update set last_event_at = excluded.last_event_at"


def normalised(frame: dict[str, Any], trade: dict[str, Any], received_at: datetime) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "event_type": "trade",
        "category": "linear",
        "symbol": trade["s"],
        "topic": frame["topic"],
        "timestamp": datetime.fromtimestamp(trade["T"] / 1000, UTC).isoformat(),
        "received_at": received_at.isoformat(),
        "payload": {
            "symbol": trade["s"],
            "trade_id": trade["i"],
            "price": trade["p"],
            "quantity": trade["v"],
            "side": trade["S"],
            "trade_time": trade["T"],
            "tick_direction": trade["L"],
            "block_trade": trade["BT"],
        },
    }


async def publish(exchange: aio_pika.abc.AbstractExchange, event: dict[str, Any]) -> None:
    """Returns when RabbitMQ has confirmed it."""
    message = aio_pika.Message(
        json.dumps(event, separators=(",", ":")).encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=event["event_id"],
        headers={"event_type": event["event_type"], "symbol": event["symbol"], "topic": event["topic"]},
    )
    await exchange.publish(message, routing_key=f"trade.linear.{event['symbol']}")


async def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.peers.plain")
    for name in ("--ws-url", "--broker-url", "--database-url", "--topics"):
        parser.add_argument(name, required=True)
    given = parser.parse_args()
    broker = await aio_pika.connect_robust(given.broker_url)
    channel = await broker.channel(publisher_confirms=True)
    exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-max-length": 100_000, "x-overflow": "drop-head"})
    await queue.bind(exchange, "trade.#")
    database = await asyncpg.connect(given.database_url)
    await database.execute(_TABLE)
    async with websockets.connect(f"{given.ws_url}/v5/public/linear") as socket:
        await socket.send(json.dumps({"op": "subscribe", "args": given.topics.split(",")}))
        async for text in socket:
            frame = json.loads(text)
            if "topic" not in frame:
                print(json.dumps(frame), flush=True)  # the answer to our request
                continue
            received_at = datetime.now(UTC)
            for trade in frame["data"]:
                await publish(exchange, normalised(frame, trade, received_at))
            await database.execute(_SEEN, frame["topic"], received_at)


asyncio.run(main())
