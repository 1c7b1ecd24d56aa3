"""The API's documents of events: open to all, the same as the files under docs/, and a name that is none is 404."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from cli import docs
from gateway import config
from gateway.protocol.channels import CHANNELS


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    """Without a key, and without anything behind it."""
    settings = config.load({"WS_GATEWAY_VAR_DIR": str(tmp_path), "WS_GATEWAY_API_KEY": "none-of-yours"}, tmp_path / "none")
    return create_app(settings).test_client()


def test_asyncapi_document_is_the_committed_one(client: FlaskClient) -> None:
    answer = client.get("/asyncapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.text == (docs.ROOT / docs.ASYNCAPI).read_text(encoding="utf-8")


def test_index_leads_to_every_schema(client: FlaskClient) -> None:
    answer = client.get("/schemas")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    listed = json.loads(answer.text)["schemas"]
    assert tuple(row["event_type"] for row in listed) == tuple(row.event_type for row in CHANNELS)
    for row in listed:
        found = client.get(row["schema_path"])
        assert (found.status_code, found.content_type) == (200, "application/schema+json")
        assert found.text == (docs.ROOT / docs.SCHEMAS / f"{row['event_type']}.json").read_text(encoding="utf-8")
        assert json.loads(found.text)["description"] == row["description"]


def test_schema_is_where_its_id_says(client: FlaskClient) -> None:
    found = client.get("/schemas/trade").text
    assert client.get(f"/{json.loads(found)['$id']}").text == found


@pytest.mark.parametrize("name", ["moon", "trades", "TRADE", "trade.xml", "a" * 500, "%20", "trade.json.json"])
def test_class_that_is_none_is_404_in_shape(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/schemas/{name}")
    assert answer.status_code == 404
    body = json.loads(answer.text)
    assert list(body) == ["error", "code", "details"]
    assert body["code"] == "NOT_FOUND"
    assert "expected one of trade, ticker" in body["error"]


@pytest.mark.parametrize("path", ["/schemas/trade/more", "/schemas/../api/v1/connections", "/asyncapi.jsonx"])
def test_nothing_else_is_open(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 401
