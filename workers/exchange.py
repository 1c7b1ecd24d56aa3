"""A worker process: settings in, a worker out. `python -m workers.exchange ENDPOINT NUMBER PROCESSES [FIRST LAST]`."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from gateway import config, log
from gateway.backoff import Backoff, cap_for
from gateway.bus.bus import BusSender
from gateway.bus.curve import Keys, keys_of
from gateway.bus.far_words import FarWords
from gateway.config import Settings
from gateway.database.tenure import Tenure, host_of
from gateway.disk.dead_letters import DeadLetters
from gateway.disk.memo import Memo
from gateway.disk.spool import Spool, Syncer
from gateway.disk.turn_lock import TurnLock
from gateway.errors import OurFault, SettingError
from gateway.exchange.clock import ExchangeClock
from gateway.exchange.rest import Rest
from gateway.exchange.signed import SignedRest
from gateway.exchange.signing import signer
from gateway.health import absence, state
from gateway.health.report import Reporter
from gateway.health.words import WorkerState
from gateway.metrics.tally import NS, Tally
from gateway.protocol.endpoints import ENDPOINTS, Endpoint
from gateway.protocol.session import Credentials
from gateway.wire import Stamp
from workers.book_fetcher import BookFetcher
from workers.books import Books
from workers.catalog_reader import CatalogReader
from workers.connects import ConnectBudget
from workers.delivery import Delivery
from workers.diagnosing import Diagnosis
from workers.gaps import Gaps, OpenGap
from workers.journal import Journal
from workers.layout import Layout
from workers.link import Link
from workers.maintenance import announced
from workers.outside import Outside
from workers.route import Route
from workers.slots import Slot
from workers.tap import Tap
from workers.wanted import WantedReader, Wishes
from workers.wiring import catchup_of, rest_of
from workers.worker import Worker


def build(settings: Settings, endpoint: Endpoint, slot: Slot) -> Worker:
    """Wire the parts of one process from the settings."""
    name = slot.name
    started_ms = time.time_ns() // 1_000_000
    private = endpoint.authenticates
    wanted = WantedReader(
        settings.database_url,
        name=name,
        endpoint=endpoint.name,
        mine=lambda topic: private or slot.owner(topic) == slot.number,
        poll_s=settings.poll_seconds,
        memo=Memo(settings.var_dir / "wishes" / f"{name}.json", Wishes),
        tenure=_tenure(settings, slot),
    )
    stamp = Stamp(worker=name, account=settings.account, include_raw=settings.include_raw, started_ms=started_ms)
    keys = keys_of(settings.bus_key, settings.bus_router_key)
    sender = BusSender(settings.bus_address, f"{name}-{started_ms}-{os.getpid()}".encode(), keys=keys)
    own = endpoint.name if private else name  # whoever has the turn goes on with what the one before left
    spool = Spool(settings.var_dir / "journal" / own, max_bytes=settings.spool_max_bytes)
    rest = rest_of(settings, private=private)
    credentials = Credentials(settings.api_key, signer(settings.api_secret)) if private and settings.has_credentials else None
    clock = ExchangeClock(rest.server_time_ms, worker=name)
    signed = SignedRest(rest, credentials, clock) if credentials is not None else None
    fetcher = BookFetcher(rest, category=endpoint.category or "", worker=name, wake=wanted.wake)
    before = state.read_worker(settings.var_dir, name)

    def siblings() -> list[WorkerState]:
        return state.read_siblings(settings.var_dir, endpoint.name, slot.number, slot.processes)

    delivery = Delivery(
        name,
        endpoint,
        stamp,
        sender,
        DeadLetters(settings.var_dir, name),
        Books(endpoint.category, fetcher),
        continuity=settings.book_continuity,
        journal=Journal(spool),
        gaps=Gaps(is_judged=signed is not None),
        memo=Memo(settings.var_dir / "gaps" / f"{own}.json", list[OpenGap]),
        tally=tally_of(before, siblings() if private else [], started_ms),
    )
    tap = Tap(settings.var_dir, worker=name, endpoint=endpoint.name, epoch=stamp.epoch)
    route = Route(settings.websocket_base(private=private) + endpoint.path, settings.ca_file, settings.proxy)
    link = Link(
        endpoint,
        route,
        credentials=credentials,
        delivery=delivery,
        backoff=Backoff(cap_for(max(slot.processes, len(ENDPOINTS))), random.random),
        outside=Outside(
            clock=clock,
            budget=connects_of(settings, route, private=private),
            maintenance=lambda: announced(settings.var_dir, time.time_ns() // 1_000_000),
            diagnosis=Diagnosis(signed, worker=name, wake=wanted.wake) if signed is not None else None,
            tap=tap,
        ),
        wake=wanted.wake,
        catchup=catchup_of(settings, endpoint, rest, signed, delivery, wake=wanted.wake),
    )
    link.intake.last_frame_ms = before.last_frame_ms if before is not None else None
    first = WorkerState(
        name=name,
        endpoint=endpoint.name,
        pid=os.getpid(),
        written_ms=0,
        started_ms=started_ms,
        connection_status="idle",
        processes=slot.processes,
        last_frame_ms=link.intake.last_frame_ms,
        counted=delivery.tally.counted,
        absence=absence.absence_after(before),
    )
    return Worker(
        name=name,
        endpoint=endpoint,
        slot=slot,
        started_ms=started_ms,
        wanted=wanted,
        link=link,
        delivery=delivery,
        reporter=Reporter(settings.var_dir, first, far=_far(settings, name, keys)),
        lock=TurnLock(settings.var_dir / f"{own}.lock"),
        layout=Layout(settings.var_dir, slot, settings.spool_max_bytes) if not private else None,
        has_credentials=settings.has_credentials,
        disabled=_disabled(settings, endpoint),
        catalog=_catalog(settings, endpoint, rest, name) if endpoint.category is not None and slot.number == 0 else None,
        before=before,
        syncer=Syncer([spool]),
        tap=tap,
        siblings=siblings,
    )


def tally_of(before: WorkerState | None, stand_ins: Iterable[WorkerState], started_ms: int) -> Tally:
    """It goes on. A process that ended without a word, and had work, was offline until now, or until another one did its work.

    stand_ins: the last words of the processes that may have done it
    """
    if before is None:
        return Tally()
    tally = Tally(before.counted)
    if absence.absence_after(before) is not None:
        worked = (each for each in stand_ins if each.written_ms > before.written_ms and each.connection_status != "standby")
        until_ms = min((each.started_ms for each in worked), default=started_ms)
        tally.counter("ws_gateway_work_seconds_total")[""] += max(0, min(until_ms, started_ms) - before.written_ms) * NS // 1000
    return tally


def _tenure(settings: Settings, slot: Slot) -> Tenure | None:
    """Where there may be other machines."""
    if not settings.bus_url:
        return None
    memo = Memo(settings.var_dir / "tenures" / f"{slot.name}.json", bool)
    return Tenure(host_of(settings.var_dir), slot.endpoint, slot.number, slot.processes, memo)


def _far(settings: Settings, name: str, keys: Keys | None) -> Callable[[], FarWords] | None:
    """The router may be on another machine."""
    if not settings.bus_url:
        return None
    return lambda: FarWords(settings.bus_address, name, host_of(settings.var_dir).id, keys)


def connects_of(settings: Settings, route: Route, *, private: bool) -> ConnectBudget:
    """What all processes of the host may connect to this exchange together."""
    return ConnectBudget(settings.var_dir / "connects" / (urlsplit(route.url).hostname or ""), private=private)


def _disabled(settings: Settings, endpoint: Endpoint) -> str | None:
    """Of wishes that were made before; the API takes none now."""
    if endpoint.category is None or endpoint.category in settings.enabled_categories:
        return None
    return f"category {endpoint.category!r} is disabled; expected one of {', '.join(settings.enabled_categories)}"


def _catalog(settings: Settings, endpoint: Endpoint, rest: Rest, name: str) -> CatalogReader:
    category = endpoint.category or ""
    return CatalogReader(
        settings.database_url,
        name=name,
        category=category,
        read=lambda coins: rest.instruments(category, base_coins=coins),
        coins=settings.option_base_coins,
    )


def slot_of(arguments: Sequence[str]) -> Slot:
    """Which process of which endpoint this is: ENDPOINT NUMBER PROCESSES, and the first and last number of this host's, if not all are."""
    usage = (
        f"expected ENDPOINT NUMBER PROCESSES [FIRST LAST], with an endpoint out of {', '.join(ENDPOINTS)}"
        f" and FIRST to LAST the numbers of this host, NUMBER among them; found {list(arguments)}"
    )
    name, *figures = arguments or [""]
    if name not in ENDPOINTS or len(figures) not in (2, 4) or not all(text.isascii() and text.isdigit() for text in figures):
        raise SettingError(usage)
    number, processes, *of_host = map(int, figures)
    first, last = of_host or (0, processes - 1)
    if not first <= number <= last < processes:
        raise SettingError(usage)
    return Slot(name, number, processes, range(first, last + 1))


def main(arguments: Sequence[str]) -> int:
    """Run one worker until SIGTERM, or until a part of it is dead; the exit code."""
    try:
        slot = slot_of(arguments)
        settings = config.load()
        config.require(settings, "DATABASE_URL")
        log.setup(slot.name, settings.log_level)
        worker = build(settings, ENDPOINTS[slot.endpoint], slot)
    except OurFault as fault:
        print(fault, file=sys.stderr)  # noqa: T201 # one sentence, for whoever started it
        return 2

    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_signal: worker.stop())
    return worker.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
