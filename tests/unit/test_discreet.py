"""gunicorn's words about requests that it could not read, without what stood in them."""

import logging

import pytest

from api.discreet import Discreet


@pytest.mark.parametrize(
    ("message", "arguments", "said"),
    [
        ("Invalid request from ip=::1: Invalid HTTP Header: 'X-API-Key secret'", (), "Invalid request from ip=::1: Invalid HTTP Header"),
        ("Invalid request from ip=127.0.0.1: Invalid HTTP request line: 'GET /?api_key=secret'", (), "Invalid request from ip=127.0.0.1: Invalid HTTP request line"),
        ("Invalid request from ip=1.2.3.4: Request Line is too large (9 > 8)", (), "Invalid request from ip=1.2.3.4: Request Line is too large (9 > 8)"),
        ("Error handling request %s %s", ("GET", "/a?api_key=secret"), "Error handling request GET /a?…"),
        ("Booting worker with pid: %s", (7,), "Booting worker with pid: 7"),
    ],
)  # fmt: skip
def test_the_kind_of_fault_stays_and_the_requests_words_go(message: str, arguments: tuple[object, ...], said: str) -> None:
    record = logging.LogRecord("gunicorn.error", logging.WARNING, "", 0, message, arguments, None)
    assert Discreet().filter(record)
    assert record.getMessage() == said
