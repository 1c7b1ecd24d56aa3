"""Rates: how many a second since they were last read."""

from cli.rates import Rates, line
from gateway.consumer import Received


def event(kind: str, category: str | None, missing: int = 0) -> Received:
    return Received({"event_type": kind, "category": category}, missing)


def test_rates_are_of_the_time_since_they_were_read_and_begin_anew() -> None:
    rates = Rates(10.0)
    for _ in range(30):
        rates.add(event("trade", "spot"))
    rates.add(event("system", None, missing=2))
    told = rates.read(12.0)
    assert told == {"all": 15.5, "trade spot": 15.0, "system -": 0.5, "missing": 2}
    assert line(told) == "all 15.5/s   trade spot 15/s   system - 0.5/s   2 missing"
    assert rates.read(13.0) == {"all": 0.0, "missing": 0}
