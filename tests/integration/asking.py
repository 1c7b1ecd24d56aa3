"""How tests ask the control API: in the test's own process, over a PostgreSQL and a RabbitMQ of its own.

BASE, WISH, HEADERS   where subscriptions are, a wish that can be made, the key
CALLS, filled         method, path and description of every call of the OpenAPI document; a path with something in its gaps
make_client           a client of an API of its own
call, subscribe, ask  answers: any, a new subscription's, a wish's whatever comes
assert_error          a refusal in the shape that all have
"""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient
from running import KEY

from api.app import create_app
from api.openapi import document
from gateway import config

BASE = "/api/v1/subscriptions"
WISH = {"channel_type": "trades", "requesting_service": "tester", "symbol": "BTCUSDT", "category": "linear"}
HEADERS = {"X-API-Key": KEY}
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    (method.upper(), path, said) for path, methods in json.loads(document())["paths"].items() for method, said in methods.items()
]


def make_client(folder: Path, database_url: str, broker_url: str, **settings: str) -> FlaskClient:
    given = {
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        "WS_GATEWAY_API_KEY": KEY,
        "WS_GATEWAY_VAR_DIR": str(folder),
        **settings,
    }
    app = create_app(config.load(given, folder / "none"))
    app.testing = False  # as in production: an exception is an answer
    return app.test_client()


def filled(path: str) -> str:
    return path.format(subscription_id=uuid4(), service="tester", event_type="trade")


def call(client: FlaskClient, method: str, path: str, **given: Any) -> tuple[int, Any]:
    answer = client.open(path, method=method, headers=HEADERS, **given)
    assert answer.headers["X-Trace-Id"]
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.status_code, answer.get_json()


def subscribe(client: FlaskClient, **changes: Any) -> dict[str, Any]:
    status, body = call(client, "POST", BASE, json={**WISH, **changes})
    assert status == 201, body
    return dict(body)


def ask(client: FlaskClient, channel_type: str = "ticker", **given: Any) -> tuple[int, Any]:
    return call(client, "POST", BASE, json={"channel_type": channel_type, "requesting_service": "tester", **given})


def assert_error(answer: tuple[int, Any], status: int, code: str, words: str = "") -> None:
    assert answer[0] == status, answer
    assert list(answer[1]) == ["error", "code", "details"], answer
    assert answer[1]["code"] == code, answer
    assert words in answer[1]["error"], answer
