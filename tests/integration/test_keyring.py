"""Whose a key is, on a real PostgreSQL: hashes only, revoked ones end in time, and a PostgreSQL that is away stops no known one."""

import hashlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

import pytest

from gateway.database import api_keys, db
from gateway.database.api_keys import ADMINISTRATOR, Caller
from gateway.database.audit import By
from gateway.errors import RequestError, StoreAway
from gateway.keyring import BELIEVED_S, MOST_OFFERED, NEW_AT_ONCE, NEW_EVERY_S, READ_AGAIN_S, SILENT_S, Keyring
from gateway.servers import Postgres
from gateway.servers.server import free_ports
from tests.standins import frozen

BY = By("tester")
#: In the form of a key.
UNKNOWN = f"wsg_{'0' * 16}_{'A' * 43}"
AWAY = f"postgresql://127.0.0.1:{free_ports(1)[0]}/none"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(database_url: str, clock: Clock) -> Keyring:
    return Keyring(database_url, "the administrator's", clock)


def make(
    connection: db.Connection, name: str = "reader", *, scopes: tuple[str, ...] = ("read",), service: str | None = None
) -> str:
    return api_keys.create(connection, name=name, scopes=scopes, service=service, by=BY)[0]


def ask(connection: db.Connection, statement: str) -> list[db.Row]:
    with db.transaction(connection) as cursor:
        cursor.execute(statement)
        return db.rows(cursor)


@contextmanager
def closed_to_all(server: Postgres, url: str) -> Iterator[None]:
    """PostgreSQL ends the database's connections, and takes no new ones."""
    name = url.rsplit("/", 1)[1]
    other = db.connect(server.url, name="test", autocommit=True)
    with db.transaction(other) as cursor:
        cursor.execute(f"alter database {name} allow_connections false")
        cursor.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (name,))
    try:
        yield
    finally:
        with db.transaction(other) as cursor:
            cursor.execute(f"alter database {name} allow_connections true")
        other.close()


@pytest.mark.parametrize(
    ("scopes", "service", "caller"),
    [
        (("read",), None, Caller("reader", "read")),
        (("read", "write"), "one", Caller("reader", "write", "one")),
        (("admin", "read"), None, Caller("reader", "admin")),
    ],
)
def test_a_key_is_known_by_its_secret_with_its_highest_scope(
    connection: db.Connection, keyring: Keyring, scopes: tuple[str, ...], service: str | None, caller: Caller
) -> None:
    key = make(connection, scopes=scopes, service=service)
    for _ in range(2):
        assert keyring.caller(["nonsense", key]) == caller


def test_a_scope_includes_those_before_it() -> None:
    allowed = {scope: [other for other in api_keys.SCOPES if Caller("", scope).may(other)] for scope in api_keys.SCOPES}
    assert allowed == {"read": ["read"], "write": ["read", "write"], "admin": ["read", "write", "admin"]}


def test_only_the_hash_of_the_secret_is_stored(connection: db.Connection) -> None:
    key = make(connection)
    _, secret = api_keys.parse(key) or ("", "")
    [row] = ask(connection, "table api_keys")
    assert bytes(row["secret_sha256"]) == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(row)
    assert len(secret) == 43


def test_a_wrong_secret_opens_nothing_also_when_the_key_is_known(connection: db.Connection, keyring: Keyring) -> None:
    key = make(connection)
    wrong = key[:-4] + ("AAAA" if not key.endswith("AAAA") else "BBBB")
    assert [keyring.caller([each]) for each in (wrong, key, wrong, key.upper(), f"{key} ", f"{key}\n")] == [
        None, Caller("reader", "read"), None, None, None, None,
    ]  # fmt: skip


def test_what_has_not_the_form_of_a_key_is_refused_without_asking_anybody() -> None:
    away = Keyring(AWAY, "the administrator's")
    assert [away.caller([text]) for text in ("x", "", "wsg_", "wsg_0123_abc", "schlüssel", "\0" * 64)] == [None] * 6
    assert away.caller(["x", "the administrator's"]) == ADMINISTRATOR


def test_a_revoked_key_ends_within_the_stated_time(connection: db.Connection, keyring: Keyring, clock: Clock) -> None:
    key = make(connection)
    assert keyring.caller([key])
    api_keys.revoke(connection, "reader", BY)
    clock.seconds += READ_AGAIN_S
    assert keyring.caller([key]) is None
    other = make(connection)
    assert keyring.caller([other]) == Caller("reader", "read"), "the name may be given again"


def test_wrong_keys_ask_a_few_times_and_then_nobody_and_a_new_one_is_known_at_once(
    connection: db.Connection, keyring: Keyring, clock: Clock, postgres_server: Postgres, database_url: str
) -> None:
    for number in range(NEW_AT_ONCE):  # the first of them reads for the first time, which does not count
        assert keyring.caller([f"wsg_{number:016x}_{'A' * 43}"]) is None
    assert keyring.caller([make(connection)]) == Caller("reader", "read")
    with closed_to_all(postgres_server, database_url):
        for _ in range(200):
            assert keyring.caller([UNKNOWN]) is None, "nobody was asked: nobody is there"
        clock.seconds += NEW_EVERY_S
        with pytest.raises(StoreAway):
            keyring.caller([UNKNOWN])


