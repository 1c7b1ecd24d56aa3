"""Each alert of rules.yml is seen firing on its fault, in a whole gateway that a real Prometheus watches: `make alarms`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.breakable import Broker, Store
from tests.chaos.drill.drill import drill, told
from tests.chaos.drill.quick_rules import quick
from tests.chaos.drill.results import keep
from tests.chaos.drill.rows import FAULTS, STAGES, Fault
from tests.chaos.drill.watch import Watch
from tests.chaos.stage import stage
from tests.deploy import documents
from tests.deploy.prometheus import Prometheus
from tests.integration.running import ROOT

#: Where the results are kept.
KEPT = ROOT / "docs" / "chaos"


@pytest.fixture(scope="module")
def chosen() -> dict[str, Fault]:
    """All faults, or those that FAULT names."""
    names = os.environ.get("FAULT")
    return {name: FAULTS[name] for name in names.split(",")} if names else FAULTS


@pytest.mark.alarms
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("where", STAGES)
def test_every_alert_fires_on_its_fault_and_is_quiet_before_and_after(
    where: str, tmp_path: Path, chaos_broker: Broker, chaos_store: Store, hosts: Iterator[str], seed: int,
    chosen: dict[str, Fault],
) -> None:  # fmt: skip
    faults = {name: fault for name, fault in chosen.items() if fault.stage == where}
    if not faults:
        return  # those that were chosen are of the other stage
    told(f"stage {where}, seed {seed}: {', '.join(faults)}")
    rules, folder = tmp_path / "rules.yml", tmp_path / "prometheus"
    rules.write_text(quick(documents.RULES.read_text()))
    folder.mkdir()
    try:
        with (
            stage(
                tmp_path,
                chaos_broker,
                chaos_store,
                host=next(hosts),
                seed=seed,
                settings=STAGES[where],
                processes={},
                small_disk=False,
            ) as built,
            Prometheus(folder, {"gateway": f"127.0.0.1:{built.gateway.port}"}, rules=rules) as prometheus,
        ):
            found = drill(built, Watch.begin(prometheus), faults)
    finally:
        chaos_broker.heal()
        chaos_store.heal()
    keep(KEPT, found)
    wrong = [sentence for each in found for sentence in each.wrong()]
    assert not wrong, "\n".join([f"seed {seed}", *wrong])
