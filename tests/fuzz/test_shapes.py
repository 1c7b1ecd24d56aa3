"""Two ways to read one text: by the shape that was learnt of a frame like it, and row by row. What comes of them is the same.

Keys stand in the order of the frame that the shape was learnt from: where a frame has the same order, its event is the same to the byte.
"""

import logging
from itertools import accumulate
from random import Random

import msgspec
import pytest

from gateway.models import BadRecord
from gateway.protocol import channels
from gateway.protocol.channels.channel import Outcome
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Data, Unknown, parse
from gateway.protocol.memory import Memory
from gateway.protocol.parser import Parser
from gateway.protocol.shapes import are_levels
from tests.fuzz.bytewise import BYTEWISE, Mutate
from tests.fuzz.corpus import Base, corpus
from tests.fuzz.structure import STRUCTURE

MUTATIONS: tuple[Mutate, ...] = (*BYTEWISE, *STRUCTURE)
WEIGHTS = tuple(accumulate((*BYTEWISE.values(), *STRUCTURE.values())))
#: Of each endpoint.
MUTATED = 10_000


def told(data: Data, endpoint: str) -> tuple[list[Outcome], Memory]:
    """All that a normaliser makes of a frame behind a snapshot, and what it remembers."""
    memory = Memory(update_id=1, sequence=1, in_sync=True, state={"symbol": "BTCUSDT"})
    normalise = channels.for_topic(data.topic, endpoint).normalise
    assert normalise is not None
    outcomes = normalise(data, ENDPOINTS[endpoint].category, memory)
    for outcome in outcomes:
        if isinstance(outcome, BadRecord):
            outcome.record = None  # it is read anew from the text
    return outcomes, memory


def as_sent(data: Data, endpoint: str) -> tuple[object, Memory]:
    """The same as consumers read it."""
    outcomes, memory = told(data, endpoint)
    return msgspec.json.decode(msgspec.json.encode(outcomes)), memory


def bases(endpoint: str) -> list[Base]:
    return [base for case in corpus().by_endpoint[endpoint] for base in case if base.topic]


def is_same(parser: Parser, text: bytes, endpoint: str) -> bool:
    """Whether the text was read by its shape; what comes of it must be what ever came of it."""
    quick, plain = parser.parse(text), parse(text)
    if not (isinstance(quick, Data) and quick.is_named):
        assert quick == plain or (isinstance(quick, Unknown) and isinstance(plain, Unknown))  # the stack was deeper
        return False
    assert isinstance(plain, Data)
    assert (quick.topic, quick.kind, quick.ts_ms, quick.text) == (plain.topic, plain.kind, plain.ts_ms, plain.text)
    assert as_sent(quick, endpoint) == as_sent(plain, endpoint)
    assert plain.unknown == []
    return True


@pytest.mark.parametrize("endpoint", [name for name in sorted(corpus().by_endpoint) if bases(name)])
def test_frames_that_are_read_by_their_shape_say_what_they_said(endpoint: str) -> None:
    logging.disable(logging.CRITICAL)
    dice, parser, found = Random(endpoint), Parser(endpoint), 0
    known = bases(endpoint)
    for number in range(MUTATED):
        base = known[number % len(known)]
        found += is_same(parser, base.text, endpoint)
        mutate = dice.choices(MUTATIONS, cum_weights=WEIGHTS)[0]
        found += is_same(parser, mutate(dice, base, dice.choice(known)), endpoint)
    logging.disable(logging.NOTSET)
    assert (found > MUTATED / 100) == (
        endpoint in ("spot", "linear", "inverse", "spread")
    )  # golden cases of one topic differ: each unlearns the other


@pytest.mark.parametrize(
    "text",
    [
        b'{"topic":"publicTrade.A","type":"snapshot","ts":1,"data":[{"T":1,"s":"A","S":"Buy","v":"1","p":"2.50","L":"PlusTick","i":"7","BT":false}]}',
        b'{"topic":"orderbook.50.A","type":"delta","ts":5,"data":{"s":"A","b":[["1","2"]],"a":[],"u":2,"seq":9},"cts":4}',
        b'{"topic":"kline.5.A","data":[{"start":1,"end":2,"interval":"5","open":"1","close":"1","high":"1","low":"1","volume":"1","turnover":"1",'
        b'"confirm":false,"timestamp":3}],"ts":3,"type":"snapshot"}',
    ],
)
def test_second_frame_of_a_topic_is_read_by_its_shape(text: bytes) -> None:
    parser = Parser("linear")
    assert not is_same(parser, text, "linear")
    assert is_same(parser, text, "linear")
    quick, plain = parser.parse(text), parse(text)
    assert isinstance(quick, Data)
    assert isinstance(plain, Data)
    assert msgspec.json.encode(told(quick, "linear")[0]) == msgspec.json.encode(told(plain, "linear")[0])
    assert is_same(parser, text.replace(b'"A"', b'"B"').replace(b".A", b".B"), "linear") is False, (
        "another topic has to be seen first"
    )


@pytest.mark.parametrize(
    ("was", "comes"),
    [
        (b'"v":"1"', b'"v":""'), (b'"v":"1"', b'"v":"1e-7"'), (b'"v":"1"', b'"v":1'), (b'"v":"1"', b'"v":1.50'), (b'"v":"1"', b'"v":null'),
        (b'"T":1', b'"T":"1"'), (b'"T":1', b'"T":1.0'), (b'"BT":false', b'"BT":"1"'), (b'"BT":false', b'"BT":false,"new":1'),
        (b'"BT":false', b'"BT":false," type":"\\u0000"'), (b',"BT":false', b""), (b'"s":"A"', b'"s":"\xff"'), (b'"ts":1', b'"ts":"1"'),
        (b'"topic":"publicTrade.A"', b'"topic":"publicTrade.A","topic":"tickers.A"'), (b'"data":[', b'"data":[{},'),
    ],
)  # fmt: skip
def test_frame_that_wants_more_than_naming_is_read_row_by_row(was: bytes, comes: bytes) -> None:
    text = b'{"topic":"publicTrade.A","type":"snapshot","ts":1,"data":[{"T":1,"s":"A","S":"Buy","v":"1","p":"2.50","i":"7","BT":false}]}'
    parser = Parser("linear")
    assert [is_same(parser, text, "linear"), is_same(parser, text, "linear")] == [False, True]
    assert was in text
    assert not is_same(parser, text.replace(was, comes), "linear")


@pytest.mark.parametrize(
    ("text", "are"),
    [
        (b"[]", True), (b'[["1","2"]]', True), (b'[["1.5","0"],["2","3"]]', True), (b'[["1","2","3"],["4","5","6"]]', True),
        (b'[["1","2"],["4","5","6"]]', False), (b'[["1"]]', False), (b'[["1",2]]', False), (b"[1]", False), (b'[["1e5","2"]]', False),
        (b'[["-1","2"]]', False), (b'[["1", "2"]]', False), (b'[["a","2"]]', False), (b'[[["1","2"]]]', False), (b'["1","2"]', False),
        (b'[["\\u0031","2"]]', False), (b"null", False), (b'"', False), (b"", False), (b"[[]]", False),
    ],
)  # fmt: skip
def test_levels_pass_unread_only_where_nothing_but_digits_is_in_them(text: bytes, are: bool) -> None:
    assert are_levels(text) == are
