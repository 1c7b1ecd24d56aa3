"""Every sample of the collection of frames and answers is accounted for: `tests/samples.json` says by which case, or why by none.

The collection itself (its index names where each was seen) is not part of the project; where it lies beside the checkout, the list is compared with it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from listener import Line, Listener, ok

from gateway.errors import ExchangeError
from gateway.exchange.rest import Rest
from gateway.exchange.signing import signer
from gateway.protocol.frames import Data, parse
from gateway.protocol.full_book import FullBook
from gateway.protocol.instruments import catalog

TESTS = Path(__file__).resolve().parents[1]
SAMPLES: dict[str, str] = json.loads((TESTS / "samples.json").read_bytes())
COLLECTION = TESTS.parents[1] / "shared" / "bybit" / "frames"
ANSWERS = TESTS / "answers"


def load(path: Path) -> Any:
    return json.loads(path.read_bytes())


def test_every_sample_is_taken_by_a_case_that_exists_or_says_why_not() -> None:
    missing = [name for name, case in SAMPLES.items() if not case.startswith("-: ") and not (TESTS / case).is_file()]
    assert missing == []
    assert {name for name, case in SAMPLES.items() if case.startswith("-: ")} <= {
        name for name in SAMPLES if name.startswith("rest_")
    }


def test_the_list_is_the_collection() -> None:
    """Frames of the stream, all of them, are read or sorted; of REST's answers those that something reads."""
    found = {path.name for path in COLLECTION.glob("*.json")}
    assert found in (set(), set(SAMPLES))
    assert len([name for name in SAMPLES if not name.startswith("rest_")]) == 146


@pytest.mark.parametrize("path", sorted((TESTS / "frames" / "requests").glob("*.json")), ids=lambda path: path.stem)
def test_a_request_is_no_push_should_it_come_back(path: Path) -> None:
    [frame] = load(path)["frames"]
    assert not isinstance(parse(json.dumps(frame).encode()), Data)


@pytest.mark.parametrize("path", sorted((ANSWERS / "instruments").glob("*.json")), ids=lambda path: path.stem)
def test_every_instrument_of_a_sample_is_read(path: Path) -> None:
    result = load(path)["result"]
    category = result.get("category", "spread")
    found = catalog(category, result["list"])
    assert found.faults == ()
    assert set(found.instruments) == {row["symbol"] for row in result["list"]}
    for row in result["list"]:
        read = found.instruments[row["symbol"]]
        assert (read.category, read.status, read.base_coin) == (category, row["status"], row["baseCoin"])


@pytest.mark.parametrize("path", sorted((ANSWERS / "refusals").glob("*.json")), ids=lambda path: path.stem)
def test_a_refusal_is_the_exchanges_with_its_code_and_words(path: Path) -> None:
    body = path.read_bytes()

    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(ok(body))
        line.rest()

    with Listener(play) as listener:
        rest = Rest(f"http://127.0.0.1:{listener.port}")
        with pytest.raises(ExchangeError) as caught:
            rest.get("/v5/order/realtime")
    told = json.loads(body)
    assert (caught.value.ret_code, caught.value.ret_msg) == (told["retCode"], told["retMsg"])


def test_the_sampled_whole_book_is_taken() -> None:
    book = FullBook()
    result = load(ANSWERS / "others" / "full_orderbook.json")["result"]
    assert book.snapshot(result, 0.0)
    assert book.book.levels() == (result["b"], result["a"])


def test_the_sampled_signatures_are_ours() -> None:
    for vector in load(ANSWERS / "others" / "signature_vectors.json"):
        assert signer(vector["secret"])(vector["preimage"]) == vector["signature"]