def test_of_many_keys_in_one_request_only_a_few_are_looked_at(connection: db.Connection, keyring: Keyring) -> None:
    key = make(connection)
    assert keyring.caller([*[UNKNOWN] * (MOST_OFFERED - 1), key]) == Caller("reader", "read")
    assert keyring.caller([*[UNKNOWN] * MOST_OFFERED, key, "the administrator's"]) is None


def test_an_unknown_key_while_postgresql_is_silent_is_store_away_quickly(clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keyring = Keyring(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none", "the administrator's", clock)
        for longest_s in (2.0, 0.2):  # whoever comes next does not wait
            began = time.monotonic()
            with pytest.raises(StoreAway):
                keyring.caller([UNKNOWN])
            assert time.monotonic() - began < longest_s


def test_a_known_key_opens_while_postgresql_is_away_until_it_is_believed_no_more(
    connection: db.Connection, keyring: Keyring, clock: Clock, postgres_server: Postgres, database_url: str
) -> None:
    key = make(connection)
    assert keyring.caller([key])
    with closed_to_all(postgres_server, database_url):
        for _ in range(5):
            clock.seconds += READ_AGAIN_S
            assert keyring.caller([key])
        clock.seconds += BELIEVED_S
        with pytest.raises(StoreAway):
            keyring.caller([key])
    clock.seconds += SILENT_S
    assert keyring.caller([key]), "as soon as PostgreSQL is back"


def test_a_known_key_opens_while_postgresql_is_frozen(connection: db.Connection, keyring: Keyring, clock: Clock) -> None:
    key = make(connection)
    assert keyring.caller([key])
    [backend] = ask(
        connection,
        "select pid from pg_stat_activity where application_name = 'ws-gateway keys' and datname = current_database()",
    )
    clock.seconds += READ_AGAIN_S
    with frozen(backend["pid"]):
        began = time.monotonic()
        assert keyring.caller([key])
        assert time.monotonic() - began < 4


def test_the_last_use_is_known_to_the_minute(connection: db.Connection, keyring: Keyring, clock: Clock) -> None:
    key = make(connection)

    def last_use() -> datetime | None:
        found: datetime | None = api_keys.find_all(connection)[0]["last_used_at"]
        return found

    def use() -> None:
        clock.seconds += READ_AGAIN_S
        assert keyring.caller([key])

    assert last_use() is None
    use()
    first = last_use()
    use()
    assert last_use() == first
    [before] = ask(connection, "update api_keys set last_used_at = last_used_at - interval '61 s' returning last_used_at")
    use()
    assert (last_use() or before["last_used_at"]) > before["last_used_at"]


def test_a_wrong_secret_is_no_use_of_the_key(connection: db.Connection, keyring: Keyring) -> None:
    key = make(connection)
    wrong = key[:-4] + ("AAAA" if not key.endswith("AAAA") else "BBBB")
    assert keyring.caller([wrong]) is None
    assert api_keys.find_all(connection)[0]["last_used_at"] is None


def test_who_waited_for_a_question_that_failed_is_told_so(clock: Clock) -> None:
    """A question that PostgreSQL did not answer says nothing of whether the key fits."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(4) as threads:
        keyring = Keyring(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none", "the administrator's", clock)
        for each in [threads.submit(keyring.caller, [UNKNOWN]) for _ in range(4)]:
            with pytest.raises(StoreAway):
                each.result()


def test_a_row_that_somebody_holds_makes_nobody_wait(connection: db.Connection, keyring: Keyring) -> None:
    key = make(connection)
    with db.transaction(connection) as cursor:
        cursor.execute("select from api_keys for update")
        began = time.monotonic()
        assert keyring.caller([key])
        assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "a b"}, "found name 'a b'; expected 1 to 100"),
        ({"name": "administrator"}, "none of 'ws-gateway', 'ws-gateway keys', 'administrator'"),
        ({"name": "0123456789abcdef"}, "no id of a key"),
        ({"scopes": ()}, "found scopes none; expected some of read, write, admin"),
        ({"service": "a b"}, "found service 'a b'"),
        ({"scopes": ("admin",), "service": "one"}, "found scope admin for service 'one' alone; expected read or write"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_in_one_sentence(connection: db.Connection, given: dict[str, str], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        make(connection, **given)  # type: ignore[arg-type]
    assert api_keys.find_all(connection) == []


def test_two_keys_that_open_have_not_one_name(connection: db.Connection) -> None:
    make(connection)
    with pytest.raises(RequestError, match="found a key named 'reader' already"):
        make(connection)
