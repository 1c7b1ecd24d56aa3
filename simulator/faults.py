"""KINDS: every fault the exchange can be told to have, and the ones that stand now. Pure: time is an argument.

A momentary fault happens once, when it is told. A standing one lasts for `seconds`, or for `times` hits, or until it is lifted.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from simulator.dialect import DIALECTS
from simulator.hostile import TEXTS
from simulator.market.pre_market import ENTRIES


class BadFault(Exception):
    """A fault that there is not; one sentence: what was found and what was expected."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True, omit_defaults=True):
    """One fault, as told by the control interface or a script.

    kind      one of KINDS
    how       which form of it; "" is the first one of its kind
    endpoint  where; * is everywhere
    topic     of which topics, a pattern as in file names; only kinds that look at topics ask
    op        of which requests: auth, subscribe, unsubscribe, ping; * is all; only `answer` asks
    seconds   how long it stands; 0: until its `times` are used up, or it is lifted
    times     how often it hits before it is over; 0: any number
    amount    see its kind
    """

    kind: str
    how: str = ""
    endpoint: str = "*"
    topic: str = "*"
    op: str = "*"
    seconds: float = 0.0
    times: int = 0
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A family of faults.

    words   what it does, for the documentation
    hows    its forms, the first is the default; empty: one form only
    stands  it lasts; else it happens at once
    most    the largest amount; 0: it has none
    """

    words: str
    hows: tuple[str, ...] = ()
    stands: bool = True
    most: float = 0.0


KINDS: dict[str, Kind] = {
    "cut": Kind(
        "ends the connections: without a word, with a close frame, amid a frame, or as a maintenance does",
        ("abort", "1000", "1001", "mid_frame", "maintenance"),
        stands=False,
    ),
    "refuse": Kind(
        "keeps new connections out: HTTP answers, a reset, no answer at all, or a cut amid the handshake",
        ("503", "429", "403", "reset", "hang", "mid_handshake"),
    ),
    "silence": Kind(
        "holds back what should be sent: everything, everything but pongs, or the pushes of matching topics",
        ("socket", "all_but_pongs", "topic"),
    ),
    "refuse_topic": Kind("refuses matching topics with the endpoint's own words, as if they did not exist"),
    "answer": Kind("drops answers, delays them by `amount` seconds, or gives them twice", ("drop", "delay", "twice"), most=3600.0),
    "login": Kind("refuses logins, and may hang up", ("refuse", "refuse_and_close")),
    "book": Kind(
        "spoils deltas of matching books: one `u` is skipped, sent twice, swapped with the next, or crossed",
        ("skip", "repeat", "reorder", "cross"),
    ),
    "drop": Kind("makes pushes of matching topics, private ones among them, and does not send them"),
    "odd": Kind(
        "makes private pushes odd in a way that was seen: tax rows, numbers for texts and the reverse, a wallet with blanks",
        ("extra_fees", "numbers", "blank_wallet", "smp_number", "smp_text"),
    ),
    "hostile": Kind("pushes texts that nobody should send", ("all", *TEXTS), stands=False),
    "restart": Kind(
        "begins books of matching symbols (`topic` is the symbol) anew with `u` 1, the full one empty: all, with snapshots; the full "
        "one alone, as after a new tick size; or for good, since the symbol is delisted",
        ("service", "tick", "delisted"),
        stands=False,
    ),
    "phase": Kind(
        "lets the pre-market of matching symbols (`topic` is the symbol) enter a phase, or trade as an ordinary perpetual",
        ENTRIES,
        stands=False,
    ),
    "clock": Kind("sets the exchange's clock ahead by `amount` milliseconds, or back where it is negative", most=3_600_000.0),
    "rest": Kind(
        "answers REST calls with an error",
        (
            "10006", "10016", "10000", "10002", "10003", "10004", "10005", "10007", "10010", "33004", "401", "403", "429", "503",
            "not_json", "delay",
        ),
        most=60.0,
    ),
    "key": Kind("takes the right to trade from the API key", ("read_only",)),
    "rate": Kind("multiplies the rate of trades by `amount`", most=100_000.0),
    "burst": Kind("moves the market `amount` times at once", stands=False, most=10_000.0),
}  # fmt: skip

OPS = ("auth", "subscribe", "unsubscribe", "ping")


def checked(fault: Fault) -> Fault:
    """The same with its form written out. Raises BadFault."""
    kind = KINDS.get(fault.kind)
    if kind is None:
        raise BadFault(f"found the fault {fault.kind!r}; expected one of {', '.join(KINDS)}")
    how = fault.how or (kind.hows[0] if kind.hows else "")
    if how != "" and how not in kind.hows:
        expected = f"one of {', '.join(kind.hows)}" if kind.hows else "none"
        raise BadFault(f"found how {how!r} of {fault.kind}; expected {expected}")
    if fault.endpoint != "*" and fault.endpoint not in DIALECTS:
        raise BadFault(f"found endpoint {fault.endpoint!r}; expected * or one of {', '.join(DIALECTS)}")
    if fault.op != "*" and fault.op not in OPS:
        raise BadFault(f"found op {fault.op!r}; expected * or one of {', '.join(OPS)}")
    if not abs(fault.amount) <= kind.most:
        raise BadFault(f"found amount {fault.amount:g} of {fault.kind}; expected at most {kind.most:g}")
    if not (0 <= fault.seconds <= 86_400 * 366 and 0 <= fault.times <= 10**9):
        raise BadFault(f"found seconds {fault.seconds:g} and times {fault.times}; expected none below 0")
    return msgspec.structs.replace(fault, how=how)


@dataclass(slots=True)
class Standing:
    """A fault that stands.

    until_ms  Unix milliseconds; None: until lifted
    left      hits until it is over; None: any number
    hits      so far
    """

    number: int
    fault: Fault
    until_ms: int | None
    left: int | None
    hits: int = 0


@dataclass(slots=True)
class Faults:
    """The faults that stand."""

    _standing: dict[int, Standing] = field(default_factory=dict)
    _count: int = 0

    def add(self, fault: Fault, now_ms: int) -> int:
        """Let it stand; its number, to lift it by."""
        self._count += 1
        until_ms = now_ms + int(fault.seconds * 1000) if fault.seconds else None
        self._standing[self._count] = Standing(self._count, fault, until_ms, fault.times or None)
        return self._count

    def lift(self, number: int | None = None) -> int:
        """One of them, or all; how many there were."""
        gone = [key for key in self._standing if number in (None, key)]
        for key in gone:
            del self._standing[key]
        return len(gone)

    def standing(self, now_ms: int) -> list[Standing]:
        for number, entry in list(self._standing.items()):
            if (entry.until_ms is not None and entry.until_ms <= now_ms) or entry.left == 0:
                del self._standing[number]
        return list(self._standing.values())

    def forms(self, kind: str, now_ms: int) -> set[str]:
        """The forms of a kind that stand; does not count as a hit."""
        return {entry.fault.how for entry in self.standing(now_ms) if entry.fault.kind == kind} if self._standing else set()

    def amount(self, kind: str, now_ms: int, default: float) -> float:
        """The amount of the newest of a kind; does not count as a hit."""
        found = [entry.fault.amount for entry in self.standing(now_ms) if entry.fault.kind == kind]
        return found[-1] if found else default

    def hit(self, kind: str, now_ms: int, *, endpoint: str, how: str = "", topic: str = "", op: str = "") -> Fault | None:
        """The oldest that matches, counted as a hit; None where nothing is wrong."""
        if not self._standing:
            return None
        for entry in self.standing(now_ms):
            fault = entry.fault
            if (
                fault.kind == kind
                and fault.endpoint in ("*", endpoint)
                and how in ("", fault.how)
                and (fault.op == "*" or fault.op == op)
                and (fault.topic == "*" or fnmatchcase(topic, fault.topic))
            ):
                entry.hits += 1
                entry.left = None if entry.left is None else entry.left - 1
                return fault
        return None
