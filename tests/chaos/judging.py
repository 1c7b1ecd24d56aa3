"""The judge: what the exchange told and knows, against what an independent consumer and PostgreSQL hold. Pure: all is given.

lost        a fact was sent over a connection of the gateway's, or a trade was made, did not arrive, and no row of `gaps` speaks of it
announced   the same, but a row of `gaps` covers its topic and time
untold      a row of `gaps` that is not closed, or that no `system` event and no first event after it speaks of
missing     an execution, a final state, a balance of the account or a closed candle, that the consumer does not hold
misordered  within a routing key, after repeats are dropped
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from tests.chaos.completeness import lacking_candles, lacks, stored_lacks
from tests.chaos.recorder import Message
from tests.chaos.truth import Account, Told

#: Between a row of `gaps` and the facts it speaks of: what lay in sockets, and clocks that are read one after the other; nanoseconds.
SLACK_NS = 2 * 10**9
#: The kind of a trade that was made while nobody was told.
UNSEEN = "unseen trade"
#: The kind of a trade of which REST keeps no more than 60.
SPOT_TRADE = "spot trade"
#: Sentences of one kind that are shown.
SHOWN = 12

#: Event type → what must not go back within a routing key: (whose order it is, its place).
ORDERS: dict[str, Callable[[dict[str, Any]], tuple[Any, Any]]] = {
    "execution": lambda payload: ("", payload["exec_time"]),
    "order": lambda payload: (payload["order_id"], payload["updated_time"]),
    "position": lambda payload: (payload["mode"], payload["updated_time"]),
    "trade": lambda payload: ("", payload["cross_sequence"] or 0),
}


@dataclass
class Held:
    """All that there is to judge.

    told      what was sent over the gateway's connections
    trades    of contracts, (category, symbol, id) → their time: all that were made
    candles   start → close, of all minutes of linear BTCUSDT that are over
    account   as REST has it; first_wallet: as it was before anything happened
    stored    rows of account_balances, oldest first
    gaps      rows of the table
    """

    told: Sequence[Told]
    trades: dict[tuple[str, str, str], int]
    candles: dict[int, str]
    messages: Sequence[Message]
    account: Account
    first_wallet: dict[str, Decimal]
    stored: Sequence[dict[str, Any]]
    gaps: Sequence[dict[str, Any]]


@dataclass
class Verdict:
    """What was found. Counts by the first word of a fact; sentences, empty where all is well."""

    sent: int = 0
    arrived: int = 0
    repeats: int = 0
    announced: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lost: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    missing: list[str] = field(default_factory=list)
    misordered: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    split: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    database: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    causes: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def wrong(self, may_announce: Collection[str], must_tell: Collection[str], may_tell: Collection[str]) -> list[str]:
        """What speaks against it.

        may_announce          of what something may be missing that a row of `gaps` speaks of
        must_tell, may_tell   causes of which there must, or may, be a row of `gaps`; there is none of another cause
        """
        found = [f"{len(rows)} {kind} lost without a word: {rows[0]}" for kind, rows in sorted(self.lost.items())]
        found += [
            f"{count} {kind} announced as missing, of which nothing may be"
            for kind, count in sorted(self.announced.items())
            if kind not in may_announce
        ]
        found += [f"no row of `gaps` says {cause}" for cause in sorted(must_tell) if not self.causes[cause]]
        found += [
            f"{count} rows of `gaps` say {cause}, which did not happen"
            for cause, count in sorted(self.causes.items())
            if count and cause not in (*must_tell, *may_tell)
        ]
        for name in ("missing", "misordered", "invented", "split", "holes", "database", "untold"):
            rows = getattr(self, name)
            found += [f"{name}: {row}" for row in rows[:SHOWN]] + (
                [f"{name}: {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
            )
        return found


def judge(held: Held) -> Verdict:
    verdict, firsts = Verdict(), without_repeats(held.messages)
    verdict.repeats = len(held.messages) - len({_place(each) for each in held.messages})
    _find_lost(held, verdict)
    _find_lost_trades(held, verdict)
    _find_invented(held, verdict)
    _find_split(held.messages, verdict)
    _find_misordered(firsts, verdict)
    _find_holes(held, verdict)
    _find_untold(held, verdict)
    verdict.missing = lacks(held.account, firsts, held.first_wallet) + lacking_candles(held.candles, held.messages)
    verdict.database = stored_lacks(held.account, firsts, held.stored)
    return verdict


def without_repeats(messages: Iterable[Message]) -> list[Message]:
    """The first of each (queue, event type, event id)."""
    firsts: dict[tuple[str, str, str], Message] = {}
    for each in messages:
        firsts.setdefault((each.queue, each.event_type, each.event_id), each)
    return list(firsts.values())


def _place(message: Message) -> tuple[Any, ...]:
    """What two messages share only where one repeats the other."""
    return message.queue, message.key, message.epoch, message.sequence


def covers(gap: dict[str, Any], place: "Place", since_ns: int, until_ns: int | None = None) -> bool:
    """Whether a row of `gaps` speaks of this place at this time, or between these. One that is open speaks of all that comes."""
    if gap["cause"] == "queue_missing":  # the router's: what went through one queue
        if place.queue not in str(gap["detail"]).split():
            return False
    elif gap["endpoint"] != place.endpoint or gap["topic"] not in (None, "", place.topic):
        return False
    opened, closed = gap["from_at"].timestamp() * 1e9, gap["to_at"].timestamp() * 1e9 if gap["to_at"] else float("inf")
    return bool(opened - SLACK_NS <= (until_ns or since_ns) and since_ns <= closed + SLACK_NS)


class Place(NamedTuple):
    """Where something went through. queue: "" where nothing of the topic ever came."""

    endpoint: str
    topic: str
    queue: str


def _queues(held: Held) -> dict[str, str]:
    """Topic → the queue that has it."""
    return {each.topic: each.queue for each in held.messages}


def _find_lost(held: Held, verdict: Verdict) -> None:
    facts, queues = {each.fact for each in held.messages}, _queues(held)
    for told in held.told:
        kind = SPOT_TRADE if (told.endpoint, told.fact[0]) == ("spot", "trade") else told.fact[0]
        place = Place(told.endpoint, told.topic, queues.get(told.topic, ""))
        verdict.sent += 1
        if told.fact in facts:
            verdict.arrived += 1
        elif any(covers(gap, place, told.sent_ns) for gap in held.gaps):
            verdict.announced[kind] += 1
        else:
            verdict.lost[kind].append(
                f"{told.topic}, sent at {told.sent_ns // 1_000_000} on connection {told.connection}: {told.fact}"
            )


def _find_lost_trades(held: Held, verdict: Verdict) -> None:
    """Those that were made while nobody was told: they are fetched, or a row that was not recovered says that they are missing."""
    times: dict[str, list[int]] = defaultdict(list)
    known, queues = set(), _queues(held)
    for each in held.messages:
        if each.event_type == "trade" and each.category == "linear":
            times[str(each.symbol)].append(each.payload["trade_time"])
            known.add((each.category, each.symbol, each.payload["trade_id"]))
    for (category, symbol, identity), at_ms in held.trades.items():
        if (category, symbol, identity) in known or at_ms <= min(times[symbol], default=at_ms):
            continue
        topic = f"publicTrade.{symbol}"
        place = Place(category, topic, queues.get(topic, ""))
        rows = [gap for gap in held.gaps if covers(gap, place, at_ms * 1_000_000)]
        if any(not gap["recovered"] for gap in rows):
            verdict.announced[UNSEEN] += 1
        else:
            verdict.lost[UNSEEN].append(f"{symbol}, made at {at_ms}: {identity}")


def _find_untold(held: Held, verdict: Verdict) -> None:
    spoken = {each.payload["gap_id"] for each in held.messages if each.event_type == "system"}
    carried = {each.gap_id for each in held.messages}
    for gap in held.gaps:
        verdict.causes[gap["cause"]] += 1
        name = f"{gap['cause']} of {gap['endpoint']} {gap['topic'] or '*'} from {gap['from_at']}"
        if gap["to_at"] is None or gap["recovered"] is None:
            verdict.untold.append(f"{name} is not closed")
        if str(gap["id"]) not in spoken:
            verdict.untold.append(f"{name}: no `system` event speaks of it")
        if gap["endpoint"] != "router" and str(gap["id"]) not in carried:
            verdict.untold.append(f"{name}: no event carries its gap_id")


def _find_invented(held: Held, verdict: Verdict) -> None:
    """Events of the stream that nobody sent."""
    facts = {told.fact for told in held.told}
    verdict.invented = [
        f"{each.topic} {each.event_id}: {each.fact}"
        for each in held.messages
        if each.fact is not None and each.source == "stream" and each.fact not in facts
    ]


def _find_split(messages: Iterable[Message], verdict: Verdict) -> None:
    """One fact under two ids, or one number for two."""
    ids: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for each in messages:
        ids[_place(each)].add(each.event_id)
        if each.fact is not None and each.fact[0] in ("trade", "execution", "order", "position"):
            ids[each.event_type, each.category, *each.fact].add(each.event_id)
    verdict.split = [f"{fact}: {sorted(found)}" for fact, found in ids.items() if len(found) > 1]


def _find_misordered(firsts: Sequence[Message], verdict: Verdict) -> None:
    by_key: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for each in firsts:
        by_key[each.queue, each.key].append(each)
    for (_, key), found in by_key.items():
        for before, after in pairwise(found):
            if (after.epoch, after.sequence) <= (before.epoch, before.sequence):
                verdict.misordered.append(
                    f"{key}: {after.epoch} {after.sequence} after {before.epoch} {before.sequence}, message {after.number}"
                )
        newest: dict[Any, Any] = {}
        for each in found:
            if each.event_type in ORDERS:
                whose, place = ORDERS[each.event_type](each.payload)
                if place < newest.get(whose, place):
                    verdict.misordered.append(f"{key} {whose}: {place} after {newest[whose]}, message {each.number}")
                newest[whose] = max(place, newest.get(whose, place))


def _find_holes(held: Held, verdict: Verdict) -> None:
    """Numbers that never came, of a key and epoch, below one that came; unless a row of `gaps` speaks of that time."""
    by_run: dict[tuple[str, str, str], list[Message]] = defaultdict(list)
    for each in held.messages:
        if each.event_type != "system":  # its key has counted before anybody listened
            by_run[each.queue, each.key, each.epoch].append(each)
    for (_, key, epoch), found in by_run.items():
        found.sort(key=lambda each: each.sequence)
        for before, after in pairwise([None, *found]):
            number, since_ns = (before.sequence, before.received_ns) if before else (0, 0)
            if after is not None and after.sequence > number + 1:
                endpoint = "private" if after.event_type in ("order", "execution", "position", "balance") else str(after.category)
                place = Place(endpoint, after.topic, after.queue)
                if not any(covers(gap, place, since_ns, after.received_ns) for gap in held.gaps):
                    verdict.holes.append(f"{key} {epoch}: {number} is followed by {after.sequence}")
