"""`python -m bench.peers.pybit_reception`: pybit as it comes, with its address replaced; its callback notes each trade.

pybit writes a subscription down after it has sent it, and an answer that is quicker than that kills its reading thread. So the reading
side enters through `callback_function`, an option of pybit, under a lock that is held while subscribing.
"""

import argparse
from pathlib import Path
from threading import Lock
from typing import Any

from pybit import unified_trading

from bench.peers.told import Told


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.peers.pybit_reception")
    for name in ("--ws-url", "--rest-url", "--topics", "--arrived"):
        parser.add_argument(name, required=True)
    given = parser.parse_args()
    told, lock, streams = Told(Path(given.arrived)), Lock(), list[Any]()
    unified_trading.PUBLIC_WSS = f"{given.ws_url}/v5/public/{{CHANNEL_TYPE}}"

    def receive(message: dict[str, Any]) -> None:
        with lock:
            streams[0]._handle_incoming_message(message)

    def trades(message: dict[str, Any]) -> None:
        for row in message["data"]:
            told.trade(row["i"])

    with lock:
        streams.append(unified_trading.WebSocket("linear", testnet=False, callback_function=receive))
        streams[0].trade_stream([topic.partition(".")[2] for topic in given.topics.split(",")], trades)
    told.answer()


main()
