"""No float on the road of amounts: from the socket to consumers and to PostgreSQL `numeric`, the digits are those that arrived."""

import ast
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.database import balances, db
from gateway.protocol import channels
from gateway.protocol.decimals import unfolded
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory
from gateway.wire import Stamp

ROOT = Path(__file__).resolve().parents[2]
#: Every file that sees an amount.
ROAD = [
    *sorted((ROOT / "gateway" / "protocol" / "channels").glob("*.py")),
    *(ROOT / "gateway" / "protocol" / f"{name}.py" for name in
      ("answers", "book", "decimals", "fields", "frames", "full_book", "memory", "naming", "orderbook", "raw_records", "recent")),
    *(ROOT / "gateway" / f"{name}.py" for name in ("exchange/account_reader", "database/balances", "models", "wire")),
    *(ROOT / "workers" / f"{name}.py" for name in ("books", "kept_book")),
    *(ROOT / "gateway" / "sinks" / f"{name}.py" for name in ("postgres", "memory")),
]  # fmt: skip
#: Monotonic seconds and pauses are no amounts: their names end so, or are these.
SECONDS = ("_S", "_s", "now", "seconds", "wishes", "snapshots", "at")


def floats_in(path: Path) -> list[str]:
    """Where a file makes, names or writes a binary fraction."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in ("float", "round", "math.fsum", "Decimal.from_float")) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        ):
            found.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None and "float" in ast.unparse(node.annotation):
            name = ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else node.arg
            if not name.strip("_").endswith(SECONDS):
                found.append(f"{path.name}:{node.lineno} {name}")
    return found


@pytest.mark.parametrize("path", ROAD, ids=lambda path: path.name)
def test_no_float_on_the_road_of_amounts(path: Path) -> None:
    assert floats_in(path) == []


def test_a_float_on_the_road_would_be_found(tmp_path: Path) -> None:
    for number, line in enumerate(
        ("x = float('1')", "price: float = 0", "y = a / b", "def f(size: float) -> None: ...", "z = round(a, 2)")
    ):
        path = tmp_path / f"{number}.py"
        path.write_text(line)
        assert floats_in(path), line


AMOUNTS = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?", fullmatch=True)


def body_of(topic: str, endpoint: str, text: bytes) -> dict[str, Any]:
    """The first event of a frame, as a consumer reads it: numbers as their digits."""
    data = parse(text)
    assert isinstance(data, Data)
    normalise = channels.for_topic(topic, endpoint).normalise
    assert normalise is not None
    outcome = normalise(data, None if endpoint == "private" else endpoint, Memory())[0]
    record = Stamp(worker="w", account="main", include_raw="off", started_ms=1).record(outcome, received_ns=1, trace_id="t")  # type: ignore[arg-type]
    return dict(json.loads(record.body, parse_float=str))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(AMOUNTS, AMOUNTS)
def test_every_digit_of_a_trade_and_a_level_arrives(price: str, size: str) -> None:
    row = {"T": 1, "s": "A", "S": "Buy", "v": size, "p": price, "i": "1"}
    trade = body_of("publicTrade.A", "linear", json.dumps({"topic": "publicTrade.A", "ts": 1, "data": [row]}).encode())
    assert (trade["payload"]["price"], trade["payload"]["quantity"]) == (price, size)
    book = {
        "topic": "orderbook.50.A",
        "type": "snapshot",
        "ts": 1,
        "data": {"s": "A", "b": [[price, size]], "a": [], "u": 1, "seq": 1},
    }
    assert body_of("orderbook.50.A", "linear", json.dumps(book).encode())["payload"]["bids"] == [[price, size]]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(AMOUNTS)
def test_a_json_number_becomes_the_text_of_its_digits(number: str) -> None:
    text = b'{"topic":"adlAlert.USDT","ts":1,"data":[{"c":"USDT","s":"A","b":%s,"pr":"x"}]}' % number.encode()
    assert body_of("adlAlert.USDT", "linear", text)["payload"]["balance"] == (number if number != "-0" else "0")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(AMOUNTS, st.integers(-100, 100), st.sampled_from(("e", "E")))
def test_a_number_with_an_exponent_is_written_out(number: str, exponent: int, letter: str) -> None:
    text = b'{"topic":"adlAlert.USDT","ts":1,"data":[{"c":"USDT","s":"A","b":%s,"pr":"x"}]}'
    gone = body_of("adlAlert.USDT", "linear", text % f"{number}{letter}{exponent}".encode())["payload"]["balance"]
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", gone)
    assert Decimal(gone) == Decimal(f"{number}{letter}{exponent}")


@pytest.mark.parametrize(
    "text", ["1e101", "1e-101", "1e999999999", "1e", "e5", "1e5e5", "x1e5", "Infinity", "1" * 101 + "e1", "1e+-1"]
)
def test_what_is_too_wide_or_no_number_passes_as_it_came(text: str) -> None:
    assert unfolded(text) == text


@pytest.mark.parametrize(("size", "gone"), [("-0.00", "0.00"), ("-0", "0"), ("-1.50", "1.50"), ("0.00", "0.00")])
def test_the_size_of_a_position_has_no_sign(size: str, gone: str) -> None:
    row = {"category": "linear", "symbol": "A", "size": size, "side": "Sell", "positionIdx": 0, "updatedTime": "1"}
    frame = {"topic": "position", "id": "1", "creationTime": 1, "data": [row]}
    assert body_of("position", "private", json.dumps(frame).encode())["payload"]["size"] == gone


def test_every_digit_of_a_wallet_reaches_postgresql(database_url: str) -> None:
    amounts = [
        "1234567890123.123456789012345678",
        "-0.000000000000000001",
        "0.10000000000000000000000001",
        "9" * 60 + "." + "9" * 60,
    ]
    coins = [{"coin": f"COIN{place}", "walletBalance": amount} for place, amount in enumerate(amounts)]
    frame = {"topic": "wallet", "id": "1", "creationTime": 1_700_000_000_000, "data": [{"accountType": "UNIFIED", "coin": coins}]}
    data = parse(json.dumps(frame).encode())
    assert isinstance(data, Data)
    normalise = channels.for_topic("wallet", "private").normalise
    assert normalise is not None
    [event] = normalise(data, None, Memory())
    record = Stamp(worker="w", account="main", include_raw="private", started_ms=1).record(event, received_ns=1, trace_id="t")  # type: ignore[arg-type]
    connection = db.connect(database_url, name="test")
    balances.insert_balances(connection, [record.body], lambda *letter: pytest.fail(str(letter)))
    with connection.cursor() as cursor:
        cursor.execute("select wallet_balance, wallet_balance::text from account_balances order by coin")
        assert [(row[0], row[1]) for row in cursor.fetchall()] == [(Decimal(amount), amount) for amount in amounts]
    connection.close()
