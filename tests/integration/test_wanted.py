"""What a worker should hold, on a real PostgreSQL: the topics that wishes stand for, whose they are, and when they are looked up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from running import wait_for
from stored import add, bind, lists, reading, until

from gateway import names
from gateway.database import db, instruments, store, wished
from gateway.disk.memo import Memo
from gateway.protocol.instruments import Instrument
from gateway.protocol.room import owner
from gateway.servers.server import free_ports
from gateway.wire import TopicReport
from workers.wanted import Wishes


def test_a_pattern_follows_listings_and_delistings(database_url: str, connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "BTCPERP", "ETHUSDT")
    with reading(database_url) as reader:
        row = add(connection, "BTC*")
        bind(connection)
        wishes = until(reader, "publicTrade.BTCUSDT", "publicTrade.BTCPERP")
        assert {entry.pattern for entry in wishes.rows} == {"publicTrade.BTC*"}
        assert {entry.id for entry in (*wishes.rows, *wishes.patterns)} == {row["id"]}
        assert wishes.named == {"publicTrade.BTC*": ["publicTrade.BTCPERP", "publicTrade.BTCUSDT"]}
        lists(connection, "BTCUSDT", "ETHUSDT", "BTC-26MAR27")  # one is gone, one is new
        until(reader, "publicTrade.BTCUSDT")
        bind(connection)
        until(reader, "publicTrade.BTCUSDT", "publicTrade.BTC-26MAR27")
        add(connection, "SOLUSDT")
        until(reader, "publicTrade.BTCUSDT", "publicTrade.BTC-26MAR27", "publicTrade.SOLUSDT")
        store.cancel(connection, service="one")
        assert until(reader).named == {}


def test_a_star_names_all_and_two_wishes_may_name_the_same(database_url: str, connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "ETHUSDT")
    add(connection, "*")
    add(connection, "BTC*", requesting_service="two")
    bind(connection)
    with reading(database_url) as reader:
        wishes = until(reader, "publicTrade.BTCUSDT", "publicTrade.BTCUSDT", "publicTrade.ETHUSDT")
    assert sorted(wishes.named) == ["publicTrade.*", "publicTrade.BTC*"]


def test_a_listing_is_wanted_before_its_binding_is_certain_only_where_the_binding_does_not_depend_on_it(
    database_url: str, connection: db.Connection
) -> None:
    add(connection, "*")
    add(connection, "BTC*", requesting_service="two")
    lists(connection, "BTCUSDT")
    with reading(database_url) as reader:
        wishes = until(reader, "publicTrade.BTCUSDT")
        assert wishes.named == {"publicTrade.*": ["publicTrade.BTCUSDT"], "publicTrade.BTC*": []}
        bind(connection)
        until(reader, "publicTrade.BTCUSDT", "publicTrade.BTCUSDT")


def test_tickers_and_candles_are_followed_before_an_instrument_trades_and_trades_are_not(
    database_url: str, connection: db.Connection
) -> None:
    add(connection, "*")
    for channel_type, topic in (("ticker", "tickers.*"), ("funding", "tickers.*"), ("kline", "kline.1.*")):
        interval = "1" if channel_type == "kline" else None
        add(
            connection,
            "*",
            channel_type=channel_type,
            topic=topic,
            interval=interval,
            queue=names.service_queue(channel_type, "one"),
        )
    lists(connection, "SOONUSDT", status="PreLaunch")
    with reading(database_url) as reader:
        until(reader, "tickers.SOONUSDT", "tickers.SOONUSDT", "kline.1.SOONUSDT")
        lists(connection, "SOONUSDT")
        until(reader, "tickers.SOONUSDT", "tickers.SOONUSDT", "kline.1.SOONUSDT", "publicTrade.SOONUSDT")


def test_what_is_delivered_goes_without_another_read(database_url: str, connection: db.Connection) -> None:
    soon = int((datetime.now(UTC) + timedelta(seconds=3)).timestamp() * 1000)
    add(connection, "*", category="option", topic="publicTrade.*")
    lists(connection, "BTC-1JAN30-1-C", "ETH-1JAN30-1-C", category="option")
    instruments.add(
        connection, "option",
        [Instrument(category="option", symbol="SOL-1JAN30-1-C", status="Trading", base_coin="SOL", delivery_ms=soon)],
    )  # fmt: skip
    with reading(database_url, endpoint="option") as reader:
        until(reader, "publicTrade.BTC", "publicTrade.ETH", "publicTrade.SOL")
        until(reader, "publicTrade.BTC", "publicTrade.ETH")


def test_each_topic_belongs_to_one_process_and_the_pattern_to_one_of_them(database_url: str, connection: db.Connection) -> None:
    symbols = [f"{letter}USDT" for letter in "ABCDEFGH"]
    lists(connection, *symbols)
    add(connection, "*")
    held: list[list[str]] = []
    reporting = 0
    for number in range(3):
        with reading(database_url, lambda topic, number=number: owner(topic, 3) == number) as reader:  # type: ignore[misc]
            wishes = wait_for(lambda reader=reader: reader.wishes, "wishes")
            held.append([row.topic for row in wishes.rows])
            reporting += len(wishes.patterns)
            assert all(len(topics) == 8 for topics in wishes.named.values())
    assert sorted(topic for topics in held for topic in topics) == [f"publicTrade.{symbol}" for symbol in symbols]
    assert reporting == 1


def test_what_a_pattern_names_is_looked_up_only_when_there_is_news(database_url: str, connection: db.Connection) -> None:
    lists(connection, "BTCUSDT")
    add(connection, "*")
    with reading(database_url, poll_s=0.05) as reader:
        until(reader, "publicTrade.BTCUSDT")
        with db.transaction(connection) as cursor:  # nobody is notified of these two
            cursor.execute("insert into instruments (category, symbol, status) values ('linear', 'ETHUSDT', 'Trading')")
            cursor.execute(
                "insert into subscriptions (id, channel_type, symbol, category, topic, endpoint, requesting_service, delivery, queue,"
                " binding, queue_state, state) values (gen_random_uuid(), 'trades', 'SOLUSDT', 'linear', 'publicTrade.SOLUSDT', 'linear',"
                " 'two', 'single', 'q', 'b', 'ready', 'requested')"
            )
        until(reader, "publicTrade.BTCUSDT", "publicTrade.SOLUSDT")
        lists(connection, "BTCUSDT", "ETHUSDT", "XRPUSDT")
        until(reader, "publicTrade.BTCUSDT", "publicTrade.ETHUSDT", "publicTrade.SOLUSDT", "publicTrade.XRPUSDT")


def test_what_was_wanted_last_is_wanted_still_where_postgresql_is_away_at_the_start_until_it_answers(
    tmp_path: Path, database_url: str, connection: db.Connection
) -> None:
    lists(connection, "BTCUSDT", "BTCPERP")
    add(connection, "BTC*")
    add(connection, "ETHUSDT", requesting_service="two")
    bind(connection)
    memo = Memo(tmp_path / "wishes.json", Wishes)
    topics = ("publicTrade.BTCUSDT", "publicTrade.BTCPERP", "publicTrade.ETHUSDT")
    with reading(database_url, memo=memo) as reader:
        known = until(reader, *topics)
        assert reader.remembered() is None, "it is the first run"
    with reading(f"postgresql://nobody@127.0.0.1:{free_ports(1)[0]}/none", memo=memo) as reader:
        assert until(reader, *topics) == known
    store.cancel(connection, service="two")
    with reading(database_url, memo=memo) as reader:
        until(reader, *topics[:2])


def test_the_mark_of_the_wishes_changes_with_whatever_a_worker_reads_of_them(connection: db.Connection) -> None:
    """Workers ask for it every second, and read all wishes only when it has changed."""
    marks = [wished.mark(connection, "linear")]

    def changed() -> bool:
        marks.append(wished.mark(connection, "linear"))
        return marks[-1] != marks[-2]

    row = add(connection)
    assert changed()
    assert not changed()
    store.report_topics(connection, "linear", [TopicReport(row["topic"], "acknowledged", None, 5)])
    assert changed()
    store.report_topics(connection, "linear", [TopicReport(row["topic"], "acknowledged", None, 50_000)])
    assert not changed(), "when its last event was is no wish"
    for change in (
        "update subscriptions set resyncs = resyncs + 1",
        "update subscriptions set last_error = 'no'",
        "update subscriptions set snapshot_seconds = 5",
        "update subscriptions set queue_state = 'ready'",
        "update subscriptions set is_active = false",
    ):
        with db.transaction(connection) as cursor:
            cursor.execute(change)
        assert changed(), change
    assert marks[-1] == marks[0]
    add(connection, "A", category="spot")
    assert not changed(), "another endpoint's"
