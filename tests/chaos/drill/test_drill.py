"""Each alert of rules.yml is seen firing on its fault, in a real gateway that a real Prometheus watches: `make alarms`."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.breakable import Broker, Store
from tests.chaos.drill.quick_rules import HURRY, quick
from tests.chaos.drill.results import KEPT, Outcome, Span, outcome, page
from tests.chaos.drill.rows import ALERTS, FAULTS, STAGES, Alert, Fault
from tests.chaos.drill.watch import Firing, Watch
from tests.chaos.stage import Stage, stage
from tests.deploy import documents
from tests.deploy.prometheus import Prometheus

#: Before the first fault nothing may fire for so long; seconds. The shorter ranges of the rules are full by then.
CALM_S = 20.0
#: An alert fires within this after its fault, or where that shows later: after the last one; seconds. An audit a minute finds what was missed.
FIRES_S, FIRES_LATER_S = 25.0, 80.0
#: An alert is quiet again within this: the rules' hour, and what it takes to look; seconds.
QUIET_S = 3600 / HURRY + 30.0


@pytest.fixture(scope="module")
def chosen() -> dict[str, Fault]:
    """All faults, or those that FAULT names."""
    names = os.environ.get("FAULT")
    return {name: FAULTS[name] for name in names.split(",")} if names else FAULTS


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Outcome]]:
    """By alert. A table that is whole is kept."""
    found: dict[str, Outcome] = {}
    yield found
    if found.keys() == {alert.name for alert in ALERTS}:
        KEPT.write_text(page(found[alert.name] for alert in ALERTS))


@pytest.mark.alarms
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("where", STAGES)
def test_every_alert_fires_on_its_fault_and_is_quiet_before_and_after(
    where: str, tmp_path: Path, chaos_broker: Broker, chaos_store: Store, hosts: Iterator[str], seed: int,
    chosen: dict[str, Fault], outcomes: dict[str, Outcome],
) -> None:  # fmt: skip
    made = {name: fault for name, fault in chosen.items() if fault.stage == where}
    told(f"stage {where}, seed {seed}")
    with stage(
        tmp_path, chaos_broker, chaos_store, host=next(hosts), seed=seed, settings=STAGES[where], processes={}, small_disk=False
    ) as built:
        (tmp_path / "prometheus").mkdir()
        rules = tmp_path / "rules.yml"
        rules.write_text(quick(documents.RULES.read_text()))
        with Prometheus(tmp_path / "prometheus", {"gateway": f"127.0.0.1:{built.gateway.port}"}, rules=rules) as prometheus:
            watch = Watch(prometheus, time.time())
            built.pass_time(CALM_S)
            assert not watch.firings(), "alerts of a healthy gateway"
            found = drill(built, watch, made)
    outcomes |= {each.alert.name: each for each in found}
    wrong = [sentence for each in found for sentence in each.wrong()]
    assert not wrong, "\n".join([f"seed {seed}", *wrong])


def drill(built: Stage, watch: Watch, made: dict[str, Fault]) -> list[Outcome]:
    """Make each fault; then wait until all alerts are quiet again."""
    spans: dict[str, Span] = {}
    for name, fault in made.items():
        mine = alerts_of(name)
        is_quiet = watch.until(lambda firings, mine=mine: not loud(mine, firings), QUIET_S)
        assert is_quiet, f"{loud(mine, watch.firings())} before {name}"
        before = len(built.faults)
        told(f"{name}: {fault.words}")
        fault.act(built, **fault.given)
        troubles = built.faults[before:]
        spans[name] = Span(troubles[0][0] / 1e9, troubles[-1][1] / 1e9)
        if not fault.shows_later:
            watch.until(
                lambda firings, mine=mine, span=spans[name]: all(fired(outcome(each, span, firings)) for each in mine), FIRES_S
            )
        for each in mine:
            told(f"  {outcome(each, spans[name], watch.firings())}")
        told(f"  firing now: {sorted({firing.alert for firing in watch.firings() if firing.ended is None})}")
    all_mine = [each for name in made for each in alerts_of(name)]
    watch.until(lambda firings: all(fired(outcome(each, spans[each.fault], firings)) for each in all_mine), FIRES_LATER_S)
    watch.until(lambda firings: not any(outcome(each, spans[each.fault], firings).wrong() for each in all_mine), QUIET_S)
    firings = watch.firings()
    found = [outcome(each, spans[each.fault], firings) for each in all_mine]
    for each in found:
        told(f"  {each}")
    return found


def alerts_of(fault: str) -> list[Alert]:
    return [alert for alert in ALERTS if alert.fault == fault]


def fired(found: Outcome) -> bool:
    return found.fired_s is not None


def loud(alerts: list[Alert], firings: list[Firing]) -> list[str]:
    """Those of them that fire now."""
    now = [firing for firing in firings if firing.ended is None]
    return [alert.name for alert in alerts if any(firing.is_of(alert.name, alert.labels) for firing in now)]


def told(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201 # whoever waits for a quarter of an hour wants to see where it is
