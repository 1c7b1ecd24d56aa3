"""The account as REST tells it, part by part, since a checkpoint. Source: protocol notes, sections 9.3 and 9.4.

    executions   all of the time since, in windows of a week
    orders       open ones; those that ended lately; the history since; by id those that were open and are in none of these lists
    positions    open ones; by symbol those that were open and are not listed: flat ones are told so
    wallet       once; coins that held something and are not listed any more are told with zeros

Lists overlap, and overlap what was told: whoever takes the facts knows what is new.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.account_parts import Fields, Part
from gateway.errors import ExchangeError
from gateway.models import BadRecord, Event
from gateway.protocol.answers import Fact, facts_of
from gateway.protocol.checkpoint import Mark
from gateway.protocol.decimals import decimal
from gateway.protocol.recent import is_empty, is_open, name_of
from gateway.signed import SignedRest

#: Read again before the checkpoint, and what happened so lately is not yet behind it; milliseconds. Source: protocol notes, 9.4.
OVERLAP_MS = SETTLED_MS = 5_000
#: Orders are looked for that much further back: their history lags behind. Milliseconds.
LAG_MS = 60_000
#: The longest span of a call, and the furthest look back; milliseconds.
WEEK_MS = 7 * 86_400_000
DEEPEST_MS = 30 * 86_400_000
#: Reads in which an order that was open is looked for by its id and not found; then it is given up.
SEARCHES = 5
#: The exchange's code for a parameter that it does not know, such as a coin without options, or a symbol that is gone.
_NO_SUCH = 10001

_WALLET = "/v5/account/wallet-balance"
#: What a coin that has vanished from the wallet is told with, in the exchange's words; and which of our fields nobody told.
_NOTHING = dict.fromkeys(("walletBalance", "equity", "usdValue", "locked", "totalOrderIM", "totalPositionIM"), "0")
_DERIVED = ["wallet_balance", "available_balance", "frozen", "equity", "usd_value"]


@dataclass(slots=True)
class Told:
    """What the lists of one part told.

    facts    that consumers may not know, oldest first
    known    what they were told before the checkpoint, or need not be told
    mark     where the next read begins; only once all of this has been handed on
    at_ms    the exchange's time when it was read
    lack     what is missing for good, one clause for a person; None: nothing
    """

    at_ms: int = 0
    facts: list[Fact] = field(default_factory=list)
    known: list[Event] = field(default_factory=list)
    bad: list[Fact] = field(default_factory=list)
    mark: Mark = field(default_factory=lambda: Mark(0))
    lack: str | None = None


class AccountReader:
    """Raises what the signed calls raise: LinkLost, NotAsked, CredentialsRefused, ExchangeError."""

    def __init__(self, rest: SignedRest, *, coins: Sequence[str] = ()) -> None:
        """coins: whose options are looked for by name."""
        self._rest = rest
        self._coins = coins
        self._searched: dict[str, int] = {}  # order id → reads in which it was not found

    def begin(self) -> None:
        """Before the parts of one read: a clock of ours that is ahead would skip what happens next."""
        self._rest.clock.reread()

    def read(self, part: Part, since: Mark | None, believed: frozenset[str]) -> Told:
        """since: None for a part that begins now: nothing before is ever told. believed: what consumers believe open, as in `Mark`."""
        told = Told(at_ms=self._rest.clock.now_ms())
        if since is None:
            now = Mark(told.at_ms + (LAG_MS if part.event_type == "order" else OVERLAP_MS))
            _READ[part.event_type](self, part, now, frozenset(), told)
            told.known += [*_events(told.facts)]
            told.facts = [fact for fact in told.facts if isinstance(fact.outcome, BadRecord)]
            told.mark = Mark(now.until_ms, told.mark.open)
        else:
            _READ[part.event_type](self, part, since, believed | since.open, told)
        told.bad = [fact for fact in told.facts if isinstance(fact.outcome, BadRecord)]
        told.facts = [fact for fact in told.facts if isinstance(fact.outcome, Event)]
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
        missing = believed - _names(found)
        if not is_spread:
            for query in part.queries(self._coins):
                found += self._closed(part, query, after_ms, missing)
        for window in _windows(after_ms, told.at_ms):
            for query in part.queries(self._coins):
                found += self._list(part, part.lists.history, {**query, **window})
        sought = [fact for name in sorted(missing - _names(found)) for fact in self._search(part, name)]
        fresh, names = [*found, *sought], _names(sought) | missing
        for fact in in_order(fresh):
            event = fact.outcome
            is_known = isinstance(event, Event) and event.timestamp_ms < after_ms and name_of(event) not in names
            (told.known.append(event) if isinstance(event, Event) and is_known else told.facts.append(fact))
        latest = {name_of(event): event for event in _events(in_order(fresh))}
        lost = missing - latest.keys()
        told.lack = told.lack or self._given_up(lost)
        told.mark = Mark(
            told.at_ms - SETTLED_MS,
            frozenset(name for name, event in latest.items() if is_open(event)) | {name for name in lost if name in self._searched},
        )

    def _positions(self, part: Part, since: Mark, believed: frozenset[str], told: Told) -> None:
        after_ms = self._after_ms(since, OVERLAP_MS, told)
        listed = [fact for query in part.queries(()) for fact in self._list(part, part.lists.path, query)]
        for fact in in_order(listed):
            event = fact.outcome
            if isinstance(event, Event) and event.timestamp_ms < after_ms:
                told.known.append(event)
            else:
                told.facts.append(fact)
        absent = believed - _names(listed)
        for symbol in sorted({name.rpartition("|")[0] for name in absent}):
            rows = [fact for fact in self._of_symbol(part, symbol) if fact.outcome not in told.known]
            told.facts += rows
            told.facts += [
                _flat(part, name, told.at_ms) for name in sorted(absent - _names(rows)) if name.rpartition("|")[0] == symbol
            ]
        now = {name_of(event): event for event in [*told.known, *_events(in_order(told.facts))]}
        told.mark = Mark(told.at_ms - SETTLED_MS, frozenset(name for name, event in now.items() if is_open(event)))

    def _wallet(self, part: Part, _since: Mark, believed: frozenset[str], told: Told) -> None:
        (query,) = part.queries(())
        answer = self._rest.answer(part.lists.path, **query)
        told.facts = facts_of(_WALLET, answer.body, topic=part.topic, endpoint="private", category=None)
        held = frozenset(
            f"{event.payload['account_type']}|{coin['coin']}"
            for event in _events(told.facts)
            for coin in event.payload["coins"]
            if not is_empty(coin)
        )
        told.facts += _vanished(part, answer.body, believed - held)
        told.mark = Mark(told.at_ms - SETTLED_MS, held)

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
                yield facts_of(path, answer.body, topic=part.topic, endpoint="private", category=None)
        except ExchangeError as fault:
            if fault.ret_code != _NO_SUCH or "baseCoin" not in query:
                raise  # a coin that has no options spoils no other's

    def _closed(self, part: Part, query: Fields, after_ms: int, missing: frozenset[str]) -> list[Fact]:
        """Orders that ended lately, as far back as they were made since, or are missed."""
        found: list[Fact] = []
        for page in self._pages(part, part.lists.path, {**query, "openOnly": "1"}):
            found = [*page, *found]
            made_ms = [event.payload.get("created_time") or 0 for event in _events(page)]
            if made_ms and min(made_ms) < after_ms and not missing - _names(found):
                break
        return found

    def _search(self, part: Part, order_id: str) -> list[Fact]:
        """An order by its id, in the history where the last word of it is not told elsewhere."""
        for path in (part.lists.path, part.lists.history):
            found = self._list(part, path, {"orderId": order_id})
            if found:
                self._searched.pop(order_id, None)
                return found
        self._searched[order_id] = self._searched.get(order_id, 0) + 1
        return []

    def _given_up(self, lost: frozenset[str]) -> str | None:
        """In words, where some have been looked for too often."""
        given_up = [order_id for order_id in lost if self._searched.get(order_id, 0) >= SEARCHES]
        for order_id in given_up:
            del self._searched[order_id]
        return f"{len(given_up)} orders that were open are in no list of the exchange any more" if given_up else None

    def _of_symbol(self, part: Part, symbol: str) -> list[Fact]:
        """Its rows, flat ones too; none of a symbol that is gone."""
        try:
            return self._list(part, part.lists.path, {"symbol": symbol})
        except ExchangeError as fault:
            if fault.ret_code != _NO_SUCH:
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


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Once each, as they happened: by time, then `seq`, then as the exchange lists them; fills of one order by what they left of it.

    Source: protocol notes, section 9.3: equal times come unordered.
    """
    once: dict[Any, Fact] = {}
    for place, fact in enumerate(facts):
        once.setdefault(fact.outcome.identity if isinstance(fact.outcome, Event) else place, fact)
    first: dict[tuple[int, Any, Any], int] = {}

    def rank(entry: tuple[int, Fact]) -> tuple[int, int, int, Any]:
        place, outcome = entry[0], entry[1].outcome
        if isinstance(outcome, BadRecord):
            return 0, 0, place, 0
        payload = outcome.payload
        sequence = payload.get("cross_sequence") or 0
        among = first.setdefault((outcome.timestamp_ms, sequence, payload.get("order_id")), place)
        left = decimal(payload.get("leaves_qty")) if outcome.event_type == "execution" else None
        return outcome.timestamp_ms, sequence if type(sequence) is int else 0, among, -(left or 0)

    return [fact for _, fact in sorted(enumerate(once.values()), key=rank)]


