"""`system`: the gateway itself tells; no topic of the exchange."""

from functools import partial

from gateway.protocol.fields import Fields, Kind, ours, several

FIELDS = Fields(named=several(partial(ours, kind=Kind.TEXT), "kind", "endpoint", "worker", "topic", "gap_id", "detail"))
