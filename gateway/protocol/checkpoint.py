"""The checkpoint of an account: how far each part of it has been told, and what was open then. A JSON value; nonsense in it is nothing.

A part is an event class of a category, such as `order.linear`; the wallet is one part.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.models import LATEST_MS, Json


@dataclass(frozen=True, slots=True)
class Mark:
    """Of one part.

    until_ms  the exchange's time: what came before was told, or is in the next read's overlap
    open      open orders by id, open positions as `symbol|mode`, coins that hold something as `account type|coin`
    """

    until_ms: int
    open: frozenset[str] = field(default_factory=frozenset)


#: Part → how far it is.
Checkpoint: TypeAlias = dict[str, Mark]


def to_json(checkpoint: Checkpoint) -> dict[str, Json]:
    return {part: {"until": mark.until_ms, "open": sorted(mark.open)} for part, mark in checkpoint.items()}


def from_json(found: Json) -> Checkpoint:
    """What is not a mark is left out."""
    if not isinstance(found, dict):
        return {}
    read = {part: _mark(value) for part, value in found.items()}
    return {part: mark for part, mark in read.items() if mark is not None}


def _mark(found: Json) -> Mark | None:
    if not isinstance(found, dict) or type(found.get("until")) is not int or not isinstance(found.get("open"), list):
        return None
    if not 0 <= found["until"] <= LATEST_MS:
        return None
    return Mark(found["until"], frozenset(name for name in found["open"] if isinstance(name, str)))
