"""RECENT: what consumers were told of the account lately; whether a fact is new to them, or behind what they know.

                 note ◀── every private event that goes out
a fact of REST ─▶ verdict: NEW, TOLD (it was told), STALE (something newer was), YOUNG (the stream may still tell it)
a late frame   ─▶ is_late: REST has told it, or something newer, meanwhile
what is known  ─▶ learn: told before this process began, or before anybody listened
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from gateway.models import Event, Json, Payload
from gateway.protocol.decimals import canonical, decimal

#: Events that are remembered, and orders, positions and coins; the oldest are forgotten, and told again under the same id.
MOST = 100_000
#: Statuses of an order that is open. Source: protocol notes, section 7.4; the momentary `Triggered` goes on to one of them.
OPEN = ("New", "PartiallyFilled", "Untriggered", "Triggered")
#: Figures of a coin that a push tells; others move with the market, and nobody is told.
FIGURES = ("wallet_balance", "borrow_amount", "locked")


class Verdict(Enum):
    """On a fact that REST told."""

    NEW = auto()
    TOLD = auto()
    STALE = auto()
    YOUNG = auto()


@dataclass(frozen=True, slots=True)
class State:
    """The newest that was told of an order or a position.

    order    what tells the newer of two
    is_open  an order may be filled, a position has a size
    by_rest  it was REST that told it
    """

    order: tuple[int, Decimal]
    is_open: bool
    by_rest: bool


@dataclass(frozen=True, slots=True)
class Coin:
    """The newest that was told of a coin. figures: those of FIGURES, as numbers."""

    time_ms: int
    figures: tuple[str, ...]
    is_empty: bool


def part_of(event: Event) -> str:
    """The part of the account that an event belongs to: `order.linear`, `balance`."""
    return event.event_type if event.event_type == "balance" else f"{event.event_type}.{event.category}"


def name_of(event: Event) -> str:
    """What names an order or a position within its part."""
    payload = event.payload
    return str(payload["order_id"]) if event.event_type == "order" else f"{payload['symbol']}|{payload['mode']}"


def is_open(event: Event) -> bool:
    """Of an order or a position."""
    return event.payload["status"] in OPEN if event.event_type == "order" else decimal(event.payload["size"]) != 0


class Recent:
    """Used by one thread. Events of other classes are nobody's business here: `note` takes no notice."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._told: dict[int, bool] = {}  # of (event class, identity) → whether REST told it
        self._states: dict[tuple[str, str], State] = {}
        self._coins: dict[str, Coin] = {}

    def note(self, event: Event) -> None:
        """Consumers are told of it now."""
        self._keep(event, by_rest=event.source != "stream")

    def learn(self, event: Event) -> None:
        """What nobody needs to be told. Should the stream tell it all the same, it goes out."""
        self._keep(event, by_rest=False)

    def verdict(self, event: Event, *, settled_ms: int | None = None) -> Verdict:
        """settled_ms: what happened later is left to the stream for now; None: nothing is. Of a wallet ask `news` instead."""
        if _key(event) in self._told:
            return Verdict.TOLD
        if event.event_type in ("order", "position"):
            state = self._states.get((part_of(event), name_of(event)))
            if state is not None and (
                _order(event) < state.order or (event.event_type == "order" and is_open(event) and not state.is_open)
            ):
                return Verdict.STALE
        if settled_ms is not None and event.timestamp_ms > settled_ms:
            return Verdict.YOUNG
        return Verdict.NEW

    def is_late(self, event: Event) -> bool:
        """Whether the stream brings what REST has told already, or what is behind it. The stream may tell the same again later."""
        key = _key(event)
        if self._told.get(key, False):
            self._told[key] = False
            return True
        if event.event_type not in ("order", "position"):
            return False
        state = self._states.get((part_of(event), name_of(event)))
        return state is not None and state.by_rest and _order(event) < state.order

    def news(self, event: Event, *, changed: bool) -> Event | None:
        """What of a wallet consumers do not know better: the coins of which nothing newer was told. None: nothing is left.

        changed  only coins whose figures differ from what was told
        """
        kind = event.payload["account_type"]
        coins = [coin for coin in event.payload["coins"] if self._is_news(kind, coin, event.timestamp_ms, changed=changed)]
        event.payload = {**event.payload, "coins": coins}
        return event if coins else None

    def open_names(self) -> Mapping[str, frozenset[str]]:
        """Part → orders and positions that consumers believe open, and coins that hold something."""
        found = defaultdict[str, set[str]](set)
        for (part, name), state in self._states.items():
            if state.is_open:
                found[part].add(name)
        found["balance"] = {name for name, coin in self._coins.items() if not coin.is_empty}
        return {part: frozenset(names) for part, names in found.items()}

    def _keep(self, event: Event, *, by_rest: bool) -> None:
        if event.event_type == "balance":
            self._note_coins(event)
        elif event.event_type in ("order", "position"):
            key = part_of(event), name_of(event)
            state = State(_order(event), is_open(event), by_rest)
            before = self._states.pop(key, None)
            self._states[key] = state if before is None or before.order <= state.order else before
            _bound(self._states, self._most)
        elif event.event_type != "execution":
            return
        key_of_event = _key(event)
        self._told.pop(key_of_event, None)
        self._told[key_of_event] = by_rest
        _bound(self._told, self._most)

    def _note_coins(self, event: Event) -> None:
        for coin in event.payload["coins"]:
            name = f"{event.payload['account_type']}|{coin['coin']}"
            before = self._coins.pop(name, None)
            new = Coin(event.timestamp_ms, _figures(coin), is_empty(coin))
            self._coins[name] = new if before is None or before.time_ms <= new.time_ms else before
        _bound(self._coins, self._most)

    def _is_news(self, kind: Json, coin: Payload, time_ms: int, *, changed: bool) -> bool:
        told = self._coins.get(f"{kind}|{coin['coin']}")
        return told is None or (told.time_ms < time_ms and not (changed and told.figures == _figures(coin)))


def is_empty(coin: Payload) -> bool:
    """Whether a coin holds nothing, as far as it says."""
    return not any(decimal(coin.get(name)) for name in ("wallet_balance", "equity", "borrow_amount"))


def _figures(coin: Payload) -> tuple[str, ...]:
    return tuple(canonical(coin.get(name) or "0") for name in FIGURES)


def _order(event: Event) -> tuple[int, Decimal]:
    """Orders: update time, executed quantity. Positions: update time, `seq`. Source: protocol notes, sections 7.1 and 7.4."""
    payload = event.payload
    second = payload["executed_quantity"] if event.event_type == "order" else payload["position_sequence"]
    return event.timestamp_ms, decimal(second) or Decimal(0)


def _key(event: Event) -> int:
    """A text of a hundred characters costs ten times as much to keep."""
    return hash((event.event_type, event.identity))


def _reopens(event: Event, state: State) -> bool:
    """An order that is over stays so."""
    return event.event_type == "order" and is_open(event) and not state.is_open


def _bound(kept: dict[Json, Json], most: int) -> None:
    while len(kept) > most:
        del kept[next(iter(kept))]
