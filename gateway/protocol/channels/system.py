"""`system`: the gateway itself tells; no topic of the exchange."""

from functools import partial

from gateway.protocol.channels.channel import About
from gateway.protocol.fields import Fields, Kind, ours, several

_said = partial(ours, kind=Kind.TEXT)

FIELDS = Fields(
    named=(
        *several(partial(_said, must=True), "kind", "endpoint", "worker"),
        *several(_said, "topic", "gap_id", "detail", "cause"),
        ours("from", Kind.TIME),
        ours("to", Kind.TIME),
        ours("recovered", Kind.FLAG),
    )
)

ABOUT = About(
    what="something that the gateway itself tells",
    identity="the process's epoch and a counter",
    so="never the same, but for damage that is found again",
)
