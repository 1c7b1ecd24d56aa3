"""A recording made under faults, replayed twice into fresh gateways: the same events, ids and payloads, whatever the speed."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recordings import Recorder, digest, pushes, replayed, take_to_the_end
from running import RunningGateway, consuming, healthy_gateway, wait_for

from gateway.protocol.frames import Data, parse
from gateway.recording import reader
from gateway.recording.entries import Kind
from simulator import remote
from simulator.remote import RunningSimulator

#: Channel, category, symbol: what every gateway of this file subscribes.
WISHES = (
    ("trades", "linear", "BTCUSDT"),
    ("ticker", "linear", "BTCUSDT"),
    ("orderbook", "linear", "BTCUSDT"),
    ("orderbook", "linear", "ETHUSDT"),
    ("kline", "linear", "BTCUSDT"),
    ("orderbook", "spot", "BTCUSDT"),
    ("ticker", "option", "BTC-25DEC26-70000-C-USDT"),
)
ACCOUNT = ("order", "execution", "position", "balance")

#: Derived from the tickers, so its events are in their queue before the last ticker is in its own.
FUNDING = ("linear", "funding")
TICKER = ("linear", "tickers.BTCUSDT")

#: Routing key, so far as it is known: (endpoint, topic) → its events in their order.
Events = dict[tuple[str, str], list[dict[str, Any]]]


def subscribe_all(gateway: RunningGateway) -> dict[tuple[str, str], dict[str, Any]]:
    """(endpoint, topic) → the subscription, each of a service, and so a queue, of its own."""
    rows = {}
    gateway.subscribe("funding", "funding", category="linear", symbol="BTCUSDT")
    for number, (channel, category, symbol) in enumerate(WISHES):
        row = gateway.subscribe(channel, f"s{number}", category=category, symbol=symbol)
        rows[category, row["topic"]] = row
    for channel in ACCOUNT:
        row = gateway.subscribe(channel, channel)
        rows["private", row["topic"]] = row
    return rows


def let_the_account_act(simulator: RunningSimulator) -> None:
    order_id = simulator.account("place", symbol="BTCUSDT", quantity="0.010")[0]["data"][0]["orderId"]
    simulator.account("fill", order_id=order_id, quantity="0.004")
    simulator.account("fill", order_id=order_id)
    simulator.account("wallet")


def have_a_bad_time(gateway: RunningGateway, simulator: RunningSimulator, rows: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Dropped connections of each kind, spoilt books, damaged frames."""

    def held(endpoint: str) -> bool:
        topics = {topic for of, topic in rows if of == endpoint}
        return any(topics <= set(connection.topics) for connection in simulator.connections(endpoint))

    def more(endpoint: str, topic: str, count: int = 5) -> None:
        after = len(simulator.ledger(endpoint, topic))
        wait_for(lambda: len(simulator.ledger(endpoint, topic)) >= after + count, f"{count} more frames of {topic}")

    for endpoint, how in (
        ("linear", "abort"),
        ("linear", "mid_frame"),
        ("spot", "1001"),
        ("option", "abort"),
        ("private", "abort"),
    ):
        simulator.cut(endpoint, how)
        wait_for(lambda endpoint=endpoint: held(endpoint), f"all topics of {endpoint} held again")
        more("linear", "orderbook.50.BTCUSDT")
    for how in ("skip", "reorder", "repeat", "cross"):
        simulator.fault("book", how=how, topic="orderbook.50.*", times=2)
        more("linear", "orderbook.50.BTCUSDT", 12)
    let_the_account_act(simulator)
    for topic in ("tickers.BTCUSDT", "orderbook.50.BTCUSDT", "publicTrade.BTCUSDT"):
        simulator.fault("hostile", how="all", endpoint="linear", topic=topic)
        more("linear", topic)
    wait_for(lambda: held("linear"), "all topics of linear held again")
    more("linear", "orderbook.50.BTCUSDT", 40)
    more("linear", "publicTrade.BTCUSDT")
    let_the_account_act(simulator)


