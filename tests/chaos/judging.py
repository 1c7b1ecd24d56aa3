"""The judge: what the exchange told and knows, against what an independent consumer and PostgreSQL hold. Pure: all is given.

lost        a fact was sent over a connection of the gateway's, or a trade was made, did not arrive, and nothing excuses it
announced   the same, but it is excused, see `excuses.py`: a row of `gaps` covers its topic and time
untold      a row of `gaps` that is not closed, or that no `system` event and no first event after it speaks of
missing     an execution, a final state, a balance of the account or a closed candle, that the consumer does not hold
misordered  within a routing key, after repeats are dropped
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.chaos.completeness import lacking_candles, lacks, stored_lacks
from tests.chaos.excuses import Endings, Place, covers, excuses_a_hole
from tests.chaos.marks import unmarked
from tests.chaos.recorder import Message
from tests.chaos.stage import Ending
from tests.chaos.truth import Account, Made, Told
from tests.facts import identity

#: The kind of a trade that was made while nobody was told.
UNSEEN = "unseen trade"
#: The kind of a trade of which REST keeps no more than 60.
SPOT_TRADE = "spot trade"
#: Sentences of one kind that are shown.
SHOWN = 12
#: Of a verdict, what lists sentences.
SENTENCES = ("missing", "misordered", "invented", "split", "holes", "database", "untold")

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
    trades    of contracts, (category, symbol, id) → what it was: all that were made
    candles   start → close, of all minutes of linear BTCUSDT that are over
    account   as REST has it; first_wallet: as it was before anything happened
    stored    rows of account_balances, oldest first
    gaps      rows of the table
    ended     ends of processes that somebody brought about
    shared    names of class queues, which hold the same once more
    """

    told: Sequence[Told]
    trades: dict[tuple[str, str, str], Made]
    candles: dict[int, str]
    messages: Sequence[Message]
    account: Account
    first_wallet: dict[str, Decimal]
    stored: Sequence[dict[str, Any]]
    gaps: Sequence[dict[str, Any]]
    ended: Sequence[Ending] = ()
    shared: Collection[str] = ()


