"""The OpenAPI document shows an example of each body, each answer and each error of each call, and each is one that can come."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from jsonschema import Draft202012Validator

from api import examples
from api.app import create_app
from api.errors import CODES
from gateway import config
from gateway.health import health
from gateway.health.known import Known
from gateway.health.words import WorkerState
from gateway.schemas import asyncapi, schemas

KEY = "none-of-yours"
#: Codes that are no status' own, and come with it. Source: the public contract, section 5.
SPECIAL = {
    400: {"UNKNOWN_SYMBOL", "INVALID_TIME_RANGE"}, 404: {"SUBSCRIPTION_NOT_FOUND"}, 409: {"CONFLICT"}, 502: {"EXCHANGE_ERROR"},
}  # fmt: skip


def made(folder: Path) -> OpenAPI:
    return create_app(config.load({"WS_GATEWAY_VAR_DIR": str(folder), "WS_GATEWAY_API_KEY": KEY}, folder / "none"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> OpenAPI:
    found = made(tmp_path_factory.mktemp("api"))
    found.testing = False
    return found


@pytest.fixture
def client(app: OpenAPI) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def document(app: OpenAPI) -> dict[str, Any]:
    return dict(app.api_doc)


def contents(document: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Method, path, status or `body`, and what the document says of each content of each call."""
    found = []
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            answers = {**said["responses"], **({"body": said["requestBody"]} if "requestBody" in said else {})}
            found += [
                (method.upper(), path, what, content) for what, part in answers.items() for content in part["content"].values()
            ]
    return found


def shown(content: dict[str, Any]) -> list[Any]:
    named = [example["value"] for example in content.get("examples", {}).values()]
    return named + ([content["example"]] if "example" in content else [])


def test_every_body_answer_and_error_of_every_call_has_an_example_of_its_shape(document: dict[str, Any]) -> None:
    found = contents(document)
    assert len(found) > 100
    assert {what for _, _, what, _ in found} >= {
        "body",
        "200",
        "201",
        "202",
        *map(str, (400, 401, 403, 404, 409, 413, 414, 415, 429, 502, 503)),
    }
    for method, path, what, content in found:
        assert shown(content), (method, path, what)
        for example in shown(content):
            Draft202012Validator({**content["schema"], "components": document["components"]}).validate(example)
            assert example, (method, path, what)


def test_an_example_of_an_answer_has_all_its_fields(document: dict[str, Any]) -> None:
    for method, path, what, content in contents(document):
        named = content["schema"].get("$ref", "").rpartition("/")[2]
        if what != "body" and named:
            for example in shown(content):
                assert set(example) == set(document["components"]["schemas"][named]["properties"]), (method, path, what)


def test_an_example_of_an_error_has_a_code_of_its_status_and_one_sentence(document: dict[str, Any]) -> None:
    for method, path, what, content in contents(document):
        if what == "body" or int(what) < 400 or content["schema"].get("$ref") != "#/components/schemas/Error":
            continue
        [example] = shown(content)
        assert example["code"] in {CODES.get(int(what)), *SPECIAL.get(int(what), ())}, (method, path, what)
        assert example["error"].strip(), (method, path, what)
        assert "\n" not in example["error"], (method, path, what)


def example_of(document: dict[str, Any], method: str, path: str, status: int) -> Any:
    [example] = shown(document["paths"][path][method.lower()]["responses"][str(status)]["content"]["application/json"])
    return example


def test_examples_of_errors_that_need_nothing_behind_the_api_are_its_very_answers(
    document: dict[str, Any], client: FlaskClient
) -> None:
    path, json, key = "/api/v1/subscriptions", {"content_type": "application/json"}, {"X-API-Key": KEY}
    for answer, method, of, status in (
        (client.get("/health?colour=red"), "GET", "/health", 400),
        (client.get("/api/v1/balances?colour=red", headers=key), "GET", "/api/v1/balances", 400),
        (client.get("/api/v1/gaps?from=yesterday", headers=key), "GET", "/api/v1/gaps", 400),
        (
            client.put(f"{path}/by-service/a", json={"subscriptions": [{"channel_type": "trades", "ttl_seconds": "60"}]}, headers=key),
            "PUT", f"{path}/by-service/{{service}}", 400,
        ),
        (client.get(path), "GET", path, 401),
        (client.post(path, data="x" * 300_000, headers=key, **json), "POST", path, 413),
        (client.post(path, data="x", headers=key, content_type="text/plain"), "POST", path, 415),
        (client.get("/schemas/moon"), "GET", "/schemas/{event_type}", 404),
    ):  # fmt: skip
        assert (answer.status_code, answer.get_json()) == (status, example_of(document, method, of, status))


def test_the_examples_of_documents_are_their_beginnings(document: dict[str, Any]) -> None:
    for path, kind, whole in (
        ("/asyncapi.json", asyncapi.CONTENT_TYPE, asyncapi.document()),
        ("/schemas/{event_type}", "application/schema+json", schemas.all_schemas()["trade"]),
    ):
        example = document["paths"][path]["get"]["responses"]["200"]["content"][kind]["example"]
        assert example.items() <= {name: value for name, value in whole.items() if isinstance(value, str)}.items()
        assert len(example) > 1


def test_the_example_of_the_schemas_is_one_of_them(client: FlaskClient) -> None:
    [example] = examples.SCHEMAS["schemas"]
    assert example in client.get("/schemas").get_json()["schemas"]


def test_the_examples_of_health_and_connections_have_the_fields_of_a_real_answer(document: dict[str, Any]) -> None:
    worker = WorkerState(name="linear_00", endpoint="linear", pid=1, written_ms=1, started_ms=1, connection_status="idle")
    known = Known({"linear_00": worker}, None, 2, "mainnet", "0.1.0", 1)
    _, body = health.health(known)
    example = example_of(document, "GET", "/health", 200)
    assert list(example) == list(body)
    assert list(example["connections"]["linear_00"]) == list(body["connections"]["linear_00"])
    listed = example_of(document, "GET", "/api/v1/connections", 200)["connections"]["linear_00"]
    assert list(listed) == list(health.connections(known)["linear_00"])
