"""Occurrences: what a process of ours tells consumers of itself, as `system` events; and the gaps that some of them open and close."""

from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import uuid4

from gateway.models import Event

#: What happened: every word that a process of ours tells.
Kind: TypeAlias = Literal[
    "connected",  # a session came online for the first time
    "disconnected",  # it was lost
    "reconnected",  # it came online again
    "subscribed",  # a topic is held
    "refused",  # the exchange, or a connection's limit, says no
    "stalled",  # a topic has been silent for longer than it should
    "gap",  # something may be missing
    "overflow",  # public events found no room
    "unread",  # messages wait in a queue, and nobody reads it
    "recovered",  # a gap is over
    "expired",  # the lease of a subscription ran out
    "dead_letter",  # a record could not be read
    "died",  # a process of the gateway ended by itself
    "fatal",  # supervisord starts it no more
    "stuck",  # a process hung, and is ended to be started anew
]

#: Why something may be missing. One row of the table `gaps` has one of them.
Cause: TypeAlias = Literal[
    "disconnected",  # the connection was away
    "restarted",  # the process was away
    "overflow",  # public events found no room
    "hole",  # a book or ticker does not follow on what came before
    "stalled",  # a topic was silent for longer than its cadence allows
    "unacknowledged",  # a topic's acknowledgement did not come
    "disk_full",  # what was read could not be kept
    "damaged",  # what was kept on disk cannot be read any more
    "queue_missing",  # a queue or binding was found missing at the broker
    "missed",  # REST told what the healthy stream had not
]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that may be missing. Told when it opens and again when it closes, by the same id; the last telling holds.

    id         of its row in the table `gaps`
    from_ms    what came until then has arrived; Unix milliseconds
    to_ms      what came since then arrives again; None: it is open
    recovered  None while it is open; whether all that the exchange still tells of the time between was fetched
    """

    id: str
    cause: Cause
    from_ms: int
    to_ms: int | None = None
    recovered: bool | None = None


def new_gap_id() -> str:
    return str(uuid4())


def occurrence(
    kind: Kind,
    *,
    identity: str,
    endpoint: str,
    worker: str,
    now_ms: int,
    category: str | None = None,
    topic: str | None = None,
    detail: str | None = None,
    gap: Gap | None = None,
) -> Event:
    """A `system` event.

    identity  the same only for what may be told again
    endpoint  of the exchange, or the process's program
    """
    return Event(
        event_type="system",
        category=category,
        symbol=None,
        topic="system",
        timestamp_ms=now_ms,
        identity=identity,
        payload={
            "kind": kind,
            "endpoint": endpoint,
            "worker": worker,
            "topic": topic,
            "gap_id": gap.id if gap else None,
            "detail": detail,
            "cause": gap.cause if gap else None,
            "from": gap.from_ms if gap else None,
            "to": gap.to_ms if gap else None,
            "recovered": gap.recovered if gap else None,
        },
        source="derived",
    )
