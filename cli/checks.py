"""CHECKS: what `ws-gateway doctor` looks at, in this order, and what it says of each."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from cli import queues
from cli.client import ApiAway, Client
from gateway.config import Settings
from gateway.database import db, store
from gateway.errors import ExchangeError, LinkLost, MigrationError, SettingError, SinkAway, StoreAway, StoreRefused
from gateway.exchange.clock import ExchangeClock
from gateway.exchange.diagnosis import KEY_PATH, diagnose
from gateway.exchange.signed import SignedRest
from gateway.exchange.signing import signer
from gateway.health import state
from gateway.health.health import SKEW_MS
from gateway.protocol.endpoints import ENDPOINTS, Endpoint
from gateway.protocol.session import Credentials
from gateway.sinks.moving import Found
from workers.connects import ConnectBudget
from workers.dial import Connection
from workers.exchange import connects_of
from workers.route import Route
from workers.wiring import rest_of

Level = Literal["ok", "note", "wrong"]

#: What to do about a stream with other arguments: it keeps what was read, so nobody can move what is left of it.
STREAM = "delete the stream in RabbitMQ, with what it keeps, and it is made anew with our arguments; or leave it as it is"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    level  wrong: somebody must act, and the exit code says so; note: nobody must
    do     what to do; "" where that is nothing
    """

    level: Level
    found: str
    do: str = ""


Findings = Iterator[Finding]


def folder(settings: Settings) -> Findings:
    try:
        settings.var_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.var_dir):
            pass
    except OSError as fault:
        do = "give it to the user that the gateway runs as, or set WS_GATEWAY_VAR_DIR to a folder that it may write to"
        yield Finding("wrong", f"{settings.var_dir} cannot be written to: {fault.strerror}", do)
        return
    free = shutil.disk_usage(settings.var_dir).free
    if free < settings.spool_max_bytes:
        do = "make room, or lower WS_GATEWAY_SPOOL_MAX_BYTES: what waits on disk in an outage ends where the disk does"
        yield Finding("wrong", f"{free >> 20} MiB are free at {settings.var_dir}, fewer than one spool may take", do)
    else:
        yield Finding("ok", f"{settings.var_dir} can be written to; {free >> 20} MiB are free")


def database(settings: Settings) -> Findings:
    if not settings.database_url:
        yield Finding("wrong", "DATABASE_URL is empty", "set it to a postgresql:// URL; `make run` starts a private one")
        return
    try:
        with closing(db.connect(settings.database_url, name="ws-gateway doctor")) as connection:
            is_current = store.schema_is_current(connection)
    except (StoreAway, StoreRefused) as fault:
        yield Finding("wrong", str(fault), "start PostgreSQL, or correct DATABASE_URL; streams go on meanwhile, rows wait on disk")
        return
    if is_current:
        yield Finding("ok", "PostgreSQL answers, and its schema is current")
    else:
        yield Finding("wrong", "PostgreSQL answers, but its schema is older than the code", "`ws-gateway migrate`")


def broker(settings: Settings) -> Findings:
    if not settings.broker_url:
        yield Finding("wrong", "BROKER_URL is empty", "set it to an amqp:// URL; `make run` starts a private RabbitMQ")
        return
    try:
        with queues.moving(settings):
            yield Finding("ok", "RabbitMQ answers")
    except SinkAway as fault:
        yield Finding("wrong", str(fault), "start RabbitMQ, or correct BROKER_URL; events wait on disk meanwhile")


def arguments(settings: Settings) -> Findings:
    """Of the queues."""
    if not settings.broker_url or not settings.database_url:
        return
    try:
        found = dict(queues.look(settings, queues.needed(settings)))
    except (SinkAway, StoreAway, StoreRefused, MigrationError) as fault:
        yield Finding("note", f"the queues' arguments cannot be looked at: {fault}", "mend the above first")
        return
    differing = [queue for queue in found.values() if queue is not None and queue.differs]
    yield from map(differing_queue, differing)
    missing = [name for name, queue in found.items() if queue is None]
    if missing:
        do = "nothing where the router runs: it makes them within some seconds; else start it"
        yield Finding("note", f"{len(missing)} queues are not there, {missing[0]} for one", do)
    if not differing and not missing:
        yield Finding("ok", f"all {len(found)} queues are there, with the arguments that our settings ask for")


def differing_queue(queue: Found) -> Finding:
    words = queues.words(queue.differs)
    do = STREAM if queue.kind == "stream" else f"`ws-gateway queues rebuild {queue.name}`"
    return Finding("wrong", f"{queue.name} has other arguments than our settings ask for: {words}", do)