@dataclass
class Verdict:
    """What was found. Counts by the first word of a fact; sentences, empty where all is well.

    by_ending  of those that were announced, how many each end of a process is an excuse for
    """

    sent: int = 0
    arrived: int = 0
    repeats: int = 0
    announced: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    by_ending: dict[Ending, int] = field(default_factory=lambda: defaultdict(int))
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
        for name in SENTENCES:
            rows = getattr(self, name)
            found += [f"{name}: {row}" for row in rows[:SHOWN]] + (
                [f"{name}: {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
            )
        return found

    def add(self, other: "Verdict") -> None:
        """What other queues lack, lacks here too."""
        for kind, rows in other.lost.items():
            self.lost[kind] += rows
        for kind, count in other.announced.items():
            self.announced[kind] += count
        for name in SENTENCES:
            getattr(self, name).extend(getattr(other, name))


def judge(held: Held) -> Verdict:
    """What services' queues hold; and class queues, where there are such, for themselves: what is wrong with either is wrong."""
    found = _judge(replace(held, messages=[each for each in held.messages if each.queue not in held.shared]))
    if held.shared:
        found.add(_judge(replace(held, messages=[each for each in held.messages if each.queue in held.shared])))
    return found


def _judge(held: Held) -> Verdict:
    verdict, firsts = Verdict(), without_repeats(held.messages)
    verdict.repeats = len(held.messages) - len({_place(each) for each in held.messages})
    _find_lost(held, verdict)
    _find_lost_trades(held, verdict)
    verdict.missing += lacks(held.account, firsts, held.first_wallet) + lacking_candles(held.candles, held.messages)
    _find_invented(held, verdict)
    _find_split(held.messages, verdict)
    _find_misordered(held, firsts, verdict)
    _find_holes(held, verdict)
    _find_untold(held, firsts, verdict)
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


def _key(message: Message) -> tuple[Any, ...]:
    """The fact that it tells, with where it comes from: two categories may have facts that look the same."""
    return message.endpoint, message.topic, message.fact


def _queues(held: Held) -> dict[tuple[str, str], str]:
    """(endpoint, topic) → the queue that has it."""
    return {(each.endpoint, each.topic): each.queue for each in held.messages}


def _find_lost(held: Held, verdict: Verdict) -> None:
    facts, queues, endings = set(map(_key, held.messages)), _queues(held), Endings(held.ended, held.told)
    for told in held.told:
        kind = SPOT_TRADE if (told.endpoint, told.fact[0]) == ("spot", "trade") else told.fact[0]
        place = Place(told.endpoint, told.topic, queues.get((told.endpoint, told.topic), ""))
        verdict.sent += 1
        if (told.endpoint, told.topic, told.fact) in facts:
            verdict.arrived += 1
            continue
        causes = {gap["cause"] for gap in held.gaps if covers(gap, place, told.sent_ns)}
        ending = endings.of(told) if causes == {"restarted"} else None
        if ending is not None:
            verdict.by_ending[ending] += 1
        if ending is not None or causes - {"restarted"}:
            verdict.announced[kind] += 1
        else:
            verdict.lost[kind].append(
                f"{told.topic}, sent at {told.sent_ns // 1_000_000} on connection {told.connection}: {told.fact}"
            )


def _find_lost_trades(held: Held, verdict: Verdict) -> None:
    """Those that were made while nobody was told: they are fetched, or a row that was not recovered says that they are missing."""
    times: dict[str, list[int]] = defaultdict(list)
    known: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    queues, endings = _queues(held), Endings(held.ended, held.told)
    for each in held.messages:
        if each.event_type == "trade" and each.category == "linear" and each.fact is not None:
            times[str(each.symbol)].append(each.payload["trade_time"])
            known[each.category, str(each.symbol), each.payload["trade_id"]] = each.fact[3:]
    for (category, symbol, name), made in held.trades.items():
        found = known.get((category, symbol, name))
        if found is not None:
            if tuple(map(Decimal, found)) != (made.price, made.quantity):
                verdict.missing.append(f"trade {symbol} {name}: found {found}; expected {made}")
            continue
        if made.time_ms <= min(times[symbol], default=made.time_ms):
            continue
        topic, at_ns = f"publicTrade.{symbol}", made.time_ms * 1_000_000
        place = Place(category, topic, queues.get((category, topic), ""))
        rows = [gap for gap in held.gaps if covers(gap, place, at_ns) and not gap["recovered"]]
        if any(gap["cause"] != "restarted" for gap in rows) or (rows and endings.of_the_untold(category, topic, at_ns)):
            verdict.announced[UNSEEN] += 1
        else:
            verdict.lost[UNSEEN].append(f"{symbol}, made at {made.time_ms}: {name}")


def _find_untold(held: Held, firsts: Sequence[Message], verdict: Verdict) -> None:
    spoken = {each.payload["gap_id"] for each in held.messages if each.event_type == "system"}
    for gap in held.gaps:
        verdict.causes[gap["cause"]] += 1
        if gap["to_at"] is None or gap["recovered"] is None:
            verdict.untold.append(f"{_name(gap)} is not closed")
        if str(gap["id"]) not in spoken:
            verdict.untold.append(f"{_name(gap)}: no `system` event speaks of it")
    verdict.untold += [
        f"{_name(gap)}: the first event of {topic} behind it does not carry its gap_id"
        for gap, topic in unmarked(held.gaps, firsts)
    ]


def _name(gap: dict[str, Any]) -> str:
    return f"{gap['cause']} of {gap['endpoint']} {gap['topic'] or '*'} from {gap['from_at']}"


def _find_invented(held: Held, verdict: Verdict) -> None:
    """Events of the stream that nobody sent."""
    facts = {(told.endpoint, told.topic, told.fact) for told in held.told}
    verdict.invented = [
        f"{each.topic} {each.event_id}: {each.fact}"
        for each in held.messages
        if each.fact is not None and each.source == "stream" and _key(each) not in facts
    ]


def _find_split(messages: Iterable[Message], verdict: Verdict) -> None:
    """One thing under two ids, one number for two, or one id for two that differ."""
    ids: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    facts: dict[tuple[str, str], set[tuple[Any, ...]]] = defaultdict(set)
    for each in messages:
        ids[_place(each)].add(each.event_id)
        named = identity(each.fact) if each.fact is not None else None
        if named is not None:
            ids[each.event_type, each.category, *named].add(each.event_id)
            facts[each.event_type, each.event_id].add(_key(each))
    verdict.split = [f"{named}: {sorted(found)}" for named, found in ids.items() if len(found) > 1]
    verdict.split += [f"{named}: {sorted(map(str, found))}" for named, found in facts.items() if len(found) > 1]


def _find_misordered(held: Held, firsts: Sequence[Message], verdict: Verdict) -> None:
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
            if each.event_type in ORDERS and not _is_told_late(each, held.gaps):
                whose, place = ORDERS[each.event_type](each.payload)
                if place < newest.get(whose, place):
                    verdict.misordered.append(f"{key} {whose}: {place} after {newest[whose]}, message {each.number}")
                newest[whose] = max(place, newest.get(whose, place))


def _is_told_late(message: Message, gaps: Iterable[dict[str, Any]]) -> bool:
    """Whether an audit found it, and says so: newer events of its key had been told before it was found."""
    if message.event_type not in ("execution", "order") or message.source != "rest":
        return False
    missed = (gap for gap in gaps if gap["cause"] == "missed" and gap["endpoint"] == message.endpoint and gap["to_at"])
    return any(_ms(gap["from_at"]) <= message.timestamp_ms <= message.received_ms == _ms(gap["to_at"]) for gap in missed)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _find_holes(held: Held, verdict: Verdict) -> None:
    """Numbers that never came, of a key and epoch, below one that came; unless a row of `gaps` says that such were lost then."""
    by_run: dict[tuple[str, str, str], list[Message]] = defaultdict(list)
    begins: dict[str, int] = {}
    for each in held.messages:
        begins[each.epoch] = min(each.received_ns, begins.get(each.epoch, each.received_ns))
        if each.event_type != "system":  # its key has counted before anybody listened
            by_run[each.queue, each.key, each.epoch].append(each)
    for (_, key, epoch), found in by_run.items():
        found.sort(key=lambda each: each.sequence)
        for before, after in pairwise([None, *found]):
            number, since_ns = (before.sequence, before.received_ns) if before else (0, begins[epoch])
            if after is not None and after.sequence > number + 1:
                place = Place(after.endpoint, after.topic, after.queue)
                if not any(excuses_a_hole(gap, place, since_ns, after.received_ns) for gap in held.gaps):
                    verdict.holes.append(f"{key} {epoch}: {number} is followed by {after.sequence}")
