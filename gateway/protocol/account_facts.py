"""What is made of the account's lists: the order of facts, and conclusions of ours from what is not listed any more."""

from collections.abc import Collection, Iterable
from typing import Any

from gateway.models import BadRecord, Event, Json
from gateway.protocol.account_parts import Part
from gateway.protocol.answers import Fact, events, facts_of
from gateway.protocol.decimals import decimal
from gateway.protocol.recent import is_empty, name_of

#: What a coin that has vanished from the wallet is told with, in the exchange's words; and which of our fields nobody told.
_NOTHING = dict.fromkeys(("walletBalance", "equity", "usdValue", "locked", "totalOrderIM", "totalPositionIM"), "0")
_DERIVED = ["wallet_balance", "available_balance", "frozen", "equity", "usd_value"]


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Once each, as they happened: by time, then `seq`, then as the exchange lists them; fills of one order by what they left of it.

    Source: protocol notes, section 9.3: equal times come unordered.
    """
    once: dict[Any, Fact] = {}
    for place, fact in enumerate(facts):
        once.setdefault(fact.outcome.identity if isinstance(fact.outcome, Event) else place, fact)
    first: dict[tuple[int, int, str], int] = {}

    def rank(entry: tuple[int, Fact]) -> tuple[int, int, int, Any]:
        place, outcome = entry[0], entry[1].outcome
        if isinstance(outcome, BadRecord):
            return 0, 0, place, 0
        payload = outcome.payload
        found = payload.get("cross_sequence")
        sequence = found if type(found) is int else 0
        among = first.setdefault((outcome.timestamp_ms, sequence, str(payload.get("order_id"))), place)
        left = decimal(payload.get("leaves_qty")) if outcome.event_type == "execution" else None
        return outcome.timestamp_ms, sequence, among, -(left or 0)

    return [fact for _, fact in sorted(enumerate(once.values()), key=rank)]


def names(facts: Iterable[Fact]) -> frozenset[str]:
    """Of orders or positions."""
    return frozenset(name_of(event) for event in events(facts))


def has_bad(facts: Iterable[Fact]) -> bool:
    """Whether something is listed that cannot be read: then it may be anything, and nothing follows from what is not listed."""
    return any(isinstance(fact.outcome, BadRecord) for fact in facts)


def flat(part: Part, name: str, at_ms: int) -> Fact:
    """A position that was open and that the exchange does not mention any more. It is our conclusion, and says so."""
    symbol, _, mode = name.rpartition("|")
    row = {"symbol": symbol, "size": "0", "side": "", "positionIdx": mode, "updatedTime": str(at_ms)}
    return _ours(_facts(part, {"category": part.category, "list": [row]}, at_ms)[0])


def held_coins(facts: Iterable[Fact]) -> frozenset[str]:
    """Coins that are listed and do not say that they hold nothing, as `account type|coin`."""
    return frozenset(
        f"{event.payload['account_type']}|{coin['coin']}"
        for event in events(facts)
        for coin in event.payload["coins"]
        if not is_empty(coin)
    )


def listed_coins(facts: Iterable[Fact]) -> frozenset[str]:
    """Those that are listed in any form."""
    return frozenset(
        f"{event.payload['account_type']}|{coin['coin']}" for event in events(facts) for coin in event.payload["coins"]
    )


def vanished(part: Part, facts: Iterable[Fact], believed: Collection[str]) -> list[Fact]:
    """Coins that the wallet held and does not list any more: an event of their own beside the account's, with zeros of ours."""
    found = []
    for fact in facts:
        if not isinstance(fact.outcome, Event):
            continue
        kind, row = fact.outcome.payload["account_type"], fact.raw
        coins = sorted(coin for of, _, coin in (name.partition("|") for name in believed) if of == kind)
        if coins:
            told = {"list": [{**row, "coin": [{"coin": coin, **_NOTHING} for coin in coins]}]}
            gone = _ours(_facts(part, told, fact.outcome.timestamp_ms)[0])
            for coin in gone.outcome.payload["coins"] if isinstance(gone.outcome, Event) else ():
                coin["derived"] = list(_DERIVED)
            found.append(gone)
    return found


def _facts(part: Part, result: Json, time_ms: int) -> list[Fact]:
    return facts_of(part.lists.path, {"result": result, "time": time_ms}, topic=part.topic, endpoint="private", category=None)


def _ours(fact: Fact) -> Fact:
    """Not what the exchange says."""
    if isinstance(fact.outcome, Event):
        fact.outcome.source = "derived"
    return Fact(fact.outcome, None)
