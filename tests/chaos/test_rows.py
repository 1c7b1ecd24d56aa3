"""Each row of the table of faults: the gateway is put to it, and the judge looks at what came of it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.breakable import Broker, Store
from tests.chaos.completeness import lacks, stored_lacks
from tests.chaos.figures import audit, measure
from tests.chaos.judging import Held, Verdict, judge, without_repeats
from tests.chaos.results import Result, keep
from tests.chaos.rows import ROWS, Row
from tests.chaos.stage import Stage, stage
from tests.integration.running import ROOT

#: Where the results of the long forms are kept.
KEPT = ROOT / "docs" / "chaos"
#: After the trouble the exchange goes on for this long; seconds.
AFTER_S = 4.0
#: Between two looks at what is still missing; seconds.
LOOK_S = 1.0

STORED = "select event_id, coin, wallet_balance, event_timestamp, received_at from account_balances"


def held(built: Stage) -> Held:
    """All there is to judge, now that the exchange stands still."""
    built.ledger.read()
    return Held(
        told=built.ledger.told,
        trades=built.ledger.trades,
        candles=built.rest.candles(int(built.paused_at * 1000) - 1000),
        messages=built.recording.read(),
        account=built.rest.account(),
        first_wallet=built.first_wallet,
        stored=built.rows(STORED),
        gaps=gaps(built),
        ended=built.ended,
        shared=frozenset(built.class_queues.values()),
    )


def gaps(built: Stage) -> list[dict[str, Any]]:
    """Those that began before the exchange stood still: what stalls since then is our own doing."""
    return [gap for gap in built.gaps() if gap["from_at"].timestamp() < built.paused_at - 1.0]


def settle(built: Stage, patience_s: float) -> None:
    """Let the exchange go on, then stand still, until the account is complete and all gaps are closed, or patience ends."""
    built.pass_time(AFTER_S)
    built.simulator.pause(on=True)
    built.paused_at = time.time()
    account, look_at = built.rest.account(), 0.0

    def complete() -> bool:
        nonlocal look_at
        if time.monotonic() < look_at or not built.is_quiet():
            return False
        look_at = time.monotonic() + LOOK_S
        firsts = without_repeats(built.recording.read())
        if lacks(account, firsts, built.first_wallet) or stored_lacks(account, firsts, built.rows(STORED)):
            return False
        return all(gap["to_at"] for gap in gaps(built))

    built.until(complete, patience_s)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name, marks=[pytest.mark.slice] if row.in_slice else []) for row in ROWS])
def test_nothing_is_lost_and_nothing_is_hidden(
    row: Row, tmp_path: Path, chaos_broker: Broker, chaos_store: Store, hosts: Iterator[str], is_long: bool, seed: int
) -> None:
    given = row.long if is_long else row.short
    print(f"\n{row.name} {given} seed {seed}")  # noqa: T201 # whoever repeats a run needs it
    try:
        with stage(
            tmp_path, chaos_broker, chaos_store, host=next(hosts), seed=seed, settings=row.settings, processes=row.processes,
            small_disk=row.small_disk,
        ) as built:  # fmt: skip
            row.act(built, **given)
            settle(built, row.patience_s)
            evidence = held(built)
            found = judge(evidence)
            figures = measure(evidence.messages, built.samples, built.faults) | built.figures
            figures |= announced_per_ending(found) if built.ended else {}
            figures |= audit(evidence.messages, built.ledger.withheld, evidence.account)
            wrong = found.wrong(row.may_announce, row.must_tell, row.may_tell)
            wrong += exceeded(figures, row.within if is_long else {**row.within, **row.within_short})
    finally:
        chaos_broker.heal()
        chaos_store.heal()
    result = result_of(row, seed, given, found, figures, wrong)
    print(result)  # noqa: T201 # the figures of a run that failed are worth reading
    if is_long:
        keep(KEPT, result, [row.name for row in ROWS])
    assert not wrong, "\n".join([f"seed {seed}", *wrong])


def exceeded(figures: dict[str, float], within: dict[str, float]) -> list[str]:
    return [
        f"{name}: found {figures.get(name)}; expected at most {most:g}"
        for name, most in within.items()
        if not figures.get(name, most + 1) <= most
    ]


def announced_per_ending(found: Verdict) -> dict[str, float]:
    """The most that one end of a process is an excuse for."""
    return {"announced_per_ending": float(max(found.by_ending.values(), default=0))}


def result_of(row: Row, seed: int, given: dict[str, object], found: Verdict, figures: dict[str, float], wrong: list[str]) -> Result:
    return Result(
        row.name, row.words, seed, given, found.sent, found.arrived, dict(found.announced), found.repeats, dict(found.causes), figures,
        row.within, wrong,
    )  # fmt: skip
