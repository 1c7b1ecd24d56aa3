"""The wallet read over REST when somebody asks: all coins, one sync at a time, and a stated answer whatever the exchange does."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from asking import assert_error, call, make_client
from flask.testing import FlaskClient
from listener import Line, Listener, ok
from running import wait_for

from gateway.database import balances, db
from gateway.models import Envelope, Event
from gateway.protocol.answers import facts_of
from gateway.servers.server import free_ports
from gateway.wallet_sync import WITHIN_S
from gateway.wire import Stamp, event_id, iso_ms
from simulator.remote import RunningSimulator

BALANCES, SYNC = "/api/v1/balances", "/api/v1/balances/sync"
LIST = "/v5/account/wallet-balance"


@pytest.fixture
def exchange(exchange: RunningSimulator) -> Iterator[RunningSimulator]:
    """That of the module, without faults."""
    yield exchange
    exchange.lift()


@pytest.fixture
def api(tmp_path: Path, database_url: str) -> Callable[..., FlaskClient]:
    """An API process that asks an exchange; all of a test share the var folder and PostgreSQL."""

    def make(rest_url: str, **settings: str) -> FlaskClient:
        given = {
            "BYBIT_ENVIRONMENT": "simulator", "BYBIT_REST_URL": rest_url, "BYBIT_API_KEY": RunningSimulator.api_key,
            "BYBIT_API_SECRET": RunningSimulator.api_secret, **settings,
        }  # fmt: skip
        return make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/", **given)

    return make


def latest(client: FlaskClient) -> dict[str, dict[str, Any]]:
    return {row["coin"]: row for row in call(client, "GET", BALANCES)[1]["balances"]}


def hold(connection: db.Connection, unix_ms: int, account_type: str = "UNIFIED", **coins: str) -> None:
    """What the stream told of coins."""
    payload = {
        "account_type": account_type,
        "coins": [{"coin": coin, "wallet_balance": amount, "equity": amount} for coin, amount in coins.items()],
    }
    envelope = Envelope(
        event_id=event_id(f"{unix_ms}{coins}"), event_type="balance", category=None, symbol=None, account="main", topic="wallet",
        timestamp=iso_ms(unix_ms), received_at=iso_ms(unix_ms), sequence=1, epoch="e", gap_id=None, source="stream", trace_id="t",
        payload=payload,
    )  # fmt: skip
    balances.insert_balances(connection, [msgspec.json.encode(envelope)], pytest.fail)


def count(connection: db.Connection) -> int:
    with db.transaction(connection) as cursor:
        cursor.execute("select count(*) from account_balances")
        return int(db.value(cursor))


def locks(connection: db.Connection) -> int:
    with db.transaction(connection) as cursor:
        cursor.execute(
            "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"
        )
        return int(db.value(cursor))


def test_a_sync_stores_every_coin_as_the_exchange_lists_it(exchange: RunningSimulator, api: Callable[..., FlaskClient]) -> None:
    exchange.account("wallet", balances={"BTC": "1.000000000000000001", "XRP": "-7.5", "A2345678901234567890": "0.5"})
    client = api(exchange.rest_url)
    status, body = call(client, "POST", SYNC)
    assert status == 200, body
    assert body == {"updated_coins": sorted(body["updated_coins"]), "updated_count": len(body["updated_coins"])}
    assert {"BTC", "XRP", "A2345678901234567890"} <= set(body["updated_coins"])
    rows = latest(client)
    assert set(rows) == set(body["updated_coins"])
    assert {row["source"] for row in rows.values()} == {"rest"}
    assert (rows["BTC"]["wallet_balance"], rows["A2345678901234567890"]["wallet_balance"]) == ("1.000000000000000001", "0.5")
    assert (rows["XRP"]["wallet_balance"], rows["XRP"]["warnings"][0]) == ("-7.5", "negative_wallet_balance")
    assert call(client, "GET", BALANCES)[1]["margin_balance"]["account_type"] == "UNIFIED"


def test_a_coin_that_was_held_and_is_not_listed_any_more_is_stored_with_zeros_once(
    exchange: RunningSimulator, api: Callable[..., FlaskClient], connection: db.Connection
) -> None:
    hold(connection, 1_700_000_000_000, GONE="5", EMPTY="0")
    hold(connection, 1_700_000_000_000, account_type="FUND", ELSEWHERE="5")
    client = api(exchange.rest_url)
    assert "GONE" in call(client, "POST", SYNC)[1]["updated_coins"]
    row = latest(client)["GONE"]
    amounts = ("wallet_balance", "available_balance", "frozen", "equity", "usd_value", "total_order_im", "total_position_im")
    assert {row[column] for column in amounts} == {"0"}
    assert (row["source"], row["warnings"]) == ("rest", [])
    assert set(row["derived"]) == {"wallet_balance", "available_balance", "frozen", "equity", "usd_value"}
    assert latest(client)["ELSEWHERE"]["wallet_balance"] == "5", "another account's list says nothing of it"
    assert "GONE" not in call(client, "POST", SYNC)[1]["updated_coins"], "it is known to hold nothing"


def answers(line: Line, wallet: Callable[[], bytes], before: Callable[[], object] = lambda: None) -> None:
    """An exchange that tells its time, and a wallet."""
    while True:
        request = line.until(b"\r\n\r\n")
        if LIST.encode() in request:
            before()
            line.send(ok(wallet()))
        else:
            line.send(ok(b'{"retCode":0,"retMsg":"OK","result":{"timeNano":"%d"},"time":%d}' % (time.time_ns(), now_ms())))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def wallet_of(coins: str, time_ms: int) -> bytes:
    row = f'{{"accountType":"UNIFIED","totalEquity":"1","coin":[{coins}]}}'
    return f'{{"retCode":0,"retMsg":"OK","result":{{"list":[{row}]}},"time":{time_ms}}}'.encode()


def coin(name: str, amount: str) -> str:
    return f'{{"coin":"{name}","walletBalance":"{amount}","equity":"{amount}"}}'


def test_the_same_answer_twice_is_the_same_rows_and_those_of_a_reconciliation(
    api: Callable[..., FlaskClient], connection: db.Connection
) -> None:
    told = wallet_of(coin("BTC", "1"), now_ms())
    with Listener(lambda line: answers(line, lambda: told)) as listener:
        client = api(listener.url("http"))
        for _ in range(2):
            assert call(client, "POST", SYNC) == (200, {"updated_coins": ["BTC"], "updated_count": 1})
    stamp = Stamp(worker="private_00", account="main", include_raw="private", started_ms=1)
    [fact] = facts_of(LIST, msgspec.json.decode(told), topic="wallet", endpoint="private", category=None)
    assert isinstance(fact.outcome, Event)
    record = stamp.record(fact.outcome, received_ns=time.time_ns(), trace_id="t", raw=fact.raw)
    balances.insert_balances(connection, [record.body], pytest.fail)
    assert (count(connection), latest(client)["BTC"]["event_id"]) == (1, record.event_id)


def test_a_push_that_is_newer_than_what_was_read_is_not_replaced(
    api: Callable[..., FlaskClient], connection: db.Connection
) -> None:
    """The exchange read BTC before the push and answers after it."""

    def push() -> None:
        hold(connection, now_ms() + 20, BTC="2")

    with Listener(
        lambda line: answers(line, lambda: wallet_of(f"{coin('BTC', '1')},{coin('ETH', '3')}", now_ms() + 50), push)
    ) as late:
        client = api(late.url("http"))
        assert call(client, "POST", SYNC) == (200, {"updated_coins": ["ETH"], "updated_count": 1})
    assert {name: row["wallet_balance"] for name, row in latest(client).items()} == {"BTC": "2", "ETH": "3"}


def test_a_coin_that_cannot_be_read_costs_itself_alone_and_nothing_is_concluded(
    api: Callable[..., FlaskClient], connection: db.Connection
) -> None:
    hold(connection, 1_700_000_000_000, GONE="5")
    told = wallet_of(f'{coin("BTC", "1")},{coin("ETH", "much")},{{"walletBalance":"1"}}', now_ms())
    with Listener(lambda line: answers(line, lambda: told)) as listener:
        client = api(listener.url("http"))
        assert call(client, "POST", SYNC) == (200, {"updated_coins": ["BTC"], "updated_count": 1})
    assert latest(client)["GONE"]["wallet_balance"] == "5"
    with db.transaction(connection) as cursor:
        cursor.execute("select process, topic, reason from dead_letters order by reason")
        letters = cursor.fetchall()
    assert [letter[:2] for letter in letters] == [("api_00", "wallet")] * 2
    assert "expected a text" in letters[0][2]
    assert "'much'" in letters[1][2]


@pytest.mark.parametrize(
    ("how", "words", "code"),
    [
        ("10003", "does not know this API key", 10003), ("10004", "BYBIT_API_SECRET is not the secret", 10004),
        ("10005", "lacks a permission", 10005), ("33004", "expired", 33004), ("10016", "the exchange answered 10016: Server error.", 10016),
        ("503", "answered HTTP 503 without JSON", None), ("not_json", "without JSON", None),
    ],
)  # fmt: skip
def test_what_the_exchange_refuses_is_502_with_its_code_and_words(
    exchange: RunningSimulator, api: Callable[..., FlaskClient], connection: db.Connection, how: str, words: str, code: int | None
) -> None:
    exchange.fault("rest", how=how, topic=LIST)
    answer = call(api(exchange.rest_url), "POST", SYNC)
    assert_error(answer, 502, "EXCHANGE_ERROR", words)
    assert answer[1]["details"]["ret_code"] == code
    assert bool(answer[1]["details"]["ret_msg"]) is (code is not None)
    assert RunningSimulator.api_key not in str(answer)
    assert count(connection) == 0
    exchange.lift()
    assert call(api(exchange.rest_url), "POST", SYNC)[0] == 200, "the next one may"


def test_a_list_without_an_account_is_502(api: Callable[..., FlaskClient]) -> None:
    told = b'{"retCode":0,"result":{"list":[]},"time":%d}' % now_ms()
    with Listener(lambda line: answers(line, lambda: told)) as listener:
        assert_error(call(api(listener.url("http")), "POST", SYNC), 502, "EXCHANGE_ERROR", "names no account")


def test_an_exchange_that_is_away_silent_or_slow_is_502_within_the_bound(
    exchange: RunningSimulator, api: Callable[..., FlaskClient]
) -> None:
    assert_error(call(api(f"http://127.0.0.1:{free_ports(1)[0]}"), "POST", SYNC), 502, "EXCHANGE_ERROR", "gives no answer")
    exchange.fault("rest", how="delay", amount=60.0)
    began = time.monotonic()
    assert_error(call(api(exchange.rest_url), "POST", SYNC), 502, "EXCHANGE_ERROR", "no answer")
    assert time.monotonic() - began < WITHIN_S + 1.0

    def trickle(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            line.send(b" ")

    with Listener(trickle) as listener:
        began = time.monotonic()
        assert_error(call(api(listener.url("http")), "POST", SYNC), 502, "EXCHANGE_ERROR")
        assert time.monotonic() - began < WITHIN_S + 1.0


def test_a_second_sync_meanwhile_is_409_at_once_also_from_another_process(
    exchange: RunningSimulator, api: Callable[..., FlaskClient], connection: db.Connection
) -> None:
    exchange.fault("rest", how="delay", amount=2.0, topic=LIST)
    first, second = api(exchange.rest_url), api(exchange.rest_url)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(call, first, "POST", SYNC)
        wait_for(lambda: locks(connection), "the first one reads", 10.0)
        began = time.monotonic()
        assert_error(call(second, "POST", SYNC), 409, "CONFLICT", "another sync")
        assert time.monotonic() - began < 1.0
        assert running.result(10.0)[0] == 200
    assert not locks(connection)
    exchange.lift()
    assert call(second, "POST", SYNC)[0] == 200


def test_a_sync_whose_process_ends_leaves_no_lock_behind(database_url: str, connection: db.Connection) -> None:
    dying = db.connect(database_url, name="dying")
    with balances.syncing(dying, "main"):
        assert locks(connection) == 1
        dying.close()
    wait_for(lambda: not locks(connection), "the lock is gone")
    with balances.syncing(connection, "main"):
        assert locks(connection) == 1
    assert locks(connection) == 0


def test_without_credentials_a_sync_is_503(tmp_path: Path, database_url: str) -> None:
    client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    assert_error(call(client, "POST", SYNC), 503, "CREDENTIALS_MISSING", "BYBIT_API_KEY")


def test_a_sync_needs_no_body_and_minds_none(exchange: RunningSimulator, api: Callable[..., FlaskClient]) -> None:
    client = api(exchange.rest_url)
    assert call(client, "POST", SYNC)[0] == 200
    assert call(client, "POST", SYNC, json={})[0] == 200
    assert_error(call(client, "POST", SYNC, data=b"nonsense"), 415, "UNSUPPORTED_MEDIA_TYPE")
    assert_error(call(client, "GET", SYNC), 405, "METHOD_NOT_ALLOWED")


def test_a_clock_of_ours_that_is_wrong_costs_no_sync(exchange: RunningSimulator, api: Callable[..., FlaskClient]) -> None:
    for ahead_ms in (-60_000, 60_000):
        exchange.fault("clock", amount=ahead_ms)
        assert call(api(exchange.rest_url), "POST", SYNC)[0] == 200
