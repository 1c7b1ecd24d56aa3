"""The control API under gunicorn: what its workers log is in the log, a reload costs no request, and no HTTP is refused in our shape."""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from asking import WISH
from running import KEY, wait_for
from serving import Serving, serving

from api.app import THREADS
from api.worker import REQUEST_S
from gateway.servers.server import free_ports

#: gunicorn itself ends a worker that says nothing for 30 s.
REPLACED_S = 45.0


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Serving]:
    """Without anything behind it."""
    ports = free_ports(2)
    with serving(tmp_path, f"postgresql://127.0.0.1:{ports[0]}/none", f"amqp://127.0.0.1:{ports[1]}/") as running:
        yield running


def messages(api: Serving) -> list[str]:
    return [line["message"] for line in api.lines()]


def test_a_reload_takes_new_workers_costs_no_request_and_leaves_the_log_as_it_was(api: Serving) -> None:
    before = wait_for(lambda: api.workers() if len(api.workers()) == 2 else None, "two workers")
    statuses: list[int] = []
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.is_set():
            statuses.append(api.status("/api/v1/connections"))

    asking = [threading.Thread(target=ask_on) for _ in range(2)]
    for thread in asking:
        thread.start()
    api.process.send_signal(signal.SIGHUP)
    try:
        wait_for(
            lambda: len(api.workers()) == 2 and not api.workers() & before,
            lambda: f"two other workers, but {api.last_words(api.workers() & before)}",
            REPLACED_S,
        )
    finally:
        is_over.set()
        for thread in asking:
            thread.join()
    assert set(statuses) == {200}
    assert len(statuses) > 5
    assert api.status("/api/v1/subscriptions") == 503
    wait_for(lambda: any("store_away" in said for said in messages(api)), "the new workers' lines")
    assert [said for said in messages(api) if said.count("Booting worker")] != []


def test_what_a_worker_logs_until_it_ends_is_in_the_log_once_and_each_line_is_json(api: Serving) -> None:
    for _ in range(5):
        assert api.status("/api/v1/subscriptions") == 503
    assert api.end() == 0
    assert len([said for said in messages(api) if "store_away path=/api/v1/subscriptions" in said]) == 5
    assert len([said for said in messages(api) if said == "Handling signal: term"]) == 1


def test_a_body_that_is_too_long_does_not_cost_the_connection(api: Serving) -> None:
    connection = HTTPConnection(api.url.removeprefix("http://"), timeout=10)
    for _ in range(3):
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/subscriptions", body=b"x" * 500_000, headers=headers)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert connection.sock is not None
    connection.close()


