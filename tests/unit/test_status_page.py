"""The table of `ws-gateway status`: what a person reads first and last."""

from typing import Any

from rich.console import Console

from cli.latency import Latency
from cli.status import page
from gateway.errors import RequestError
from gateway.health.health import health
from gateway.health.words import QueueState
from gateway.metrics.scrape import scrape
from tests.scraping import NOW_MS, known, router, worker


class Refusing:
    """In the place of the API: without a key it shows health alone."""

    def read(self, *_asked: Any, **_given: Any) -> Any:
        raise RequestError("found no key; expected one", code="AUTHENTICATION_FAILED", status=401)

    def text(self, _path: str) -> str:
        return scrape(known(worker()), None, ())


def lines(**words: Any) -> list[str]:
    """Of a gateway whose router says so."""
    _, body = health(known(worker(), router=router(queues_ms=NOW_MS, **words)))
    console = Console(width=200, force_terminal=True, color_system="truecolor")
    with console.capture() as shown:
        console.print(page(Refusing(), body, Latency()))  # type: ignore[arg-type] # all that it asks of a client
    return shown.get().splitlines()


def test_an_alarm_stands_at_the_top_and_a_hint_is_dim_and_last() -> None:
    queues = {"ws-gateway.trade": QueueState(95, 0, fill=0.95, level=0.95)}
    shown = lines(queues=queues, hint="found 3 class queues with messages")
    alarm = next(place for place, line in enumerate(shown) if "95% of its limits" in line)
    table = next(place for place, line in enumerate(shown) if "read by" in line)
    assert alarm < table < len(shown) - 1
    assert shown[-1] == "\x1b[2mfound 3 class queues with messages\x1b[0m"
    assert not any("found 3" in line for line in shown[:-1])


def test_where_there_is_no_hint_the_queues_are_the_last() -> None:
    assert "ws-gateway.trade" in lines(queues={"ws-gateway.trade": QueueState(95, 0)})[-1]