def exchange(settings: Settings) -> Findings:
    """Its REST, and its clock."""
    rest = rest_of(settings, private=True)
    clock = ExchangeClock(rest.server_time_ms, worker="doctor")
    try:
        clock.reread()
    except (LinkLost, ExchangeError) as fault:
        do = "look at the network, at BYBIT_PROXY and BYBIT_REST_URL, and whether the exchange is up"
        yield Finding("wrong", f"the exchange's REST at {settings.rest_base} cannot be asked: {fault}", do)
        return
    yield Finding("ok", f"the exchange's REST at {settings.rest_base} answers")
    ahead_ms = clock.ahead_ms or 0
    if abs(ahead_ms) > SKEW_MS:
        side = "behind" if ahead_ms > 0 else "ahead of"
        do = "have a time server set this host's clock (NTP); logins are dated by the exchange's clock all the same"
        yield Finding("wrong", f"our clock is {abs(ahead_ms)} ms {side} the exchange's", do)
    else:
        yield Finding("ok", f"our clock differs from the exchange's by {abs(ahead_ms)} ms")


def credentials(settings: Settings) -> Findings:
    if not settings.has_credentials:
        yield Finding(
            "note",
            "no API key of the exchange: the account's topics are not followed",
            "set BYBIT_API_KEY and BYBIT_API_SECRET, if they should be",
        )
        return
    rest = rest_of(settings, private=True)
    try:
        given = Credentials(settings.api_key, signer(settings.api_secret))
    except SettingError as fault:
        yield Finding("wrong", str(fault), "give the secret as the exchange showed it, or a PEM private key")
        return
    signed = SignedRest(rest, given, ExchangeClock(rest.server_time_ms, worker="doctor"))
    try:
        told = signed.answer(KEY_PATH).result
    except (LinkLost, ExchangeError):
        yield Finding(
            "wrong",
            f"the exchange does not take our API key: {diagnose(signed)}",
            "see above; then `supervisorctl restart 'private:*'`",
        )
        return
    if told.get("readOnly") == 1:
        yield Finding("ok", "the exchange takes our API key, which may only read")
    else:
        do = "make a read-only key, and let this one be: the gateway never writes"
        yield Finding("note", "the exchange takes our API key, which may do more than read", do)


def streams(settings: Settings) -> Findings:
    """Whether each endpoint takes a connection."""
    for endpoint in ENDPOINTS.values():
        if _is_used(settings, endpoint):
            yield _dialled(settings, endpoint)


def _is_used(settings: Settings, endpoint: Endpoint) -> bool:
    if endpoint.authenticates:
        return settings.has_credentials
    return endpoint.category is None or endpoint.category in settings.enabled_categories


def _dialled(settings: Settings, endpoint: Endpoint) -> Finding:
    route = Route(settings.websocket_base(private=endpoint.authenticates) + endpoint.path, settings.ca_file, settings.proxy)
    budget: ConnectBudget = connects_of(settings, route, private=endpoint.authenticates)
    if (wait_s := budget.wait_s(time.time())) > 0:
        return Finding(
            "wrong",
            f"{endpoint.name}: this host has used up its connections; the next in {wait_s:.0f} s",
            "wait; look who connects so often",
        )
    try:
        Connection(route).close()
    except LinkLost as fault:
        do = "look at the network, at BYBIT_PROXY, BYBIT_CA_FILE and BYBIT_WS_URL, and whether the exchange is up"
        return Finding("wrong", f"{endpoint.name}: {route.url} takes no connection: {fault}", do)
    return Finding("ok", f"{endpoint.name}: {route.url} takes connections")


def gateway(settings: Settings) -> Findings:
    """The processes that should run."""
    try:
        _, health = Client(settings).ask("GET", "/health")
    except ApiAway as fault:
        yield Finding(
            "wrong", str(fault), "start it: `supervisord -n -c supervisord.conf`, or `make run`; else look at var/log/api_00.log"
        )
        return
    for reason in health["reasons"]:
        yield Finding("wrong", reason, "see docs/OPERATIONS.md#health")
    if not health["reasons"]:
        yield Finding("ok", f"the gateway is healthy, with {health['active_subscriptions']} subscriptions")
    if state.read_guard(settings.var_dir) is None:  # of one that has fallen silent health tells
        do = "`supervisorctl status guard:guard_00`, then var/log/guard_00.log"
        yield Finding("wrong", "the guard has not reported yet: deaths are not told, and whoever hangs is not started anew", do)


#: Name → the check.
CHECKS: dict[str, Callable[[Settings], Findings]] = {
    "folder": folder,
    "database": database,
    "broker": broker,
    "queues": arguments,
    "exchange": exchange,
    "credentials": credentials,
    "streams": streams,
    "gateway": gateway,
}
