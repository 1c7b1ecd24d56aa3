"""What GET /metrics would answer, of states that a test makes."""

from collections.abc import Callable, Iterable
from typing import Any

from gateway.health.known import Known
from gateway.health.words import RouterState, WorkerState
from gateway.metrics.scrape import scrape
from gateway.metrics.tally import Counted, Tally
from tests.moving import Meter

NOW_MS = 1_782_864_000_000


def worker(name: str = "linear_00", **words: Any) -> WorkerState:
    given = {"pid": 1, "written_ms": NOW_MS, "started_ms": NOW_MS - 60_000, "connection_status": "idle"}
    return WorkerState(name=name, endpoint=name[:-3], **{**given, **words})


def router(tally: Tally | None = None, **words: Any) -> RouterState:
    counted = tally.counted if tally is not None else Counted()
    given = {"pid": 1, "written_ms": NOW_MS, "started_ms": NOW_MS - 60_000, "counted": counted}
    return RouterState(name="router_00", **{**given, **words})


def known(*workers: WorkerState, router: RouterState | None = None, now_ms: int = NOW_MS, version: str = "1") -> Known:
    return Known({words.name: words for words in workers}, router, now_ms, "simulator", version, spool_max_bytes=1000)


def meter(read: Callable[[], Known], requests: Callable[[], Iterable[Counted]] = tuple) -> Meter:
    """read: what is known when somebody scrapes; requests: what the API's processes counted."""
    return Meter(lambda: scrape(read(), None, requests()))