@pytest.fixture(scope="module")
def lively_simulator() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, steps_per_s=10)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def recorded(
    tmp_path_factory: pytest.TempPathFactory,
    new_empty_database: Callable[[], str],
    new_broker: Callable[[], str],
    lively_simulator: RunningSimulator,
) -> tuple[Path, Events]:
    """A bad time as it was recorded, and what the gateway told of it by its streams."""
    folder, broker_url = tmp_path_factory.mktemp("first"), new_broker()
    file = folder / "bad.wsrec"
    settings = {"WS_GATEWAY_INCLUDE_RAW": "all"}
    with (
        healthy_gateway(folder, new_empty_database(), broker_url, lively_simulator, **settings) as gateway,
        consuming(broker_url) as consumer,
    ):
        recorder = Recorder(gateway, file)
        recorder.wait_for("linear_00", "spot_00", "option_00", "private_00")
        rows = subscribe_all(gateway)
        for row in rows.values():
            gateway.wait_until_held(row["id"])
        let_the_account_act(lively_simulator)
        have_a_bad_time(gateway, lively_simulator, rows)
        lively_simulator.pause(on=True)
        last = {key: lively_simulator.ledger(*key)[-1].text for key in rows}
        events = {key: take_to_the_end(consumer, row["queue"], push_in(last[key])) for key, row in rows.items()}
        events[FUNDING] = consumer.take("ws-gateway.funding.funding")
        assert recorder.end() == 0, recorder.words()
    return file, {key: repeatable(found) for key, found in events.items()}


def repeatable(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that came from frames alone."""
    return [event for event in events if event["source"] == "stream" or event["event_type"] == "funding"]


def push_in(text: str) -> Data:
    found = parse(text.encode())
    assert isinstance(found, Data)
    return found


def replay_into(folder: Path, file: Path, database_url: str, broker_url: str, *arguments: str) -> tuple[Events, dict[str, Any]]:
    """What a fresh gateway makes of it, and the replay's own last words."""
    with (
        replayed(file, "--paused", *arguments) as replay,
        healthy_gateway(folder, database_url, broker_url, replay, WS_GATEWAY_INCLUDE_RAW="all") as gateway,  # type: ignore[arg-type] # it has all that is asked of a simulator
        consuming(broker_url) as consumer,
    ):
        rows = subscribe_all(gateway)
        for row in rows.values():
            wait_for(
                lambda row=row: gateway.call("GET", f"/api/v1/subscriptions/{row['id']}")[1]["state"] == "acknowledged", "held"
            )
        replay.go()
        over = replay.line(120)
        told = pushes(reader.opened(file))
        events = {key: take_to_the_end(consumer, row["queue"], told[key][-1]) for key, row in rows.items()}
        events[FUNDING] = consumer.take("ws-gateway.funding.funding")
        return {key: repeatable(found) for key, found in events.items()}, over


def test_a_recording_of_faults_replayed_twice_gives_byte_identical_ids_and_payloads(
    recorded: tuple[Path, Events],
    tmp_path: Path,
    new_empty_database: Callable[[], str],
    new_broker: Callable[[], str],
) -> None:
    file, told_first = recorded
    recording = reader.opened(file)
    kinds = defaultdict(int)
    for worker in recording.lanes:
        for entry in recording.of(worker):
            kinds[worker, entry.kind] += 1
    assert kinds["linear_00", Kind.CLOSED] >= 2, "it was made under faults"
    runs = []
    for number, speed in enumerate(("max", "5")):
        folder = tmp_path / str(number)
        folder.mkdir()
        events, over = replay_into(folder, file, new_empty_database(), new_broker(), "--speed", speed)
        assert (over["over"], over["exact"], over["damage"]) == (True, True, None)
        runs.append(events)
    for key, found in runs[0].items():
        for one, other in zip(found, runs[1][key], strict=False):
            assert digest([one]) == digest([other]), (key, one, other)
    digests = [{key: digest(found) for key, found in run.items()} for run in runs]
    assert digests[0] == digests[1]
    assert all(len(found) > 3 or (key == FUNDING and found) for key, found in runs[0].items()), {
        key: len(found) for key, found in runs[0].items()
    }
    for key, told in told_first.items():
        if not key[1].startswith(("orderbook", "tickers", "funding")):
            continue  # REST told some of these first, in the recorded run
        found = runs[0][key]
        if key == TICKER:  # was wanted a moment later than its topic was held, for the sake of funding
            found = found[len(found) - len(told) :]
        assert digest(found) == digest(told), f"{key} as in the recorded run"
