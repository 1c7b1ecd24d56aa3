"""What each process says of itself every second, for health to read: one class a process, and what these consist of."""

from typing import Literal

import msgspec

from gateway.breaker import Word
from gateway.metrics.tally import Counted
from gateway.occurrences import Gap

#: A state older than this speaks of a process that is gone or stuck; seconds. Written every second; five misses are no hiccup.
STALE_S = 5.0

ConnectionStatus = Literal[
    "idle", "connecting", "authenticating", "subscribing", "connected", "reconnecting", "auth_failed", "standby"
]


class Words(msgspec.Struct):
    """What the file of any process says: whose it is, and when it was renewed; Unix milliseconds."""

    name: str
    pid: int
    written_ms: int


class TopicState(msgspec.Struct):
    """One wanted topic: requested, acknowledged, live, stalled or refused, and the exchange's words where it refused.

    sequence  of its newest event, within that event's routing key and the process's epoch
    """

    state: str
    last_error: str | None = None
    last_event_ms: int | None = None
    sequence: int | None = None


class Absence(msgspec.Struct, frozen=True):
    """Nobody has done a process's work since then, and nobody was told.

    since_ms  what was received until then is the router's, or on disk
    """

    since_ms: int
    topics: list[str]


class WorkerState(Words, kw_only=True):
    """A worker's words about its one connection.

    processes                how many share the endpoint's topics, as this one was started with
    processes_needed         how many the limits ask for
    written_ms               Unix milliseconds; also `last_heartbeat_at` of health
    wanted                   how many topics it should hold
    trouble_since_ms         since when it has work and is not connected with all topics; None: no trouble
    last_frame_ms            when the last frame of any kind arrived
    last_error               the newest reason of a disconnect or refusal
    active_subscriptions     topics acknowledged on the wire
    repeated                 events that the stream told late: REST had told them, or something newer
    stale                    changes of whole books that were in them already
    unacknowledged           records that the router has not acknowledged, those that wait too
    unacknowledged_batches   under way to the router
    missed                   facts of the account that only an audit over REST told: the stream looked healthy and did not
    journal_messages         records in its journal on disk, which nobody else has yet
    journal_bytes            what they take there
    journal_error            why what was read cannot be kept; None: it can
    breaker                  open: the exchange stays away, and nobody tries just now
    delivered_ms             what was received until then has reached the router, or is on disk
    maintenance              what the exchange says it is doing to itself just now
    has_ended                these are its last words: it was told to stop
    absence                  that it has found, and not told yet
    gaps_open                how many gaps have begun and not ended
    counted                  for GET /metrics; it goes on from run to run
    topics                   by the exchange's topic
    """

    endpoint: str
    started_ms: int
    connection_status: ConnectionStatus
    processes: int = 1
    processes_needed: int = 1
    connected_since_ms: int | None = None
    trouble_since_ms: int | None = None
    last_frame_ms: int | None = None
    reconnection_count: int = 0
    last_error: str | None = None
    wanted: int = 0
    active_subscriptions: int = 0
    events: int = 0
    dropped: int = 0
    repeated: int = 0
    stale: int = 0
    unknown: int = 0
    unknown_fields: int = 0
    unacknowledged: int = 0
    missed: int = 0
    journal_messages: int = 0
    journal_bytes: int = 0
    clock_skew_ms: int | None = None
    missing_credentials: bool = False
    journal_error: str | None = None
    breaker: Word = "closed"
    delivered_ms: int | None = None
    maintenance: str | None = None
    has_ended: bool = False
    absence: Absence | None = None
    unacknowledged_batches: int = 0
    gaps_open: int = 0
    counted: Counted = msgspec.field(default_factory=Counted)
    topics: dict[str, TopicState] = msgspec.field(default_factory=dict)


class LaneState(msgspec.Struct, kw_only=True):
    """A lane's words: connected says that its sink answered within the last seconds.

    checked_ms      when the sink last answered
    waiting         records not yet settled, in memory and on disk
    written         settled since the start
    returned        messages that no queue wanted
    nacked          refused by the broker, and published again
    spool_messages  records on disk
    spool_bytes     what they take there
    full            why nothing more is taken; None: all is well
    unread          why what is on disk cannot be read; None: it can
    full_gap        the gap that is open because nothing more is taken
    blocked_ms      since when its sink, which is there, takes nothing; None: it does
    blocked         why, in the sink's words
    oldest_ms       since when the oldest record is here that is not settled; None: there is none
    """

    connected: bool
    checked_ms: int
    waiting: int = 0
    written: int = 0
    returned: int = 0
    nacked: int = 0
    reconnects: int = 0
    last_error: str | None = None
    spool_messages: int = 0
    spool_bytes: int = 0
    full: str | None = None
    unread: str | None = None
    full_gap: Gap | None = None
    blocked_ms: int | None = None
    blocked: str | None = None
    oldest_ms: int | None = None


class QueueState(msgspec.Struct):
    """One queue, as the broker said it; times are Unix milliseconds.

    oldest_ms  the time of its oldest message's fact; None: nobody says
    since_ms   since when it is not empty; None: it is
    fill       the fullest of length, bytes and age against its limits, at most 1; None: it has no limit, or nobody knows it
    level      the share of its limits that was last told to be reached; 0: none, or nobody wants it
    read_ms    when somebody was last seen reading; None: nobody ever was
    unread_ms  since when messages wait and nobody reads
    is_unread  that was told
    is_class   its consumers share all events of a class; else it is one service's own
    """

    messages: int
    consumers: int
    oldest_ms: int | None = None
    since_ms: int | None = None
    fill: float | None = None
    level: float = 0.0
    read_ms: int | None = None
    unread_ms: int | None = None
    is_unread: bool = False
    is_class: bool = False


class RouterState(Words, kw_only=True):
    """The router's words: its lanes, the queues, and how many subscriptions are active in PostgreSQL.

    queues_ms    when the queues were looked at
    hint         for a person: class queues that nobody wants
    standing_by  processes of other machines that do, in words
    counted      for GET /metrics; it goes on from run to run
    """

    started_ms: int
    lanes: dict[str, LaneState] = msgspec.field(default_factory=dict)
    queues: dict[str, QueueState] = msgspec.field(default_factory=dict)
    queues_ms: int = 0
    hint: str | None = None
    standing_by: list[str] = msgspec.field(default_factory=list)
    active_subscriptions: int | None = None
    events: int = 0
    counted: Counted = msgspec.field(default_factory=Counted)


class ApiState(Words, kw_only=True):
    """The control API's words: its master process lives."""

    started_ms: int


class RequestsState(Words, kw_only=True):
    """What was asked of one of the API's processes. The next process that takes its number goes on with it."""

    started_ms: int
    counted: Counted = msgspec.field(default_factory=Counted)


class GuardState(Words, kw_only=True):
    """The guard's words: what it has told since it began, and how many of these records the router does not have yet."""

    started_ms: int
    deaths: int = 0
    stuck: int = 0
    unsent: int = 0


State = WorkerState | RouterState | ApiState | RequestsState | GuardState


def is_fresh(words: Words, now_ms: int) -> bool:
    """Whether its process still speaks."""
    return now_ms - words.written_ms <= STALE_S * 1000
