"""From REST to RabbitMQ, per endpoint: what an independent client reads equals what the simulated exchange wrote into its ledger."""

from running import Consumer, RunningGateway

from simulator.remote import RunningSimulator


def test_first(gateway: RunningGateway, consumer: Consumer, simulator: RunningSimulator) -> None:
    row = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
    print(row)
    print(gateway.wait_until_held(row["id"]))
    got = consumer.take_until(row["queue"], lambda found: len(found) > 5)
    print(got[0])
    print(gateway.control("status"))
    print(gateway.health())
    print(gateway.stop())
