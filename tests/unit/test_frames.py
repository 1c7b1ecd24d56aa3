"""Every recorded control frame is sorted as its golden case says, and no text at all makes the parser raise."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.channels import trades
from gateway.protocol.frames import DEEPEST, Data, Unknown, parse
from gateway.protocol.memory import Memory

FRAMES = Path(__file__).parents[1] / "frames"
CONTROL = [path for kind in ("acks", "auth", "pongs", "unknown") for path in sorted((FRAMES / kind).glob("*.json"))]
ALL = sorted(FRAMES.glob("*/*.json"))


def text(frame: Any) -> bytes:
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("path", CONTROL, ids=lambda path: path.stem)
def test_a_control_frame_is_sorted_as_its_case_says(path: Path) -> None:
    case = json.loads(path.read_bytes())
    found = parse(text(case["frames"][0]))
    fields = json.loads(msgspec.json.encode(found))
    fields.pop("text", None)
    expected = case["expected"]
    expected.pop("text", None)
    assert {"type": type(found).__name__, **fields} == expected


def test_every_case_names_its_source() -> None:
    assert ALL
    for path in ALL:
        source = json.loads(path.read_bytes())["source"]
        assert " seen in " in source or source.startswith("protocol notes, section"), path


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b" ", b"null", b"[]", b"1", b'"text"', b"{", b"\xff\xfe", b'{"topic":"\xff"}', b'{"a":NaN}', b"[" * 100_000,
        b'{"topic":' + b'{"a":' * 5_000, b'{"op":"\\ud800"}', b'{"topic":"a"}', b'{"topic":5,"data":1}', b'{"op":["pong"]}',
        b'{"ret_msg":7,"success":"yes","op":"subscribe"}', b'{"type":"COMMAND_RESP","data":5}', b'{"op":"pong","args":[1e400]}',
        b'{"op":"auth","success":1}', b'{"op":"pong","args":["' + b"9" * 400 + b'"]}',
    ],
)  # fmt: skip
def test_hostile_texts_are_values_too(hostile: bytes) -> None:
    frame = parse(hostile)
    assert not isinstance(frame, Data)
    if isinstance(frame, Unknown):
        assert frame.reason
        assert frame.text == hostile


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_raise(data: bytes) -> None:
    parse(data)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_no_cut_or_changed_frame_makes_the_parser_raise(data: st.DataObject) -> None:
    whole = text(json.loads(data.draw(st.sampled_from(ALL)).read_bytes())["frames"][0])
    place = data.draw(st.integers(0, len(whole)))
    parse(whole[:place])
    parse(whole[:place] + data.draw(st.binary(max_size=4)) + whole[place + 1 :])


def test_numbers_with_a_fraction_keep_their_digits() -> None:
    frame = parse(b'{"topic":"a","ts":1,"data":[0.12345678901234567890]}')
    assert isinstance(frame, Data)
    assert frame.data == ["0.12345678901234567890"]


@pytest.mark.parametrize(("opened", "closed", "levels"), [("[", "]", 1), ('{"a":', "}", 1), ('[{"Ab":[', "]}]", 3)])
@pytest.mark.parametrize("key", ["nobodyKnows", "s", "T", "BT"])
def test_a_frame_deeper_than_anybody_follows_is_none(opened: str, closed: str, levels: int, key: str) -> None:
    """Of those that are let through, the deepest passes through a normaliser and its reasons."""
    row = '{"T":1,"s":"B","S":"Buy","v":"1","p":"2","i":"x","%s":%s}'
    for times, expected in (((DEEPEST - 3) // levels, Data), (DEEPEST // levels, Unknown), (900 // levels, Unknown)):
        deep = opened * times + "1" + closed * times
        frame = parse(('{"topic":"publicTrade.B","type":"snapshot","ts":1,"data":[%s]}' % (row % (key, deep))).encode())
        assert type(frame) is expected
        if isinstance(frame, Data):
            assert len(trades.normalise(frame, "linear", Memory())) == 1


def test_a_frame_of_many_rows_is_not_deep() -> None:
    rows = ",".join(['{"a":[[1],[2]]}'] * 1024)
    assert isinstance(parse(b'{"topic":"a","data":[%s]}' % rows.encode()), Data)
