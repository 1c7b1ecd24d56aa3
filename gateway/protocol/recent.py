"""RECENT: what consumers were told of the account lately; whether a fact is new to them, or behind what they know.

                 note ◀── every private event that goes out
a fact of REST ─▶ verdict: NEW, TOLD (it was told), STALE (something newer was), YOUNG (the stream may still tell it)
a late frame   ─▶ is_late: REST has told it, or something newer, meanwhile; of a wallet some coins may be left
what is known  ─▶ learn: told before this process began, or before anybody listened
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from gateway.models import Event, Payload
from gateway.protocol.decimals import canonical, decimal
from gateway.protocol.lately import MOST, Lately

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

    key      of the event that told it
    order    what tells the newer of two
    is_open  an order may be filled, a position has a size
    by_rest  it was REST that told it
    """

    key: int
    order: tuple[int, Decimal]
    is_open: bool
    by_rest: bool


@dataclass(frozen=True, slots=True)
class Coin:
    """The newest that was told of a coin. figures: those of FIGURES, as numbers; by_rest: it was REST that told it."""

    time_ms: int
    figures: tuple[str, ...]
    is_empty: bool
    by_rest: bool


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
    """Used by one thread. Events of other classes are nobody's business here: `note` takes no notice.

    doubted_ms  when the newest wallet was read that differs from what was told, and has to be looked at again
    """

    def __init__(self, most: int = MOST) -> None:
        """most: events that are remembered however old they are, and orders and positions; see `lately.py`."""
        self.doubted_ms = 0
        self._told = Lately[int, bool](most)  # of (event class, identity) → whether REST told it
        self._states = Lately[tuple[str, str], State](most)
        self._coins = Lately[str, Coin](most)
        self._doubts = Lately[str, tuple[str, ...]](most)  # coin → figures that it was said to have, and that nobody was told

    def note(self, event: Event) -> None:
        """Consumers are told of it now."""
        self._keep(event, by_rest=event.source != "stream")

    def learn(self, event: Event) -> None:
        """What nobody needs to be told. Should the stream tell it all the same, it goes out."""
        self._keep(event, by_rest=False)

    def verdict(self, event: Event, *, settled_ms: int | None = None) -> Verdict:
        """settled_ms: what happened later is left to the stream for now; None: nothing is. Of a wallet ask `news` instead."""
        if self._told.get(_key(event)) is not None:
            return Verdict.TOLD
        state = self._state(event)
        if state is not None and (_order(event) < state.order or _reopens(event, state)):
            return Verdict.STALE
        if settled_ms is not None and event.timestamp_ms > settled_ms:
            return Verdict.YOUNG
        return Verdict.NEW

    def is_late(self, event: Event) -> bool:
        """Whether the stream brings what REST has told already, or what is behind it. The stream may tell the same again later.

        A wallet loses the coins of which REST has told something newer; it is late when none is left.
        """
        if event.event_type == "balance":
            return self._is_wallet_late(event)
        key = _key(event)
        if self._told.get(key):
            self._told.put(key, False, event.timestamp_ms)
            return True
        state = self._state(event)
        return state is not None and state.by_rest and state.key != key and not _follows(event, state)

    def news(self, event: Event, *, settled_ms: int | None = None) -> Event | None:
        """What of a wallet consumers do not know better: the coins of which nothing newer was told. None: nothing is left.

        settled_ms  of an audit: only coins of which nothing was told since then, and that differ from what was told in the same way as
                    when they were last looked at: what was read may be older than it says, and the stream about to tell it
        """
        kind = event.payload["account_type"]
        coins = [
            coin for coin in event.payload["coins"] if self._is_news(f"{kind}|{coin['coin']}", coin, event.timestamp_ms, settled_ms)
        ]
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

    def forget(self, part: str, names: Iterable[str]) -> None:
        """Orders that nobody will ever tell more of: they are not believed open any longer."""
        for name in names:
            self._states.drop((part, name))

    def keep(self, parts: Collection[str]) -> None:
        """Nobody wants the others: what was told of them is not followed any further."""
        for part, name in [key for key, _ in self._states.items() if key[0] not in parts]:
            self._states.drop((part, name))
        for name in [] if "balance" in parts else [name for name, _ in self._coins.items()]:
            self._coins.drop(name)
            self._doubts.drop(name)

    def _state(self, event: Event) -> State | None:
        """Of its order or position."""
        is_state = event.event_type in ("order", "position")
        return self._states.get((part_of(event), name_of(event))) if is_state else None

    def _keep(self, event: Event, *, by_rest: bool) -> None:
        if event.event_type == "balance":
            self._note_coins(event, by_rest=by_rest)
        elif event.event_type in ("order", "position"):
            new, before = State(_key(event), _order(event), is_open(event), by_rest), self._state(event)
            state = new if before is None or (before.order <= new.order and not _reopens(event, before)) else before
            self._states.put((part_of(event), name_of(event)), state, state.order[0])
        elif event.event_type != "execution":
            return
        self._told.put(_key(event), by_rest, event.timestamp_ms)

    def _note_coins(self, event: Event, *, by_rest: bool) -> None:
        for coin in event.payload["coins"]:
            name = f"{event.payload['account_type']}|{coin['coin']}"
            before = self._coins.get(name)
            if before is None or before.time_ms <= event.timestamp_ms:
                self._coins.put(name, Coin(event.timestamp_ms, _figures(coin), is_empty(coin), by_rest), event.timestamp_ms)
                self._doubts.drop(name)

    def _is_wallet_late(self, event: Event) -> bool:
        kind, left = event.payload["account_type"], []
        for coin in event.payload["coins"]:
            name = f"{kind}|{coin['coin']}"
            told = self._coins.get(name)
            if told is None or not told.by_rest or told.time_ms <= event.timestamp_ms:
                left.append(coin)
            elif told.figures != _figures(coin):
                self._doubts.put(name, _figures(coin), told.time_ms)  # should REST have lagged, the next audit says the same
        if len(left) == len(event.payload["coins"]):
            return False
        event.payload = {**event.payload, "coins": left}
        return not left

    def _is_news(self, name: str, coin: Payload, time_ms: int, settled_ms: int | None) -> bool:
        told, figures = self._coins.get(name), _figures(coin)
        if told is not None and told.time_ms >= time_ms:
            return False
        if settled_ms is None:
            return True
        if told is not None and (told.figures == figures or told.time_ms > settled_ms):
            self._doubts.drop(name)
            return False
        if self._doubts.get(name) == figures:
            return True
        self._doubts.put(name, figures, time_ms)
        self.doubted_ms = time_ms
        return False


def is_empty(coin: Payload) -> bool:
    """Whether a coin says that it holds nothing; one whose figures cannot be read, or that has none, does not."""
    said = [coin[name] for name in ("wallet_balance", "equity", "borrow_amount") if coin.get(name) is not None]
    return bool(said) and all(decimal(figure) == 0 for figure in said)


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


def _follows(event: Event, state: State) -> bool:
    """Whether the stream's word of an order or a position is newer than what REST told. Of two words of one moment REST's is the last,
    but for the end of an order that REST told open."""
    order = _order(event)
    ends = event.event_type == "order" and state.is_open and not is_open(event)
    return (order > state.order or (order == state.order and ends)) and not _reopens(event, state)


def _reopens(event: Event, state: State) -> bool:
    """An order that is over stays so."""
    return event.event_type == "order" and is_open(event) and not state.is_open
