"""`ws-gateway status --slo`: the specification's success measures, a line each."""

import sys

from rich.console import Console
from rich.table import Table

from cli.client import Client
from gateway.metrics import text
from gateway.metrics.table import METRICS


def show(client: Client) -> None:
    """Ends with 0 when none is missed, 1 when one is."""
    found = text.plain(client.text("/metrics"))
    table = Table("measure", "share of", "target", "found", "")
    is_missed = False
    for metric in METRICS:
        if metric.target is None:
            continue
        share = found.get(metric.name)
        word = "nothing measured" if share is None else "met" if share >= metric.target else "[red]missed[/]"
        is_missed = is_missed or (share is not None and share < metric.target)
        name = metric.name.removeprefix("ws_gateway_slo_").removesuffix("_ratio")
        what = metric.meaning.removeprefix("Share of ").partition(";")[0]
        table.add_row(name, what, f"{metric.target:.1%}", "-" if share is None else f"{share:.3%}", word)
    Console().print(table)
    sys.exit(1 if is_missed else 0)
