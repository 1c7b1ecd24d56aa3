"""PARTS of an account, and the REST lists that tell them. Source: protocol notes, sections 9.3 and 9.4.

Spot tells conditional orders only when asked for them; linear wants a settle coin; options without any coin are BTC's alone. Executions
know settle coins since 2026-01-13 only: those of options are asked by base coin, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.protocol.forms import CATEGORIES, family

Fields = Mapping[str, str]

_CONTRACTS = ("linear", "inverse", "option")
_BY_SETTLE_COIN: tuple[Fields, ...] = ({"settleCoin": "USDT"}, {"settleCoin": "USDC"})

#: All-in-one topic → the event class that it tells, and the categories that are read for it. execution.fast and greeks have no list.
TOPICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "execution": ("execution", CATEGORIES),
    "order": ("order", CATEGORIES),
    "spread.execution": ("execution", ("spread",)),
    "spread.order": ("order", ("spread",)),
    "position": ("position", _CONTRACTS),
    "wallet": ("balance", ("",)),
}


@dataclass(frozen=True, slots=True)
class Lists:
    """Where a part is told.

    path     of what there is now: executions, open orders, positions, the account
    history  of orders that are over
    queries  category → the fields of each call that together tell all of it
    limit    rows to a page; "" where the call has no pages
    """

    path: str
    queries: Mapping[str, tuple[Fields, ...]]
    limit: str
    history: str = ""


#: (event class, whether of spreads) → its lists.
LISTS: Mapping[tuple[str, bool], Lists] = {
    ("execution", False): Lists(
        "/v5/execution/list", {"spot": ({},), "linear": ({},), "inverse": ({},), "option": _BY_SETTLE_COIN}, "100"
    ),
    ("execution", True): Lists("/v5/spread/execution/list", {"spread": ({},)}, "50"),
    ("order", False): Lists(
        "/v5/order/realtime",
        {"spot": ({}, {"orderFilter": "StopOrder"}), "linear": _BY_SETTLE_COIN, "inverse": ({},), "option": _BY_SETTLE_COIN},
        "50",
        "/v5/order/history",
    ),
    ("order", True): Lists("/v5/spread/order/realtime", {"spread": ({},)}, "50", "/v5/spread/order/history"),
    ("position", False): Lists("/v5/position/list", {"linear": _BY_SETTLE_COIN, "inverse": ({},), "option": ({},)}, "200"),
    ("balance", False): Lists("/v5/account/wallet-balance", {"": ({"accountType": "UNIFIED"},)}, ""),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One event class of one category, and the topic that it is wanted under. category: "" for the wallet."""

    event_type: str
    category: str
    topic: str

    @property
    def name(self) -> str:
        """As in checkpoints."""
        return f"{self.event_type}.{self.category}" if self.category else self.event_type

    @property
    def lists(self) -> Lists:
        return LISTS[self.event_type, self.category == "spread"]

    @property
    def of_category(self) -> Fields:
        """What every call names; spreads and the wallet have none."""
        return {"category": self.category} if self.category in CATEGORIES else {}

    def queries(self, coins: Sequence[str]) -> list[Fields]:
        """The calls that together tell all of it. coins: whose options are looked for."""
        found = list(self.lists.queries[self.category])
        if self.category == "option" and self.event_type == "execution":
            found += [{"baseCoin": coin} for coin in coins]
        return found


def parts_of(topics: Iterable[str]) -> list[Part]:
    """Of the topics that somebody wants, those that REST can tell: executions and orders first, positions and the wallet last."""
    found = {}
    for topic in topics:
        whole, narrower = family(topic)
        event_type, categories = TOPICS.get(whole, ("", ()))
        for category in categories if narrower is None else [each for each in categories if each == narrower]:
            part = Part(event_type, category, topic)
            found[part.name] = part
    order = [event_type for event_type, _ in LISTS]
    return sorted(found.values(), key=lambda part: order.index(part.event_type))
