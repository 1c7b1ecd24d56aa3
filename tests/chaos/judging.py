"""The judge: what the exchange told and knows, against what an independent consumer and PostgreSQL hold. Pure: all is given.

lost        a fact was sent over a connection of the gateway's, or a trade was made, did not arrive, and nothing excuses it
announced   the same, but it is excused, see `excuses.py`: a row of `gaps` covers its topic and time
untold      a row of `gaps` that is not closed, or that no `system` event and no first event after it speaks of
missing     an execution, a final state, a balance of the account or a closed candle, that the consumer does not hold
misordered  within a routing key, after repeats are dropped
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.chaos.completeness import lacking_candles, lacks, stored_lacks, without_orders
from tests.chaos.excuses import Endings, Gap, Place, covers, is_overtaken, told_over_rest
from tests.chaos.marks import unmarked
from tests.chaos.order import holes, key_of, misordered, place_of, split
from tests.chaos.recorder import Message
from tests.chaos.stage import Ending
from tests.chaos.truth import Account, Made, Told

#: The kind of a trade that was made while nobody was told.
UNSEEN = "unseen trade"
#: The kind of a trade of which REST keeps no more than 60.
SPOT_TRADE = "spot trade"
#: Sentences of one kind that are shown.
SHOWN = 12
#: Of a verdict, what lists sentences.
SENTENCES = ("missing", "misordered", "invented", "split", "holes", "database", "untold")


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
    gaps: Sequence[Gap]
    ended: Sequence[Ending] = ()
    shared: Collection[str] = ()


@dataclass
class Verdict:
    """What was found. Counts by the first word of a fact; sentences, empty where all is well.

    by_ending  of those that were announced, how many each end of a process is an excuse for
    unqueued   of them, the facts that a deleted queue has taken along: nobody fetches those
    """

    sent: int = 0
    arrived: int = 0
    repeats: int = 0
    announced: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    by_ending: dict[Ending, int] = field(default_factory=lambda: defaultdict(int))
    unqueued: set[tuple[Any, ...]] = field(default_factory=set)
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
    verdict.repeats = len(held.messages) - len({place_of(each) for each in held.messages})
    _find_lost(held, verdict)
    _find_lost_trades(held, verdict)
    account = without_orders(held.account, verdict.unqueued)
    verdict.missing += lacks(account, firsts, held.first_wallet) + lacking_candles(held.candles, held.messages)
    _find_invented(held, verdict)
    verdict.split = split(held.messages)
    verdict.misordered = misordered(firsts, held.gaps)
    verdict.holes = holes(held.messages, held.gaps)
    _find_untold(held, verdict)
    verdict.database = stored_lacks(held.account, firsts, held.stored)
    return verdict


def without_repeats(messages: Iterable[Message]) -> list[Message]:
    """The first of each (queue, event type, event id)."""
    firsts: dict[tuple[str, str, str], Message] = {}
    for each in messages:
        firsts.setdefault((each.queue, each.event_type, each.event_id), each)
    return list(firsts.values())


def _queues(held: Held) -> dict[tuple[str, str], str]:
    """(endpoint, topic) → the queue that has it."""
    return {(each.endpoint, each.topic): each.queue for each in held.messages}


def _find_lost(held: Held, verdict: Verdict) -> None:
    facts, queues, endings = set(map(key_of, held.messages)), _queues(held), Endings(held.ended, held.told)
    over_rest = told_over_rest(held.messages)
    for told in held.told:
        kind = SPOT_TRADE if (told.endpoint, told.fact[0]) == ("spot", "trade") else told.fact[0]
        place = Place(told.endpoint, told.topic, queues.get((told.endpoint, told.topic), ""))
        verdict.sent += 1
        if (told.endpoint, told.topic, told.fact) in facts:
            verdict.arrived += 1
            continue
        rows = [gap for gap in held.gaps if covers(gap, place, told.sent_ns)]
        causes = {gap["cause"] for gap in rows}
        ending = endings.of(told) if causes == {"restarted"} else None
        if ending is not None:
            verdict.by_ending[ending] += 1
        if "queue_missing" in causes:
            verdict.unqueued.add(told.fact)
        if ending is not None or causes - {"restarted"} or is_overtaken(told, rows, over_rest):
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


def _find_untold(held: Held, verdict: Verdict) -> None:
    spoken = {each.payload["gap_id"] for each in held.messages if each.event_type == "system"}
    for gap in held.gaps:
        verdict.causes[gap["cause"]] += 1
        if gap["to_at"] is None or gap["recovered"] is None:
            verdict.untold.append(f"{_name(gap)} is not closed")
        if str(gap["id"]) not in spoken:
            verdict.untold.append(f"{_name(gap)}: no `system` event speaks of it")
    verdict.untold += [
        f"{_name(gap)}: the first event of {topic} behind it does not carry its gap_id"
        for gap, topic in unmarked(held.gaps, held.messages)
    ]


def _name(gap: Gap) -> str:
    return f"{gap['cause']} of {gap['endpoint']} {gap['topic'] or '*'} from {gap['from_at']}"


def _find_invented(held: Held, verdict: Verdict) -> None:
    """Events of the stream that nobody sent."""
    facts = {(told.endpoint, told.topic, told.fact) for told in held.told}
    verdict.invented = [
        f"{each.topic} {each.event_id}: {each.fact}"
        for each in held.messages
        if each.fact is not None and each.source == "stream" and key_of(each) not in facts
    ]
