"""The control API's document and the README say what the code does."""

import json

from flask.testing import FlaskClient
from running import ROOT

from api.openapi import document


def test_the_copy_of_the_openapi_document_says_what_the_code_does() -> None:
    copy = (ROOT / "docs" / "openapi.json").read_text()
    assert copy == document(), "run: python -m api.openapi > docs/openapi.json"
    assert json.loads(copy)["openapi"].startswith("3.1")


def test_every_route_is_in_the_readme(client: FlaskClient) -> None:
    readme = (ROOT / "README.md").read_text()
    for path, methods in json.loads(document())["paths"].items():
        for method in methods:
            written = path.replace("{subscription_id}", "{id}")
            assert f"{method.upper()} {path}" in readme or f"{method.upper()} {written}" in readme, f"{method.upper()} {path}"
