"""The OpenAPI document shows an answer of each call about balances, gaps, events, connections and health, and it is one that can come."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.app import create_app
from gateway import config, health
from gateway.known import Known
from gateway.state import WorkerState

#: Call and status.
CALLS = [
    ("/api/v1/balances", "get", "200"), ("/api/v1/balances/history", "get", "200"), ("/api/v1/balances/sync", "post", "200"),
    ("/api/v1/gaps", "get", "200"), ("/api/v1/events", "get", "200"), ("/api/v1/connections", "get", "200"),
    *((f"{prefix}/health{name}", "get", status) for prefix in ("", "/api/v1") for name in ("", "/ready") for status in ("200", "503")),
    ("/health/live", "get", "200"), ("/api/v1/health/live", "get", "200"),
]  # fmt: skip


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("api")
    settings = config.load({"WS_GATEWAY_VAR_DIR": str(folder), "WS_GATEWAY_API_KEY": "none-of-yours"}, folder / "none")
    return dict(create_app(settings).api_doc)


def shown(document: dict[str, Any], path: str, method: str, status: str) -> Any:
    return document["paths"][path][method]["responses"][status]["content"]["application/json"]["example"]


@pytest.mark.parametrize(("path", "method", "status"), CALLS)
def test_a_call_has_an_example_of_the_shape_that_it_promises(document: dict[str, Any], path: str, method: str, status: str) -> None:
    content = document["paths"][path][method]["responses"][status]["content"]["application/json"]
    schema = {**content["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(content["example"])
    named = schema["$ref"].rpartition("/")[2]
    assert set(content["example"]) == set(document["components"]["schemas"][named]["properties"])


def test_the_examples_of_health_and_connections_have_the_fields_of_a_real_answer(document: dict[str, Any]) -> None:
    worker = WorkerState(name="linear_00", endpoint="linear", pid=1, written_ms=1, started_ms=1, connection_status="idle")
    known = Known({"linear_00": worker}, None, 2, "mainnet", "0.1.0", 1)
    _, body = health.health(known)
    example = shown(document, "/health", "get", "200")
    assert list(example) == list(body)
    assert list(example["connections"]["linear_00"]) == list(body["connections"]["linear_00"])
    listed = shown(document, "/api/v1/connections", "get", "200")["connections"]["linear_00"]
    assert list(listed) == list(health.connections(known)["linear_00"])
