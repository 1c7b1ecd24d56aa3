"""The numbers that the documents promise are those of the code: page, sentence, and what stands in it."""

import pytest

from api import app
from gateway import breaker, config, consumer, keyring, resolution, wallet_sync
from gateway.database import api_keys, leases
from gateway.disk import attempts, spool
from gateway.exchange import budget
from gateway.health import health, report
from gateway.health.words import STALE_S
from gateway.lanes import announcements, lane
from gateway.protocol import cadence, lately, renewal, session, subscriptions, topic
from gateway.protocol.channels import CHANNELS
from gateway.sinks import broker, bundles
from gateway.sinks.topology import BATCH_BYTES_PER_MESSAGE
from tests.pages import read
from workers import backfill, catalog_reader, connects, held, overflow, router, topology

ROWS = {row.channel_type: row for row in CHANNELS}
BOOKS = ROWS["orderbook"]
DEFAULTS = {row.name: int(row.default) for row in config.SETTINGS if row.default.isdecimal()}

NUMBERS: list[tuple[str, str, tuple[float, ...]]] = [
    ("ARCHITECTURE", "{:,} records, {} MiB |", (lane.FLIGHT_RECORDS, lane.FLIGHT_BYTES >> 20)),
    ("ARCHITECTURE", "{:g} s; PostgreSQL {:g} s,", (lane.PATIENCE_S, router.PATIENCES_S["postgres"])),
    ("ARCHITECTURE", "`fdatasync`, every {:g} s", (spool.SYNC_S,)),
    ("ARCHITECTURE", "after {:g} s without a turn the file is no longer renewed, and health stops believing it {:g} s after the last write",
     (report.STUCK_S, STALE_S)),
    ("ARCHITECTURE", "{} in {:g} s, of which {} are kept for the account", (budget.MOST, budget.WINDOW_S, budget.FOR_PRIVATE)),
    ("ARCHITECTURE", "What was told is remembered for {} s, or the newest {:,} where that is longer, at most {:,}",
     (lately.KEPT_MS // 1000, lately.MOST, lately.CAP)),
    ("ARCHITECTURE", "publishes again after {:g} s", (broker.NACK_PAUSE_S,)),
    ("ARCHITECTURE", "nothing for {:g} s, although heartbeats come", (broker.SILENCE_S,)),
    ("ARCHITECTURE", "no confirm for {:g} s, not blocked", (broker.CONFIRM_TIMEOUT_S,)),
    ("ARCHITECTURE", "no answer to the login in {:g} s, no pong in {:g} s,", (session.AUTH_S, session.PONG_S)),
    ("ARCHITECTURE", "no data for {:g} s and no snapshot within {:g} s of asking", (session.QUIET_S, session.PROBE_S)),
    ("ARCHITECTURE", "UNSURE: an answer did not come in {:g} s", (subscriptions.ACK_TIMEOUT_S,)),
    ("ARCHITECTURE", "the login's expiry is {} s\nahead", (session.AUTH_AHEAD_MS // 1000,)),
    ("ARCHITECTURE", "when there has been room for {:g} s", (announcements.RECOVERED_AFTER_S,)),
    ("ARCHITECTURE", "gunicorn: 2 workers of {} threads, and {} connections to PostgreSQL each", (app.THREADS, app.CONNECTIONS)),
    ("ARCHITECTURE", "{} MiB and {:g} s in memory", (overflow.WAITING_BYTES >> 20, overflow.WAITING_S)),
    ("ARCHITECTURE", "RabbitMQ or PostgreSQL | degraded from {} s, unhealthy from {} s", (health.LATE_MS // 1000, health.PATIENCE_MS // 1000)),
    ("ARCHITECTURE", "a spool or journal over {:g} % of its bound", (health.CROWDED * 100,)),
    ("ARCHITECTURE", "and {} service queues with each look", (topology.REBOUND_QUEUES,)),
    ("ARCHITECTURE", "wait (`workers/held.py`), at most {:g} s", (held.LONGEST_S,)),
    ("GUARANTEES", "at most {} times in {:g} s", (budget.MOST, budget.WINDOW_S)),
    ("GUARANTEES", "given up after {:g} s (a ping every {:g} s, its pong within {:g} s); one that sends pongs and no data after {:g} s",
     (session.PING_S + session.PONG_S, session.PING_S, session.PONG_S, session.QUIET_S + session.PROBE_S)),
    ("GUARANTEES", "within {:g} s for books of level 1, {:g} s for other books and tickers, {:g} s for candles",
     (BOOKS.resent_s[1], BOOKS.cadence_s["linear"], ROWS["kline"].cadence_s["linear"])),
    ("GUARANTEES", "for up to {:g} s", (keyring.BELIEVED_S,)),
    ("SECURITY", "a revoked one is refused within {:g} s", (keyring.READ_AGAIN_S,)),
    ("SECURITY", "The secret is {} random bytes", (api_keys.SECRET_BYTES,)),
    ("API", "EXCHANGE_ERROR` with `ret_code` and `ret_msg` in `details` (null where the exchange said nothing), {:g} s after", (wallet_sync.WITHIN_S,)),
    ("ARCHITECTURE", "up to {} threads: trades and candles", (backfill.THREADS,)),
    ("ARCHITECTURE", "the exchange's REST, PostgreSQL, {:g} s", (catalog_reader.INTERVAL_S,)),
    ("ARCHITECTURE", "at once, then ever less often while it keeps breaking ({:g} s doubling to {:g} s)", (renewal.RENEW_FIRST_S, renewal.RENEW_LONGEST_S)),
    ("API", "has {} tries, and one more every {:g} s", (attempts.TRIES, attempts.EVERY_S)),
    ("SUBSCRIBING", "`ttl_seconds` ({} to {})", leases.TTL_SECONDS),
    ("SUBSCRIBING", "asked again after {:g} s, doubling to {:g} min", (topic.RETRY_FIRST_S, topic.RETRY_LONGEST_S / 60)),
    ("SUBSCRIBING", "should have spoken within {:g} s", (subscriptions.FIRST_FRAME_S,)),
    ("OPERATIONS", "expected at most {}`", (health.SKEW_MS,)),
    ("OPERATIONS", "opened {} connections in five minutes", (connects.MOST,)),
    ("OPERATIONS", "asked again after {:g} s, doubling to {:g} min", (topic.RETRY_FIRST_S, topic.RETRY_LONGEST_S / 60)),
    ("OPERATIONS", "After {:g} s the file is laid aside", (lane.GIVE_UP_S,)),
    ("CONSUMING", "{:,} are plenty", (consumer.REMEMBERED,)),
    ("CONSUMING", "gets up to {} events in one message", (bundles.MOST,)),
    ("CONSUMING", "`x-max-length-bytes`: {:,} for each message", (BATCH_BYTES_PER_MESSAGE,)),
    ("CONSUMING", "and up to {:,} by default", (DEFAULTS["WS_GATEWAY_QUEUE_MAX_LENGTH"],)),
]  # fmt: skip

#: The same in words.
WORDS = [
    ("ARCHITECTURE", "three requests in a row without an answer", session.SILENCES == 3),
    ("ARCHITECTURE", "after three failures in a row", breaker.FAILURES == 3),
    ("GUARANTEES", "nothing for ten minutes after a ban", budget.BAN_S == 600),
    ("GUARANTEES", "five times what is usual", cadence.PATIENCE == 5),
    ("OPERATIONS", "none for ten minutes", budget.BAN_S == 600),
    ("SUBSCRIBING", "within two seconds", resolution.PATIENCE_S == 2),
    ("CONSUMING", "Queues hold messages for 24 h", DEFAULTS["WS_GATEWAY_QUEUE_TTL_MS"] == 24 * 3_600_000),
]


@pytest.mark.parametrize(("page", "sentence", "values"), NUMBERS, ids=lambda part: str(part)[:40])
def test_a_number_in_the_documents_is_the_code_s(page: str, sentence: str, values: tuple[float, ...]) -> None:
    assert " ".join(sentence.format(*values).split()).lower() in " ".join(read(f"docs/{page}.md").split()).lower()


@pytest.mark.parametrize(("page", "sentence", "holds"), WORDS, ids=lambda part: str(part)[:40])
def test_a_number_in_words_is_the_code_s(page: str, sentence: str, holds: bool) -> None:
    assert sentence in " ".join(read(f"docs/{page}.md").split())
    assert holds
