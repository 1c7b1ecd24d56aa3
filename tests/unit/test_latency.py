"""How late events are, as `status` reads it off histograms."""

from cli.latency import Latency
from gateway.metrics.tally import NS, Tally
from gateway.metrics.text import Sample, samples
from tests.scraping import known, meter, router


def scraped(**seconds: list[float]) -> list[Sample]:
    """What GET /metrics says of deliveries of these event types that took so long."""
    tally = Tally()
    for event_type, spans in seconds.items():
        for span_s in spans:
            tally.histograms("ws_gateway_delivery_seconds")[event_type].observe(round(span_s * NS))
    return samples(meter(lambda: known(router=router(tally))).scrape())


def delivery(latency: Latency, found: list[Sample]) -> tuple[str, ...]:
    [row] = [row[1:] for row in latency.look(found) if row[0] == "socket to RabbitMQ"]
    return row


def test_half_and_99_of_100_are_within_a_bound_whatever_their_type() -> None:
    assert delivery(Latency(), scraped(trade=[0.003] * 60, ticker=[0.04] * 39 + [2.0])) == ("5 ms", "50 ms", "100")
    assert delivery(Latency(), scraped(trade=[0.003] * 60, ticker=[0.04] * 38 + [2.0] * 2)) == ("5 ms", "5 s", "100")


def test_beyond_the_last_bound_and_of_nothing() -> None:
    assert delivery(Latency(), scraped(trade=[400.0])) == ("> 300 s", "> 300 s", "1")
    assert Latency().look(scraped()) == [(way, "-", "-", "0") for way in ("exchange to socket", "socket to RabbitMQ")]


def test_a_further_look_is_at_what_came_since() -> None:
    latency = Latency()
    assert delivery(latency, scraped(trade=[0.003] * 1000)) == ("5 ms", "5 ms", "1000")
    assert latency.span == "since counting began"
    assert delivery(latency, scraped(trade=[0.003] * 1000 + [0.4] * 3)) == ("500 ms", "500 ms", "3")
    assert latency.span == "since the last look"
    assert delivery(latency, scraped(trade=[0.003] * 1000 + [0.4] * 3)) == ("-", "-", "0")
