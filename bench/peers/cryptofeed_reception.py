"""`python -m bench.peers.cryptofeed_reception`: cryptofeed as it comes, with its addresses replaced; its callback notes each trade."""

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptofeed import FeedHandler
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Bybit

from bench.peers.told import Told


async def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.peers.cryptofeed_reception")
    for name in ("--ws-url", "--rest-url", "--topics", "--arrived"):
        parser.add_argument(name, required=True)
    given = parser.parse_args()
    told = Told(Path(given.arrived))
    Bybit.websocket_endpoints = [
        replace(row, address=f"{given.ws_url}/v5/public/{row.address.rpartition('/')[2]}") for row in Bybit.websocket_endpoints
    ]
    Bybit.rest_endpoints = [replace(row, address=given.rest_url) for row in Bybit.rest_endpoints]
    names = {exchange: theirs for theirs, exchange in Bybit.symbol_mapping().items()}

    async def trade(found: Any, _received: float) -> None:
        told.trade(found.id)

    handler = FeedHandler(config={"log": {"filename": "cryptofeed-own.log", "level": "WARNING"}, "uvloop": False})
    symbols = [names[topic.partition(".")[2]] for topic in given.topics.split(",")]
    handler.add_feed(Bybit(symbols=symbols, channels=[TRADES], callbacks={TRADES: trade}))
    handler.run(start_loop=False, install_signal_handlers=False)
    answering = told.answer_aside()
    while answering.is_alive():
        await asyncio.sleep(0.2)
    await handler.stop_async(loop=asyncio.get_running_loop())


asyncio.run(main())
