"""A topic that falls silent is `stalled` for everybody who asks, and live again when it speaks."""

from running import Consumer, RunningGateway, wait_for

from simulator.remote import RunningSimulator


def test_a_silent_topic_is_stalled_in_its_subscription_in_health_and_in_words_until_it_speaks(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    row = gateway.subscribe("orderbook", symbol="BTCUSDT", category="linear", depth=1)
    other = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
    for held in (row, other):
        gateway.wait_until_held(held["id"])

    def state() -> str:
        return str(gateway.call("GET", f"/api/v1/subscriptions/{row['id']}")[1]["state"])

    simulator.fault("silence", how="topic", topic=row["topic"])
    wait_for(lambda: state() == "stalled", "stalled", 30.0)
    assert gateway.health()["status"] == "degraded"
    assert "linear_00 has 1 of 2 topics stalled" in gateway.health()["reasons"]
    simulator.lift()
    wait_for(lambda: state() == "live", "live again", 60.0)
    gateway.wait_until_healthy()
    told = [event["payload"] for event in consumer.take("ws-gateway.system") if event["payload"]["cause"] == "stalled"]
    assert [(entry["kind"], entry["topic"], entry["recovered"]) for entry in told] == [
        ("stalled", row["topic"], None), ("recovered", row["topic"], True),
    ]  # fmt: skip
    assert simulator.faults() == []
