"""The account as REST tells it, part by part, since a checkpoint. Source: protocol notes, sections 9.3 and 9.4.

    executions   all of the time since, in windows of a week
    orders       open ones; those that ended lately; the history since; by id those that were open and are in none of these lists
    positions    open ones; by symbol those that were open and are not listed: flat ones are told so
    wallet       once; coins that held something and are not listed any more are told with zeros

Lists overlap, and overlap what was told: whoever takes the facts knows what is new. A list with a record that cannot be read tells what
else is in it, but nothing follows from what is not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import ExchangeError
from gateway.exchange.calls import Answer
from gateway.exchange.signed import SignedRest
from gateway.models import BadRecord, Event, Json
from gateway.protocol.account_facts import flat, has_bad, held_coins, in_order, listed_coins, names, vanished
from gateway.protocol.account_parts import Fields, Part
from gateway.protocol.answers import Fact, events, facts_of
from gateway.protocol.checkpoint import Mark
from gateway.protocol.recent import is_open, name_of
from gateway.protocol.ret_codes import NO_SUCH

#: Read again before the checkpoint, and what happened so lately is not yet behind it; milliseconds. Source: protocol notes, 9.4.
OVERLAP_MS = SETTLED_MS = 5_000
#: Orders are looked for that much further back: their history lags behind. Milliseconds.
LAG_MS = 60_000
#: The longest span of a call, and the furthest look back; milliseconds.
WEEK_MS = 7 * 86_400_000
DEEPEST_MS = 30 * 86_400_000
#: Reads in which an order that was open is looked for by its id and not found; then it is given up.
SEARCHES = 5
#: The last word of a position's name.
MODES = ("0", "1", "2")


@dataclass(slots=True)
class Told:
    """What the lists of one part told.

    facts    that consumers may not know, oldest first
    known    what they were told before the checkpoint, or need not be told
    mark     where the next read begins; only once all of this has been handed on
    at_ms    the exchange's time when it was read
    lack     what is missing for good, one clause for a person; None: nothing
    gone     orders that were open and that nobody looks for any longer
    """

    at_ms: int = 0
    facts: list[Fact] = field(default_factory=list)
    known: list[Event] = field(default_factory=list)
    bad: list[Fact] = field(default_factory=list)
    mark: Mark = field(default_factory=lambda: Mark(0))
    lack: str | None = None
    gone: frozenset[str] = frozenset()


class AccountReader:
    """Raises what the signed calls raise: LinkLost, NotAsked, CredentialsRefused, ExchangeError."""

    def __init__(self, rest: SignedRest, *, coins: Sequence[str] = ()) -> None:
        """coins: whose options are looked for by name."""
        self._rest = rest
        self._coins = coins
        self._searched: dict[str, int] = {}  # order id → reads in which it was not found
        self._absent: dict[tuple[str, str], int] = {}  # part, position or coin → the read in which it was missing first

    def begin(self) -> None:
        """Before the parts of one read: a clock of ours that is ahead would skip what happens next."""
        self._rest.clock.reread()

    def read(self, part: Part, since: Mark | None, believed: frozenset[str]) -> Told:
        """since: None for a part that begins now: nothing before is ever told. believed: what consumers believe open, as in `Mark`."""
        told = Told(at_ms=self._rest.clock.now_ms())
        if since is None:
            now = Mark(told.at_ms + (LAG_MS if part.event_type == "order" else OVERLAP_MS))
            _READ[part.event_type](self, part, now, frozenset(), told)
            told.known += events(told.facts)
            told.facts = [fact for fact in told.facts if isinstance(fact.outcome, BadRecord)]
            told.mark = Mark(now.until_ms, told.mark.open)
        else:
            _READ[part.event_type](self, part, since, believed | since.open, told)
        told.bad = [fact for fact in told.facts if isinstance(fact.outcome, BadRecord)]
        told.facts = [fact for fact in told.facts if isinstance(fact.outcome, Event)]
        if told.bad and told.lack is None:
            told.lack = f"{part.name}: {len(told.bad)} records that REST told could not be read"
        return told

    def _executions(self, part: Part, since: Mark, _believed: frozenset[str], told: Told) -> None:
        after_ms = self._after_ms(since, OVERLAP_MS, told)
        for window in _windows(after_ms, told.at_ms):
            for query in part.queries(self._coins):
                told.facts += self._list(part, part.lists.path, {**query, **window})
        told.facts = in_order(told.facts)
        told.mark = Mark(told.at_ms - SETTLED_MS)

    def _orders(self, part: Part, since: Mark, believed: frozenset[str], told: Told) -> None:
        after_ms, is_spread = self._after_ms(since, LAG_MS, told), part.category == "spread"
        found: list[Fact] = []
        for query in part.queries(self._coins):
            found += self._list(part, part.lists.path, query)
        missing = believed - names(found)
        if not is_spread:
            for query in part.queries(self._coins):
                found += self._closed(part, query, after_ms, missing)
        for window in _windows(after_ms, told.at_ms):
            for query in part.queries(self._coins):
                found += self._list(part, part.lists.history, {**query, **window})
        sought = [fact for name in sorted(missing - names(found)) for fact in self._search(part, name)]
        fresh = in_order([*found, *sought])
        asked_for = names(sought) | missing
        for fact in fresh:
            event = fact.outcome
            is_known = isinstance(event, Event) and event.timestamp_ms < after_ms and name_of(event) not in asked_for
            (told.known.append(event) if isinstance(event, Event) and is_known else told.facts.append(fact))
        latest = {name_of(event): event for event in events(fresh)}
        lost = missing - latest.keys()
        for order_id in believed - lost:
            self._searched.pop(order_id, None)
        if not has_bad(fresh):
            told.gone = self._given_up(lost)
        if told.gone:
            told.lack = told.lack or f"{len(told.gone)} orders that were open are in no list of the exchange any more"
        told.mark = Mark(told.at_ms - SETTLED_MS, _still_open(latest, believed, told.at_ms) | (lost - told.gone))

    def _positions(self, part: Part, since: Mark, believed: frozenset[str], told: Told) -> None:
        after_ms = self._after_ms(since, OVERLAP_MS, told)
        listed = [fact for query in part.queries(()) for fact in self._list(part, part.lists.path, query)]
        for fact in in_order(listed):
            event = fact.outcome
            if isinstance(event, Event) and event.timestamp_ms < after_ms:
                told.known.append(event)
            else:
                told.facts.append(fact)
        self._are_there(part, names(listed))
        absent = frozenset(name for name in believed if name.rpartition("|")[2] in MODES) - names(listed)
        unsaid = set[str]()
        for symbol in sorted({name.rpartition("|")[0] for name in absent}):
            rows = [fact for fact in self._of_symbol(part, symbol) if fact.outcome not in told.known]
            told.facts += rows
            self._are_there(part, names(rows))
            missing = sorted(name for name in absent - names(rows) if name.rpartition("|")[0] == symbol)
            if has_bad(listed) or has_bad(rows):
                unsaid.update(missing)
            else:
                told.facts += [flat(part, name, self._absent_since_ms(part, name, told.at_ms)) for name in missing]
        now = {name_of(event): event for event in [*told.known, *events(in_order(told.facts))]}
        told.mark = Mark(told.at_ms - SETTLED_MS, _still_open(now, believed, told.at_ms) | unsaid)

    def _wallet(self, part: Part, _since: Mark, believed: frozenset[str], told: Told) -> None:
        (query,) = part.queries(())
        listed = self._list(part, part.lists.path, query)
        self._are_there(part, listed_coins(listed))
        missing, kinds = believed - listed_coins(listed), {str(event.payload["account_type"]) for event in events(listed)}
        gone = frozenset() if has_bad(listed) else frozenset(name for name in missing if name.partition("|")[0] in kinds)
        if missing - gone:
            told.lack = f"the wallet's list does not say what has become of {len(missing - gone)} coins"
        young = {name for name in sorted(gone) if self._absent_since_ms(part, name, told.at_ms) > told.at_ms - SETTLED_MS}
        told.facts = [*listed, *vanished(part, listed, gone)]
        told.mark = Mark(told.at_ms - SETTLED_MS, held_coins(listed) | (missing - gone) | young)

    def _absent_since_ms(self, part: Part, name: str, at_ms: int) -> int:
        """The read in which it was missing first: an audit takes for settled what a second one finds. Then it begins anew."""
        key = part.name, name
        since_ms = self._absent.setdefault(key, at_ms)
        if since_ms <= at_ms - SETTLED_MS:
            del self._absent[key]
        return since_ms

    def _are_there(self, part: Part, found: frozenset[str]) -> None:
        for name in found:
            self._absent.pop((part.name, name), None)

    def _after_ms(self, since: Mark, overlap_ms: int, told: Told) -> int:
        """Where a read begins: not for ever back."""
        after_ms, deepest_ms = since.until_ms - overlap_ms, told.at_ms - DEEPEST_MS
        if after_ms < deepest_ms:
            told.lack = f"what is older than {DEEPEST_MS // 86_400_000} days was not looked for"
        return max(after_ms, deepest_ms)

    def _list(self, part: Part, path: str, query: Fields) -> list[Fact]:
        """All pages, oldest first."""
        return [fact for page in reversed([*self._pages(part, path, query)]) for fact in page]

    def _pages(self, part: Part, path: str, query: Fields) -> Iterator[list[Fact]]:
        """Newest first, each oldest first."""
        asked = {**part.of_category, **query, **_limit(part, part.lists.limit)}
        try:
            for answer in self._rest.pages(path, **asked):
                yield facts_of(path, self._dated(answer), topic=part.topic, endpoint="private", category=None)
        except ExchangeError as fault:
            if fault.ret_code != NO_SUCH or not {"baseCoin", "orderId"} & query.keys():
                raise  # a coin that has no options spoils no other's, nor does an id that is none

    def _dated(self, answer: Answer) -> dict[str, Json]:
        """The envelope. One that does not say when it was made, or cannot have been made then, has our idea of the exchange's time."""
        said, now_ms = answer.body.get("time"), self._rest.clock.now_ms()
        is_likely = type(said) is int and abs(said - now_ms) <= LAG_MS
        return answer.body if is_likely else {**answer.body, "time": now_ms}

    def _closed(self, part: Part, query: Fields, after_ms: int, missing: frozenset[str]) -> list[Fact]:
        """Orders that ended lately, as far back as they were made since, or are missed."""
        found: list[Fact] = []
        for page in self._pages(part, part.lists.path, {**query, "openOnly": "1"}):
            found = [*page, *found]
            made_ms = [_whole(event.payload.get("created_time")) for event in events(page)]
            if made_ms and min(made_ms) < after_ms and not missing - names(found):
                break
        return found

    def _search(self, part: Part, order_id: str) -> list[Fact]:
        """An order by its id, in the history where the last word of it is not told elsewhere."""
        for path in (part.lists.path, part.lists.history):
            found = self._list(part, path, {"orderId": order_id})
            if found:
                return found
        return []

    def _given_up(self, lost: frozenset[str]) -> frozenset[str]:
        """Those that have been looked for too often."""
        for order_id in lost:
            self._searched[order_id] = self._searched.get(order_id, 0) + 1
        given_up = frozenset(order_id for order_id in lost if self._searched[order_id] >= SEARCHES)
        for order_id in given_up:
            del self._searched[order_id]
        return given_up

    def _of_symbol(self, part: Part, symbol: str) -> list[Fact]:
        """Its rows, flat ones too; none of a symbol that is gone."""
        try:
            return self._list(part, part.lists.path, {"symbol": symbol})
        except ExchangeError as fault:
            if fault.ret_code != NO_SUCH:
                raise
            return []


#: (reader, part, since, believed, told) → told is filled.
_Read = Callable[[AccountReader, Part, Mark, frozenset[str], Told], None]
_READ: Mapping[str, _Read] = {
    "execution": AccountReader._executions,
    "order": AccountReader._orders,
    "position": AccountReader._positions,
    "balance": AccountReader._wallet,
}


def _limit(part: Part, rows: str) -> dict[str, str]:
    return {"limit": rows} if part.lists.limit else {}


def _windows(after_ms: int, now_ms: int) -> Iterator[dict[str, str]]:
    """Spans of at most a week from then on; the last is open."""
    while after_ms + WEEK_MS < now_ms:
        yield {"startTime": str(after_ms), "endTime": str(after_ms + WEEK_MS)}
        after_ms += WEEK_MS
    yield {"startTime": str(after_ms)}


def _whole(found: Json) -> int:
    return found if type(found) is int else 0


def _still_open(latest: Mapping[str, Event], believed: frozenset[str], at_ms: int) -> frozenset[str]:
    """What is open, and what was until so lately that an audit may have left its end to the stream."""
    return frozenset(
        name for name, event in latest.items() if is_open(event) or (name in believed and event.timestamp_ms > at_ms - SETTLED_MS)
    )
