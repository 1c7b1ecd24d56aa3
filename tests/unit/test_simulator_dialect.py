"""The simulated exchange's manners: signatures against the published vectors, private topics, the bounded ledger."""

import pytest

from simulator.dialect import DIALECTS, conflicts, escaped, narrowed
from simulator.ledger import Ledger
from simulator.rest import signing
from simulator.rest.signing import Refused

#: A published vector. Source: protocol notes, section 9.1.
STAMP, QUERY = 1_700_000_000_000, "category=linear&symbol=BTCUSDT"
HEADERS = {
    "X-BAPI-API-KEY": "test_api_key",
    "X-BAPI-TIMESTAMP": str(STAMP),
    "X-BAPI-RECV-WINDOW": "5000",
    "X-BAPI-SIGN": "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7",
}


def check(now_ms: int = STAMP, query: str = QUERY, **other: str) -> None:
    headers = HEADERS | {name.replace("_", "-"): value for name, value in other.items()}
    signing.check(headers, query, key_pairs={"test_api_key": "test_secret"}, now_ms=now_ms)


@pytest.mark.parametrize("now_ms", [STAMP, STAMP + 5000, STAMP - 999])
def test_signature_of_the_published_vector_is_accepted_within_its_window(now_ms: int) -> None:
    check(now_ms)


@pytest.mark.parametrize("now_ms", [STAMP + 5001, STAMP - 1000])
def test_request_outside_its_window_is_refused_with_all_three_figures(now_ms: int) -> None:
    with pytest.raises(Refused, match=rf"req_timestamp\[{STAMP}\],server_timestamp\[{now_ms}\],recv_window\[5000\]") as refusal:
        check(now_ms)
    assert refusal.value.code == 10002


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (10003, {"X_BAPI_API_KEY": "another"}),
        (10001, {"X_BAPI_TIMESTAMP": "soon"}),
        (10001, {"X_BAPI_TIMESTAMP": "²"}),
        (10001, {"X_BAPI_RECV_WINDOW": "-1"}),
        (10004, {"X_BAPI_SIGN": "0" * 64}),
        (10004, {"query": "category=linear&symbol=ETHUSDT"}),
    ],
)
def test_bad_request_is_refused_with_the_code_of_its_fault(code: int, change: dict[str, str]) -> None:
    with pytest.raises(Refused) as refusal:
        check(**change)  # type: ignore[arg-type] # the names are those of headers, or query
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("topic", "held", "expected"),
    [
        ("order", ["execution"], False),
        ("order", ["order"], True),
        ("order.linear", ["order"], True),
        ("order", ["order.linear"], True),
        ("order.linear", ["order.spot"], False),
        ("execution", ["execution.fast"], False),
        ("execution.fast.spot", ["execution.fast"], True),
    ],
)
def test_all_in_one_and_narrower_forms_of_a_private_topic_conflict(topic: str, held: list[str], expected: bool) -> None:
    assert conflicts(topic, held) == expected


def test_holder_of_a_narrower_topic_sees_its_rows_under_its_name_only() -> None:
    frame = {"topic": "order", "data": [{"category": "spot"}, {"category": "linear"}]}
    assert narrowed(frame, "order") == frame
    assert narrowed(frame, "order.linear") == {"topic": "order.linear", "data": [{"category": "linear"}]}
    assert narrowed(frame, "order.option") is None
    assert narrowed(frame, "execution") is None


def test_answers_escape_the_characters_that_the_exchange_escapes() -> None:
    assert escaped('"args size >10 <&"') == '"args size \\u003e10 \\u003c\\u0026"'


def test_every_endpoint_has_a_path_of_its_own() -> None:
    assert len({row.path for row in DIALECTS.values()}) == len(DIALECTS) == 8


def test_ledger_says_how_many_entries_it_has_forgotten() -> None:
    ledger = Ledger(kept=3)
    for text in "abcde":
        ledger.write(1, "spot", "sent", "", text)
    assert ledger.forgotten == 2
    kept = ledger.read(endpoint=None, topic=None, direction=None, after=0, limit=10)
    assert [(entry.number, entry.text) for entry in kept] == [(3, "c"), (4, "d"), (5, "e")]


def test_ledger_answers_what_was_asked_for_and_no_more() -> None:
    ledger = Ledger()
    ledger.write(1, "spot", "sent", "tickers.A", "1")
    ledger.write(1, "spot", "received", "", "2")
    ledger.write(2, "linear", "sent", "tickers.A", "3")
    ledger.write(1, "spot", "sent", "tickers.B", "4")

    def texts(**wish: str) -> list[str]:
        chosen = {"endpoint": None, "topic": None, "direction": None, **wish}
        return [entry.text for entry in ledger.read(**chosen, after=0, limit=10)]  # type: ignore[arg-type]

    assert texts(endpoint="spot") == ["1", "2", "4"]
    assert texts(direction="received") == ["2"]
    assert texts(endpoint="spot", topic="tickers.A") == ["1"]
    assert [entry.text for entry in ledger.read(endpoint=None, topic=None, direction=None, after=2, limit=1)] == ["3"]
