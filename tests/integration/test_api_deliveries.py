"""`delivery` in the control API: one for all subscriptions of a queue, changed by POST where there is one alone, and by PUT for all."""

from typing import Any

import pytest
from asking import BASE, WISH, assert_error, call, subscribe
from flask.testing import FlaskClient
from running import Consumer

from gateway import names
from gateway.sinks.topology import BATCH_BYTES_PER_MESSAGE

MINE = f"{BASE}/by-service/tester"
ETH = {**WISH, "symbol": "ETHUSDT"}


def deliveries(client: FlaskClient) -> dict[str, tuple[str, str]]:
    """Symbol → delivery and state of the queue, of what is active."""
    rows = call(client, "GET", f"{BASE}?is_active=true")[1]["subscriptions"]
    return {row["symbol"]: (row["delivery"], row["queue_state"]) for row in rows}


def put(client: FlaskClient, *wishes: dict[str, Any]) -> tuple[int, Any]:
    bare = [{name: value for name, value in wish.items() if name != "requesting_service"} for wish in wishes]
    return call(client, "PUT", MINE, json={"subscriptions": bare})


def test_a_queue_of_batches_is_there_when_the_answer_comes_bound_to_nothing_and_waits_for_the_router(
    client: FlaskClient, consumer: Consumer
) -> None:
    row = subscribe(client, delivery="batch")
    assert (row["delivery"], row["queue"], row["queue_state"]) == ("batch", "ws-gateway.trade.tester", "pending")
    assert consumer.exists(row["queue"])
    consumer._channel.basic_publish(names.EXCHANGE, "trade.linear.BTCUSDT.-", b"1")
    assert consumer.take(row["queue"]) == [], "the router fills it"
    arguments = {"x-message-ttl": 86_400_000, "x-max-length": 100_000, "x-overflow": "drop-head"}
    bound = {"x-max-length-bytes": 100_000 * BATCH_BYTES_PER_MESSAGE}
    consumer._channel.queue_declare(row["queue"], durable=True, arguments={**arguments, **bound})


def test_a_wish_that_names_no_delivery_has_its_queue_s(client: FlaskClient) -> None:
    assert subscribe(client, requesting_service="other")["delivery"] == "single"
    subscribe(client, delivery="batch")
    assert subscribe(client, symbol="ETHUSDT")["delivery"] == "batch"
    status, again = call(client, "POST", BASE, json=WISH)
    assert (status, again["delivery"]) == (200, "batch"), "what a POST does not name stays"
    assert subscribe(client, channel_type="ticker")["delivery"] == "single", "another class is another queue"


@pytest.mark.parametrize(("first", "other"), [("single", "batch"), ("batch", "single")])
def test_two_deliveries_for_one_queue_are_a_conflict_that_says_how_to_change_it(
    client: FlaskClient, first: str, other: str
) -> None:
    subscribe(client, delivery=first)
    words = f"found delivery '{other}' while ws-gateway.trade.tester has '{first}'; expected one delivery for all"
    assert_error(call(client, "POST", BASE, json={**ETH, "delivery": other}), 409, "CONFLICT", words)
    subscribe(client, symbol="ETHUSDT", delivery=first)
    assert_error(
        call(client, "POST", BASE, json={**WISH, "delivery": other}), 409, "CONFLICT", "PUT /subscriptions/by-service/tester"
    )
    assert {delivery for delivery, _ in deliveries(client).values()} == {first}


@pytest.mark.parametrize("delivery", ["pigeon", "", "BATCH", 1, ["batch"], True])
def test_what_is_no_delivery_is_refused(client: FlaskClient, delivery: Any) -> None:
    assert_error(call(client, "POST", BASE, json={**WISH, "delivery": delivery}), 400, "INVALID_REQUEST", "delivery")


def test_the_only_subscription_of_a_queue_changes_its_delivery_by_the_same_post(client: FlaskClient) -> None:
    row = subscribe(client)
    status, changed = call(client, "POST", BASE, json={**WISH, "delivery": "batch"})
    assert (status, changed["id"], changed["delivery"], changed["queue_state"]) == (200, row["id"], "batch", "turning")
    assert changed["updated_at"] > row["updated_at"]
    status, back = call(client, "POST", BASE, json={**WISH, "delivery": "single"})
    assert (status, back["delivery"], back["queue_state"]) == (200, "single", "turning")
    [entry, *_] = call(client, "GET", "/api/v1/audit")[1]["audit"]
    assert entry["action"] == "changed"


def test_put_changes_all_of_a_queue_together_and_what_it_does_not_name_is_single(client: FlaskClient) -> None:
    for wish in (WISH, ETH):
        call(client, "POST", BASE, json=wish)
    status, done = put(
        client, {**WISH, "delivery": "batch"}, {**ETH, "delivery": "batch"}, {**WISH, "symbol": "SOLUSDT", "delivery": "batch"}
    )
    assert (status, [len(done[name]) for name in ("added", "removed", "unchanged")]) == (200, [1, 0, 2])
    assert deliveries(client) == {"BTCUSDT": ("batch", "turning"), "ETHUSDT": ("batch", "turning"), "SOLUSDT": ("batch", "pending")}
    assert put(client, WISH, ETH)[0] == 200
    assert {symbol: delivery for symbol, (delivery, _) in deliveries(client).items()} == {"BTCUSDT": "single", "ETHUSDT": "single"}


def test_put_with_two_deliveries_for_one_queue_changes_nothing(client: FlaskClient) -> None:
    subscribe(client)
    answer = put(client, {**WISH, "delivery": "batch"}, ETH)
    assert_error(answer, 409, "CONFLICT", "subscriptions.1: found delivery 'single' after 'batch' for ws-gateway.trade.tester")
    assert answer[1]["details"]["index"] == 1
    assert deliveries(client) == {"BTCUSDT": ("single", "ready")}
    assert put(client, {**WISH, "delivery": "batch"}, {**WISH, "channel_type": "ticker"})[0] == 200, "two queues"


def test_a_wish_for_a_class_that_comes_in_batches_to_somebody_waits_for_the_router_too(client: FlaskClient) -> None:
    """It does not publish on its own what batches alone want."""
    assert subscribe(client, requesting_service="early")["queue_state"] == "ready"
    subscribe(client, requesting_service="many", delivery="batch")
    assert subscribe(client, requesting_service="late")["queue_state"] == "pending"
    assert subscribe(client, requesting_service="late", channel_type="ticker")["queue_state"] == "ready"


@pytest.mark.parametrize("how", ["another wish", "the same anew", "one more while it turns"])
def test_a_queue_that_the_router_may_still_fill_is_bound_by_the_router_alone(
    client: FlaskClient, consumer: Consumer, how: str
) -> None:
    """What came into it on its own would overtake what is in open batches."""
    row = subscribe(client, symbol="*", delivery="batch")
    if how == "another wish":
        assert put(client, WISH)[0] == 200
    elif how == "the same anew":
        assert call(client, "DELETE", f"{BASE}/{row['id']}")[0] == 200
        subscribe(client)
    else:
        assert put(client, {**WISH, "symbol": "*"})[0] == 200
        subscribe(client)
    assert deliveries(client)["BTCUSDT"] == ("single", "pending")
    consumer._channel.basic_publish(names.EXCHANGE, "trade.linear.BTCUSDT.-", b"1")
    assert not consumer.exists(row["queue"]) or consumer.take(row["queue"]) == []
