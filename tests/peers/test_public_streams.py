"""Other people's clients and the gateway, on one exchange at one time: all build the same books, tickers, trades and candles."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import pytest
from peer import Peer
from running import Consumer, RunningGateway, consuming, wait_for
from truth import State, key_of, of_peer

from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

#: endpoint → symbol, the name under which its trades go, and the depth of its book.
MARKETS = {
    "spot": ("BTCUSDT", "BTCUSDT", 50),
    "linear": ("BTCUSDT", "BTCUSDT", 50),
    "inverse": ("BTCUSD", "BTCUSD", 50),
    "option": ("BTC-25DEC26-70000-C-USDT", "BTC", 25),
    "spread": ("SOLUSDT_SOL/USDT", "SOLUSDT_SOL/USDT", 25),
}
WITH_KLINES = ("spot", "linear", "inverse")

#: Client → its topics as (endpoint, topic): what it can, of what the gateway publishes.
TOPICS: dict[str, list[tuple[str, str]]] = {
    "pybit": [
        *((endpoint, f"orderbook.{depth}.{symbol}") for endpoint, (symbol, _, depth) in MARKETS.items()),
        *((endpoint, f"tickers.{symbol}") for endpoint, (symbol, _, _) in MARKETS.items()),
        *((endpoint, f"publicTrade.{coin}") for endpoint, (_, coin, _) in MARKETS.items()),
        *((endpoint, f"kline.1.{MARKETS[endpoint][0]}") for endpoint in WITH_KLINES),
    ],
    "ccxt": [
        *((endpoint, f"orderbook.{depth}.{symbol}") for endpoint, (symbol, _, depth) in MARKETS.items() if endpoint != "spread"),
        *((endpoint, f"tickers.{symbol}") for endpoint, (symbol, _, _) in MARKETS.items() if endpoint != "spread"),
        *((endpoint, f"publicTrade.{MARKETS[endpoint][0]}") for endpoint in ("spot", "linear", "inverse")),
    ],
    "cryptofeed": [
        *((endpoint, "orderbook.200.BTCUSDT") for endpoint in ("spot", "linear")),
        *((endpoint, "publicTrade.BTCUSDT") for endpoint in ("spot", "linear")),
        ("linear", "tickers.BTCUSDT"),
    ],
}
CASES = [(client, endpoint, topic) for client, topics in TOPICS.items() for endpoint, topic in topics]
WANTED = sorted({(endpoint, topic) for _, endpoint, topic in CASES})
#: Topic family → the gateway's channel.
CHANNELS = {"orderbook": "orderbook", "publicTrade": "trades", "tickers": "ticker", "kline": "kline"}
#: How often the market moves before everybody is compared; the second round begins from books that were built from deltas.
ROUNDS = (7, 40)


@dataclass
class Round:
    """What everybody had built when the market stood still again."""

    ledger: State
    gateway: State
    clients: dict[str, State]

    def agree(self) -> bool:
        everybody = [(self.gateway, key_of(*row)) for row in WANTED]
        everybody += [(self.clients[client], key_of(endpoint, topic)) for client, endpoint, topic in CASES]
        return all(state.of(key) == self.ledger.of(key) for state, key in everybody)


class Scene:
    """One exchange, and a gateway and the clients on it, all with the same topics."""

    def __init__(self, simulator: RunningSimulator, gateway: RunningGateway, consumer: Consumer, peers: dict[str, Peer]) -> None:
        self._simulator = simulator
        self._consumer = consumer
        self._peers = peers
        self._gateway = State()
        self._queues = {self._subscribe(gateway, endpoint, topic) for endpoint, topic in WANTED}

    def wait_until_all_listen(self) -> None:
        wanted = Counter(row for topics in (WANTED, *TOPICS.values()) for row in topics)

        def listening() -> bool:
            self._ask()  # which fails where a client has failed
            held = Counter((entry.endpoint, topic) for entry in self._simulator.connections() for topic in entry.topics)
            return wanted <= held

        wait_for(listening, "everybody's subscriptions held", 40.0)

    def move(self, steps: int) -> Round:
        """Move the market; everybody's state once all agree, or after 20 s."""
        self._simulator.step(steps)
        ledger, until = self._ledger(), time.monotonic() + 20.0

        def settled() -> Round | None:
            for queue in self._queues:
                for event in self._consumer.take(queue):
                    self._gateway.of_event(event)
            found = Round(ledger, deepcopy(self._gateway), self._ask())
            return found if found.agree() or time.monotonic() > until else None

        settled_round: Round = wait_for(settled, "a round", 40.0)
        return settled_round

    def _ask(self) -> dict[str, State]:
        return {name: of_peer(peer.ask()) for name, peer in self._peers.items()}

    def _ledger(self) -> State:
        """From what the first connection that held a topic was sent."""
        state = State()
        for endpoint, topic in WANTED:
            entries = self._simulator.ledger(endpoint, topic)
            first = min(entry.connection for entry in entries)
            for entry in entries:
                if entry.connection == first:
                    state.of_frame(endpoint, entry.frame)
        return state

    @staticmethod
    def _subscribe(gateway: RunningGateway, endpoint: str, topic: str) -> str:
        family, _, rest = topic.partition(".")
        variant, _, symbol = rest.partition(".") if family in ("orderbook", "kline") else ("", "", rest)
        given = {"depth": int(variant)} if family == "orderbook" else {"interval": variant} if family == "kline" else {}
        row = gateway.subscribe(CHANNELS[family], "peers", symbol=symbol, category=endpoint, **given)
        assert row["topic"] == topic
        return str(row["queue"])


@pytest.fixture(scope="module")
def rounds(
    still_simulator: RunningSimulator, peers_gateway: RunningGateway, new_peer: Callable[..., Peer]
) -> Iterator[list[Round]]:
    peers = {name: new_peer(still_simulator, name, topics) for name, topics in TOPICS.items()}
    with consuming(peers_gateway.broker_url) as consumer:
        scene = Scene(still_simulator, peers_gateway, consumer, peers)
        scene.wait_until_all_listen()
        yield [scene.move(steps) for steps in ROUNDS]


@pytest.mark.parametrize(("endpoint", "topic"), WANTED)
def test_gateway_publishes_what_the_exchange_sent(rounds: list[Round], endpoint: str, topic: str) -> None:
    key = key_of(endpoint, topic)
    for found in rounds:
        assert found.ledger.of(key) is not None
        assert found.gateway.of(key) == found.ledger.of(key)


@pytest.mark.parametrize(("client", "endpoint", "topic"), CASES)
def test_client_builds_what_the_gateway_publishes(rounds: list[Round], client: str, endpoint: str, topic: str) -> None:
    key = key_of(endpoint, topic)
    for found in rounds:
        assert found.clients[client].of(key) == found.gateway.of(key)


def test_market_moved_between_the_rounds(rounds: list[Round]) -> None:
    first, second = rounds
    for endpoint, topic in WANTED:
        assert first.ledger.of(key_of(endpoint, topic)) != second.ledger.of(key_of(endpoint, topic))
