"""The stages of the hot path one by one, as `make bench-check` has them, among the results."""

from bench import ratios
from bench.peers import environments
from bench.scenarios import Bench
from tests.peers.environment import PeersMissing


def stages(bench: Bench) -> None:
    """Each stage of the hot path alone, with pytest-benchmark."""
    try:
        python = environments.python("tools")
    except PeersMissing as fault:
        bench.found.note("stages", f"not measured: {fault}")
        return
    runs = [ratios.judge(ratios.measured(python)) for _ in range(bench.repeats)]
    for each in zip(*runs, strict=True):
        bench.tell(f"stage.{each[0].ratio.stage}", *(judged.us for judged in each))
        bench.tell(f"references.{each[0].ratio.stage}", *(judged.found for judged in each))
