"""The AsyncAPI document: it is one, it leads nowhere else, and it says what the names and the schemas say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from gateway import names
from gateway.models import Event
from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Channel
from gateway.schemas import asyncapi, schemas
from gateway.sinks import bundles
from gateway.sinks.messages import properties
from gateway.wire import Stamp

#: The official schema; where it comes from is in docs/SOURCES.md.
OFFICIAL = Path(__file__).parents[1] / "data" / "asyncapi-3.0.0.json"
DOCUMENT = asyncapi.document()
BY_NAME = [pytest.param(row, id=row.channel_type) for row in CHANNELS]


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_bytes()))


def references(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        if isinstance(found.get("$ref"), str):
            yield found["$ref"]
        found = list(found.values())
    if isinstance(found, list):
        for part in found:
            yield from references(part)


def at(reference: str) -> Any:
    found: Any = DOCUMENT
    for word in reference.removeprefix("#/").split("/"):
        found = found[word]
    return found


def changed(*place: str, to: Any) -> Any:
    """The document with one value put in place of another; None takes it away."""
    document = json.loads(json.dumps(DOCUMENT))
    found = document
    for word in place[:-1]:
        found = found[word]
    found[place[-1]] = to
    if to is None:
        del found[place[-1]]
    return document


def test_document_fits_the_official_schema(official: Draft7Validator) -> None:
    assert [error.json_path for error in official.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        changed("asyncapi", to="2.6.0"),
        changed("info", "version", to=None),
        changed("servers", "rabbitmq", "protocol", to=None),
        changed("operations", "receive_trade", "action", to="publish"),
        changed("channels", "trade_queue", "bindings", "amqp", "is", to="moon"),
        changed("channels", "events", "bindings", "amqp", "exchange", to=None),
        changed("components", "messages", "trade", "payloads", to={}),
        changed("components", "schemas", "trade", "required", to="event_id"),
    ],
)
def test_document_that_is_none_does_not_fit(official: Draft7Validator, wrong: Any) -> None:
    assert not official.is_valid(wrong)


def test_every_reference_leads_into_the_document() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 2 * len(CHANNELS)
    for reference in found:
        assert isinstance(at(reference), dict), reference


@pytest.mark.parametrize("row", BY_NAME)
def test_each_class_has_a_message_a_queue_and_an_operation(row: Channel) -> None:
    name = row.event_type
    operation = DOCUMENT["operations"][f"receive_{name}"]
    channel = at(operation["channel"]["$ref"])
    assert operation["action"] == "receive"
    assert channel["address"] == channel["bindings"]["amqp"]["queue"]["name"] == names.class_queue(name)
    assert list(channel["messages"]) == [name]
    message = at(channel["messages"][name]["$ref"])
    assert message["headers"]["properties"]["event_type"] == {"const": name}
    payload = at(message["payload"]["$ref"])
    assert payload == {key: value for key, value in schemas.schema(row).items() if key not in ("$schema", "$id")}


@pytest.mark.parametrize("row", BY_NAME)
def test_schema_says_the_same_in_the_dialect_of_the_document(row: Channel) -> None:
    """Draft 7 must know every keyword: what it does not know it would not check."""
    known = {
        "type", "properties", "required", "additionalProperties", "description", "title", "format", "pattern", "enum", "const", "items",
        "minItems", "maxItems", "minimum",
    }  # fmt: skip

    def keywords(found: Any) -> set[str]:
        inner = [*found.get("properties", {}).values(), *([found["items"]] if "items" in found else [])]
        return set(found).union(*(keywords(part) for part in inner))

    schema = DOCUMENT["components"]["schemas"][row.event_type]
    Draft7Validator.check_schema(schema)
    assert keywords(schema) <= known


def test_exchange_and_service_queues_carry_every_class() -> None:
    for channel, more in (("events", ()), ("service_queue", ("batch",))):
        assert tuple(DOCUMENT["channels"][channel]["messages"]) == (*(row.event_type for row in CHANNELS), *more)
    assert DOCUMENT["channels"]["events"]["bindings"]["amqp"]["exchange"]["name"] == names.EXCHANGE
    assert DOCUMENT["channels"]["events"]["address"] == "{event_type}.{category}.{symbol}.{variant}"
    assert DOCUMENT["channels"]["service_queue"]["address"] == "ws-gateway.{event_type}.{service}"


def test_a_batch_is_said_as_the_router_publishes_it() -> None:
    envelope = Stamp(worker="w", account="main", include_raw="off", started_ms=1).record(
        Event(event_type="system", category=None, symbol=None, topic="system", timestamp_ms=1, identity="i", payload={}), received_ns=1, trace_id="t"
    )  # fmt: skip
    several = bundles.Bundles(most=2)
    [bundle] = [*several.add("ws-gateway.system.s", envelope, 0.0), *several.add("ws-gateway.system.s", envelope, 0.0)]
    said, found = DOCUMENT["components"]["messages"]["batch"], properties(bundle)
    assert found["content_type"] == said["contentType"]
    headers = found["application_headers"]
    assert list(headers) == list(said["headers"]["properties"]) == said["headers"]["required"]
    assert Draft7Validator(said["headers"]).is_valid(headers)
    array = {key: value for key, value in said["payload"].items() if key != "items"}
    assert Draft7Validator(array).is_valid(json.loads(bundle.body))
    assert not Draft7Validator(array).is_valid([{}] * 257)


@pytest.mark.parametrize("channel", ["events", "service_queue"])
def test_words_in_an_address_are_parameters(channel: str) -> None:
    found = DOCUMENT["channels"][channel]
    assert found["address"].count("{") == len(found["parameters"])
    assert all(f"{{{name}}}" in found["address"] for name in found["parameters"])