def test_who_connects_and_says_nothing_and_who_says_half_of_it_cost_the_others_nothing(api: Serving) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    with ExitStack() as lines:
        silent = [lines.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(300)]
        assert api.status("/health/live") == 200
        for line in silent[: THREADS // 2]:
            line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        assert api.status("/health/live") == 200
        for line in silent[THREADS // 2 : 4 * THREADS]:
            line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        wait_for(lambda: api.status("/health/live") == 200, "an answer once the late ones are given up", REQUEST_S)
        assert silent[0].recv(1) == b"", "what did not come in time is not waited for"
    assert not [said for said in messages(api) if "request_failed" in said]


#: Bytes that are no request → status, code, and how the answer begins.
UNREADABLE: list[tuple[str, int, str, str]] = [
    ("GET / HTTP/9.9\r\n\r\n", 400, "INVALID_REQUEST", "found another version of HTTP; expected HTTP/1.1"),
    ("nonsense\r\n\r\n", 400, "INVALID_REQUEST", "found a request line that cannot be read"),
    ("G=T /?api_key=secret HTTP/1.1\r\n\r\n", 400, "INVALID_REQUEST", "found a request line whose method is none"),
    ("GET / HTTP/1.1\r\nX-API-Key secret\r\n\r\n", 400, "INVALID_REQUEST", "found a header that cannot be read"),
    ("GET / HTTP/1.1\r\nX API Key: secret\r\n\r\n", 400, "INVALID_REQUEST", "found a header whose name is none"),
    ("GET / HTTP/1.1\r\nX-API-Key: a\r\n secret\r\n\r\n", 400, "INVALID_REQUEST", "found a header that goes on in a second line"),
    ("GET / HTTP/1.1\r\nExpect: secret\r\n\r\n", 417, "EXPECTATION_FAILED", "found an expectation that cannot be met"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: secret\r\n\r\n", 501, "NOT_IMPLEMENTED", "found a transfer coding that is not known"),
    (
        f"GET /?api_key=secret{'x' * 9000} HTTP/1.1\r\n\r\n",
        414,
        "URI_TOO_LONG",
        "found a longer request line; expected at most 8190 bytes",
    ),
    (f"GET / HTTP/1.1\r\nA: {'x' * 9000}\r\n\r\n", 431, "HEADERS_TOO_LARGE", "found longer or more headers"),
]
_POST = f"POST /api/v1/subscriptions HTTP/1.1\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\n"
_CHUNKED = f"{_POST}Transfer-Encoding: chunked\r\n\r\n"
#: The same of requests whose body cannot be read.
UNREADABLE_BODIES: list[tuple[str, int, str, str]] = [
    (f"{_CHUNKED}zz\r\n{{}}", 400, "INVALID_REQUEST", "found a chunk of the body whose size is no number"),
    (f"{_CHUNKED}secret\r\n", 400, "INVALID_REQUEST", "found a chunk of the body whose size is no number"),
    (f"{_CHUNKED}2;\0=secret\r\n{{}}\r\n0\r\n\r\n", 400, "INVALID_REQUEST", "found a chunk of the body with an extension"),
    (f"{_CHUNKED}2\r\n{{}}secret", 400, "INVALID_REQUEST", "found a chunk of the body that does not end where it said"),
    (f"{_CHUNKED}2\r\n{{}}\r\n0\r\nsecret\r\n\r\n", 400, "INVALID_REQUEST", "found a header that cannot be read"),
    (f"{_CHUNKED}20\r\n{{}}", 400, "INVALID_REQUEST", "found a body that ends in the midst of a chunk"),
    (f"{_CHUNKED}2\r\n{{}}\r\n", 400, "INVALID_REQUEST", "found a body that ends in the midst of a chunk"),
    (f"{_CHUNKED}", 400, "INVALID_REQUEST", "found a body that ends in the midst of a chunk"),
]


@pytest.mark.parametrize(
    ("text", "status", "code", "words"), [*UNREADABLE, *UNREADABLE_BODIES], ids=lambda value: str(value)[:20].strip()
)
def test_what_cannot_be_read_is_refused_in_shape_says_why_and_is_not_repeated(
    api: Serving, text: str, status: int, code: str, words: str
) -> None:
    found, headers, body = api.say(text)
    assert (found, list(body), body["code"]) == (status, ["error", "code", "details"], code)
    assert str(body["error"]).startswith(words), body
    assert headers["X-Trace-Id"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    line = wait_for(
        lambda: [line for line in api.lines() if "unreadable_request address=127.0.0.1" in line["message"]], "a line about it"
    )[0]
    assert line["trace_id"] == headers["X-Trace-Id"]
    assert api.end() == 0, "so that the log is whole"
    assert "secret" not in str(body) + api.log.read_text()
    assert "Traceback" not in api.log.read_text()


def test_a_body_that_is_shorter_than_its_length_is_refused_whatever_it_says(api: Serving) -> None:
    found, _, body = api.say(f"{_POST}Content-Length: 200\r\n\r\n{json.dumps(WISH)}")
    size = len(json.dumps(WISH))
    assert (found, body["error"]) == (400, f"found a body of {size} bytes; expected 200, as Content-Length says")
    assert api.say(f"{_POST}Content-Length: {size}\r\n\r\n{json.dumps(WISH)}")[0] == 503, "whole, but nobody can store it"
