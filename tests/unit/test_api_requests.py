"""What is asked of the API is counted by every process of it, and a disk that hangs holds up no answer."""

import os
import threading
from pathlib import Path

from api.requests import Requests
from gateway.health import state

KEY = "GET /health 200"


def counts(var_dir: Path) -> list[int]:
    """How many requests each file holds."""
    found = (words.counted.histograms["ws_gateway_api_request_seconds"] for words in state.read_requests(var_dir))
    return [sum(seconds[KEY].counts) if KEY in seconds else 0 for seconds in found]


def test_what_was_counted_before_it_is_kept_is_in_it_and_so_is_what_came_since(tmp_path: Path) -> None:
    first, second = Requests(tmp_path), Requests(tmp_path)
    for requests in (first, first, second):
        requests.count("GET", "/health", 200, 0.1)
    assert counts(tmp_path) == []
    first.keep()
    second.keep()
    assert counts(tmp_path) == [2, 1]
    first.count("GET", "/health", 200, 0.1)
    assert counts(tmp_path) == [2, 1], "until it is kept again"
    first.keep()
    assert counts(tmp_path) == [3, 1]


def test_a_disk_that_hangs_holds_up_no_answer(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    requests.keep()
    part = tmp_path / "state" / f".requests_00.{os.getpid()}.part"
    os.mkfifo(part)
    keeping = threading.Thread(target=requests.keep, daemon=True)  # it opens the pipe, and waits for whoever reads it
    answering = threading.Thread(target=requests.count, args=("GET", "/health", 200, 0.1), daemon=True)
    keeping.start()
    keeping.join(0.3)
    answering.start()
    answering.join(5.0)
    assert (keeping.is_alive(), answering.is_alive()) == (True, False)
    os.close(os.open(part, os.O_RDONLY))
    keeping.join(5.0)
    assert not keeping.is_alive()