def _limit(part: Part, rows: str) -> dict[str, str]:
    return {"limit": rows} if part.lists.limit else {}


def _windows(after_ms: int, now_ms: int) -> Iterator[dict[str, str]]:
    """Spans of at most a week from then on; the last is open."""
    while after_ms + WEEK_MS < now_ms:
        yield {"startTime": str(after_ms), "endTime": str(after_ms + WEEK_MS)}
        after_ms += WEEK_MS
    yield {"startTime": str(after_ms)}


def _events(facts: Iterable[Fact]) -> Iterator[Event]:
    return (fact.outcome for fact in facts if isinstance(fact.outcome, Event))


def _names(facts: Iterable[Fact]) -> frozenset[str]:
    return frozenset(name_of(event) for event in _events(facts))


def _flat(part: Part, name: str, at_ms: int) -> Fact:
    """A position that was open and that the exchange does not mention any more. It is our conclusion, and says so."""
    symbol, _, mode = name.rpartition("|")
    row = {"symbol": symbol, "size": "0", "side": "", "positionIdx": int(mode), "updatedTime": str(at_ms)}
    body = {"result": {"category": part.category, "list": [row]}, "time": at_ms}
    return _ours(facts_of(part.lists.path, body, topic=part.topic, endpoint="private", category=None)[0])


def _vanished(part: Part, body: dict[str, Any], names: frozenset[str]) -> list[Fact]:
    """Coins that the wallet held and does not list any more: an event of their own beside the account's, with zeros of ours."""
    found = []
    for row in body["result"]["list"]:
        coins = sorted(coin for kind, _, coin in (name.partition("|") for name in names) if kind == row.get("accountType"))
        if coins:
            told = {**body, "result": {"list": [{**row, "coin": [{"coin": coin, **_NOTHING} for coin in coins]}]}}
            fact = _ours(facts_of(_WALLET, told, topic=part.topic, endpoint="private", category=None)[0])
            for coin in fact.outcome.payload["coins"] if isinstance(fact.outcome, Event) else ():
                coin["derived"] = list(_DERIVED)
            found.append(fact)
    return found


def _ours(fact: Fact) -> Fact:
    """Not what the exchange says."""
    if isinstance(fact.outcome, Event):
        fact.outcome.source = "derived"
    return Fact(fact.outcome, None)
