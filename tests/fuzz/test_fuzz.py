"""A hundred thousand mutated frames: none raises, every record is an event or a counted dead letter, and its neighbours are what they were."""

import json

import pytest

from gateway.protocol.frames import Data
from tests.fuzz import campaign, stretch
from tests.fuzz.bytewise import BYTEWISE
from tests.fuzz.corpus import corpus
from tests.fuzz.road import Broken, Passed, Road, look_closely
from tests.fuzz.shorter import shorter
from tests.fuzz.stretch import Caught, reproduced
from tests.fuzz.structure import STRUCTURE

FRAMES, PROCESSES = 100_000, 2
#: On a machine that is busy with something else it is fewer, down to half, rather than longer; seconds.
LONG_S = 120
#: New ones with each release of the fuzzer are welcome; `make fuzz` takes others.
SEED = 4


@pytest.mark.timeout(600)
def test_mutated_frames_break_nothing() -> None:
    said: list[str] = []
    outcome = campaign.run(FRAMES, seed=SEED, seconds=LONG_S, processes=PROCESSES, say=said.append)
    assert outcome.faults == [], said[-1:]
    assert outcome.frames >= FRAMES / 2, outcome.in_words()
    seen = outcome.counts
    assert all(seen[f"made by {mutate.__name__}"] for mutate in (*BYTEWISE, *STRUCTURE)), seen
    assert min(seen[word] for word in ("events", "bad records", "Data", "Data, not asked for", "Ack", "AuthReply", "Pong")) > 300, (
        seen
    )
    assert min(seen["book, derived"], seen["book, rest"]) > 3, "books were published whole and fetched on the way"
    assert seen["Unknown"] < outcome.frames * 0.6, "most mutations are still frames"


def test_the_same_seed_makes_the_same_frames() -> None:
    assert stretch.run(1, 1).counts == stretch.run(1, 1).counts != stretch.run(1, 2).counts


@pytest.mark.parametrize("endpoint", sorted(corpus().by_endpoint))
def test_every_golden_frame_passes_unchanged(endpoint: str) -> None:
    for include_raw in ("off", "private", "all"):
        road = Road(endpoint, include_raw)
        for case in corpus().by_endpoint[endpoint]:
            for base in case:
                road.take(base.text, thoroughly=True)


def test_a_digit_that_is_lost_on_the_way_would_be_found() -> None:
    row = {"T": 1_700_000_000_000, "s": "BTCUSDT", "S": "Buy", "v": "1.50", "p": "2", "i": "1"}
    text = json.dumps({"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1, "data": [row]}).encode()
    passed = Road("linear", "off").take(text)
    assert isinstance(passed.frame, Data)
    passed.records[0].body = passed.records[0].body.replace(b'"1.50"', b'"1.5"')
    with pytest.raises(Broken, match="quantity came as"):
        look_closely(text, passed.frame, passed.records, "linear")


def test_a_breaking_text_is_made_short() -> None:
    text = json.dumps({"topic": "a", "ts": 5, "data": [{"x": 1, "bad": {"y": [1, 2, 3]}}, {"x": 2}]}).encode()
    found = shorter(text, lambda text: b'"bad"' in text)
    assert b'"bad"' in found
    assert len(found) <= len(b'"bad"')


def test_what_breaks_is_told_with_its_shortest_frame_and_the_past_it_needs() -> None:
    road = Road("linear", "off")

    def check(passed: Passed) -> None:
        if isinstance(passed.frame, Data) and passed.frame.topic == "bad":
            raise Broken("as planned")

    with Caught() as caught:
        check(road.take(b'{"topic":"bad","data":[1,2,3]}'))
    assert caught.fault is not None
    told = reproduced(road, [b"{}", b'{"topic":"bad","data":[1,2,3]}'], caught.fault, check)
    assert told.startswith("alone it breaks too")
    assert told.endswith("""b'{"topic":"bad","data":0}'""")
    told = reproduced(road, [b"{}", b"[]", b"never"], caught.fault, check)
    assert told.startswith("it needs the 2 frames before it")
