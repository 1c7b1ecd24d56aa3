"""What a parser remembers of topics and their frames is bounded, and what comes anew is always learnt."""

import json

from gateway.protocol.frames import Data
from gateway.protocol.parser import MOST_SHAPES, MOST_TOPICS, Parser

BOOK = {"s": "A", "b": [["1", "5"]], "a": [["9", "5"]], "u": 2, "seq": 9}
TRADE = {"T": 1, "s": "A", "S": "Buy", "v": "1", "p": "2.50", "L": "PlusTick", "i": "7", "BT": False}


def is_quick(parser: Parser, topic: str, data: object) -> bool:
    """Whether a frame was read by its shape: such a one keeps nothing of the frame around its records."""
    found = parser.parse(json.dumps({"topic": topic, "type": "snapshot", "ts": 5, "data": data}, separators=(",", ":")).encode())
    assert isinstance(found, Data)
    return not found.frame


def test_a_new_topic_is_learnt_when_there_is_room_for_none() -> None:
    parser = Parser("linear")
    for number in range(MOST_TOPICS):
        parser.parse(
            b'{"topic":"orderbook.50.%d","type":"delta","ts":5,"data":{"s":"A","b":[],"a":[],"u":2,"seq":9},"cts":4}' % number
        )
    assert len(parser._by_topic) == MOST_TOPICS
    assert [is_quick(parser, "publicTrade.A", [TRADE]) for _ in range(2)] == [False, True]
    assert len(parser._by_topic) == 1


def test_a_new_shape_is_learnt_when_there_is_room_for_none() -> None:
    parser = Parser("linear")
    for number in range(MOST_SHAPES):
        assert not is_quick(parser, "orderbook.50.A", BOOK | {f"new{number}": 1})
    assert len(parser._shapes) == MOST_SHAPES
    assert [is_quick(parser, "publicTrade.A", [TRADE]) for _ in range(2)] == [False, True]
    assert len(parser._shapes) == 1
