"""What every answer of the control API tells a browser, refusals and pages too; and that no other origin is let in."""

import re
from urllib.parse import urljoin

import pytest
from asking import BASE, CALLS, HEADERS, WISH, filled
from flask.testing import FlaskClient

#: Method, path, what is given, and the status.
ANSWERS = [
    ("GET", "/health/live", {}, 200),
    ("GET", "/docs", {}, 200),
    ("GET", "/docs/", {}, 200),
    ("GET", "/openapi.json", {}, 200),
    ("GET", BASE, {}, 401),
    ("GET", BASE, {"headers": HEADERS}, 200),
    ("POST", BASE, {"headers": HEADERS, "json": WISH}, 201),
    ("POST", BASE, {"headers": HEADERS, "data": "x"}, 415),
    ("GET", "/api/v1/nothing", {"headers": HEADERS}, 404),
    ("OPTIONS", BASE, {"headers": HEADERS}, 200),
    ("OPTIONS", BASE, {}, 401),
]
#: What a browser sends of another site's page.
FOREIGN = {
    "Origin": "https://elsewhere.example",
    "Access-Control-Request-Method": "DELETE",
    "Access-Control-Request-Headers": "x-api-key",
}


@pytest.mark.parametrize(
    ("method", "path", "given", "status"), ANSWERS, ids=lambda value: str(value) if isinstance(value, str | int) else ""
)
def test_every_answer_is_hardened_and_lets_no_other_origin_in(
    client: FlaskClient, method: str, path: str, given: dict[str, object], status: int
) -> None:
    headers = {**given.get("headers", {}), **FOREIGN}  # type: ignore[dict-item]
    answer = client.open(path, method=method, **{**given, "headers": headers})
    assert answer.status_code == status
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/redoc"])
def test_the_pages_have_no_script_of_their_own_and_load_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    page = answer.get_data(as_text=True)
    assert re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|style=", page) == []
    for link in re.findall(r'(?:src|href|spec-url)="([^"]*)"', page):
        assert client.get(urljoin(path, link)).status_code == 200, link
    assert page.count("<a href=") == (0 if path == "/docs/redoc" else 2)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert ("'unsafe-inline'" in policy) == (path == "/docs/redoc"), "for the styles that the reader makes"
    assert "script-src 'self' 'unsafe" not in policy


#: Paths that Flask would by itself write otherwise, and send who asks for them there.
NEARLY = [
    "/docs",
    "//docs",
    "/docs//redoc",
    "/docs/redoc/",
    "/docs/static",
    "/static",
    "/health/",
    "//health",
    "/api/v1//connections",
    "/api/v1/subscriptions/",
]


def test_nobody_is_sent_to_a_whole_url_whose_scheme_and_name_nobody_checked(client: FlaskClient) -> None:
    paths = [filled(path) for _, path, _ in CALLS]
    for path in (*NEARLY, *paths, *(f"{path}/" for path in paths), *(f"/{path}" for path in paths)):
        environ = {"PATH_INFO": path}  # werkzeug's client takes the name behind two slashes for a host
        answer = client.get("/", headers={**HEADERS, "Host": "elsewhere.example"}, environ_overrides=environ)
        assert not answer.headers.get("Location", "").startswith(("http", "//")), path
        assert answer.status_code not in range(300, 400), path
