"""The drill on one stage: each fault is made once its alerts are quiet, and what Prometheus remembers of them is looked at in the end."""

import time
from collections.abc import Iterable, Mapping

from tests.chaos.drill.quick_rules import HURRY
from tests.chaos.drill.results import Outcome, Span, outcome
from tests.chaos.drill.rows import ALERTS, Alert, Fault
from tests.chaos.drill.watch import Firing, Watch
from tests.chaos.stage import Stage

#: Before the first fault nothing may have fired for so long, within so long; seconds. A rule in a hurry takes a quarter of a second in which
#: the machine did something else for a slow delivery, where the committed one takes three.
CALM_S, CALM_WITHIN_S = 20.0, 120.0
#: An alert fires within this after its fault; one that shows later, after the last of all; seconds. What was missed is found within a minute.
FIRES_S, FIRES_LATER_S = 25.0, 80.0
#: An alert is quiet again within this: the rules' hour, and what it takes to look; seconds.
QUIET_S = 3600 / HURRY + 30.0


class Drill:
    """Of one stage that is watched."""

    def __init__(self, stage: Stage, watch: Watch) -> None:
        self._stage = stage
        self._watch = watch
        self._spans: dict[str, Span] = {}

    def calm(self) -> list[Firing]:
        """Alerts of a gateway that is well; none once nothing has fired for a while."""
        self._stage.pass_time(CALM_S)
        told(f"calm, but for {[firing.alert for firing in self._watch.firings()]}")
        is_calm = self._watch.until(lambda firings: not _lately(firings), CALM_WITHIN_S)
        return [] if is_calm else _lately(self._watch.firings())

    def make(self, name: str, fault: Fault) -> None:
        """One fault, and wait for its alerts. Fails where one of them fires before."""
        mine = _of(name)
        is_quiet = self._watch.until(lambda firings: not _loud(mine, firings), QUIET_S)
        assert is_quiet, f"{_loud(mine, self._watch.firings())} before {name}"
        told(f"{name}: {fault.words}")
        before = len(self._stage.faults)
        fault.act(self._stage, **fault.given)
        troubles = self._stage.faults[before:]
        self._spans[name] = Span(troubles[0][0] / 1e9, troubles[-1][1] / 1e9)
        if not fault.shows_later:
            self._watch.until(lambda firings: _have_fired(self._outcomes(mine, firings)), FIRES_S)
        for each in self._outcomes(mine, self._watch.firings()):
            told(f"  {each}")

    def settle(self) -> list[Outcome]:
        """Wait until all that was to fire has fired and is quiet again, or patience ends."""
        mine = [alert for name in self._spans for alert in _of(name)]
        self._watch.until(lambda firings: _have_fired(self._outcomes(mine, firings)), FIRES_LATER_S)
        self._watch.until(lambda firings: all(each.quiet_s is not None for each in self._outcomes(mine, firings)), QUIET_S)
        found = self._outcomes(mine, self._watch.firings())
        for each in found:
            told(f"  {each}")
        return found

    def _outcomes(self, alerts: Iterable[Alert], firings: list[Firing]) -> list[Outcome]:
        return [outcome(alert, self._spans[alert.fault], firings) for alert in alerts]


def drill(stage: Stage, watch: Watch, faults: Mapping[str, Fault]) -> list[Outcome]:
    """What came of each alert of these faults. Fails where the gateway is not well before them."""
    made = Drill(stage, watch)
    unfounded = made.calm()
    assert not unfounded, f"a gateway that is well fires {unfounded}"
    for name, fault in faults.items():
        made.make(name, fault)
    return made.settle()


def told(text: str) -> None:
    """To whoever waits for a quarter of an hour."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201 # that is what it is for


def _of(fault: str) -> list[Alert]:
    return [alert for alert in ALERTS if alert.fault == fault]


def _have_fired(found: Iterable[Outcome]) -> bool:
    return all(each.fired_s is not None for each in found)


def _lately(firings: list[Firing]) -> list[Firing]:
    return [firing for firing in firings if firing.ended is None or time.time() - firing.ended < CALM_S]


def _loud(alerts: list[Alert], firings: list[Firing]) -> list[str]:
    """Those of them that fire now."""
    now = [firing for firing in firings if firing.ended is None]
    return [alert.name for alert in alerts if any(firing.is_of(alert.name, alert.labels) for firing in now)]
