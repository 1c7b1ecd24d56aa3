"""The examples of the OpenAPI document are requests that the API takes, and answers of its shape."""

import json
from typing import Any

import pytest
from pydantic import BaseModel
from resolving import without_catalog

from api import subscription_shapes as shapes
from api.asked import Asked, Rules
from api.openapi import document
from api.wishes import wish_of
from gateway.protocol.endpoints import CATEGORIES

RULES = Rules(CATEGORIES, "mainnet", has_credentials=True)
PATHS: dict[str, Any] = {
    path: calls for path, calls in json.loads(document())["paths"].items() if path.startswith("/api/v1/subscriptions")
}
CALLS = [(method, path) for path, calls in PATHS.items() for method in calls]


def examples(content: dict[str, Any]) -> list[Any]:
    return [example["value"] for example in content["application/json"].get("examples", {}).values()]


def model_of(content: dict[str, Any]) -> type[BaseModel]:
    model: type[BaseModel] = getattr(shapes, content["application/json"]["schema"]["$ref"].rpartition("/")[2])
    return model


def test_all_calls_are_looked_at() -> None:
    assert len(CALLS) == 9


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_each_call_has_examples_in_the_shape_that_it_takes_and_answers(method: str, path: str) -> None:
    call = PATHS[path][method]
    contents = [answer["content"] for status, answer in call["responses"].items() if status.startswith("2")]
    contents += [call["requestBody"]["content"]] if "requestBody" in call else []
    for content in contents:
        assert examples(content)
        for example in examples(content):
            assert set(json.loads(model_of(content)(**example).model_dump_json())) >= set(example)


def wishes() -> list[dict[str, Any]]:
    posted = examples(PATHS["/api/v1/subscriptions"]["post"]["requestBody"]["content"])
    sets = examples(PATHS["/api/v1/subscriptions/by-service/{service}"]["put"]["requestBody"]["content"])
    return posted + [{**wish, "requesting_service": "my-service"} for body in sets for wish in body["subscriptions"]]


@pytest.mark.parametrize("given", wishes(), ids=lambda given: given["channel_type"])
def test_each_example_of_a_request_becomes_a_wish(given: dict[str, Any]) -> None:
    asked = shapes.SubscriptionRequest(**given)
    assert wish_of(Asked(**asked.model_dump()), RULES, without_catalog("linear"))["channel_type"] == given["channel_type"]


def test_the_states_are_those_of_the_document_in_the_order_they_come() -> None:
    schema = json.loads(document())["components"]["schemas"]["Subscription"]
    assert schema["properties"]["state"]["enum"] == ["requested", "acknowledged", "live", "stalled", "refused", "cancelled"]
    assert set(schema["required"]) == set(shapes.TRADES)
