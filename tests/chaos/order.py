"""Order, numbers and names of what came, for the judge. Pure; sentences of what is wrong, none where all is well."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from tests.chaos.excuses import Gap, Place, excuses_a_hole, is_of, milliseconds, told_at
from tests.chaos.recorder import Message
from tests.facts import identity

#: Events of the stream wait so long for what REST tells of a time away. Source: docs/GUARANTEES.md.
WAIT_S = 2.0

#: Event type → what must not go back within a routing key: (whose order it is, its place).
ORDERS: dict[str, Callable[[dict[str, Any]], tuple[Any, Any]]] = {
    "execution": lambda payload: ("", payload["exec_time"]),
    "order": lambda payload: (payload["order_id"], payload["updated_time"]),
    "position": lambda payload: (payload["mode"], payload["updated_time"]),
    "trade": lambda payload: ("", payload["cross_sequence"] or 0),
}


def place_of(message: Message) -> tuple[Any, ...]:
    """What two messages share only where one repeats the other."""
    return message.queue, message.key, message.epoch, message.sequence


def key_of(message: Message) -> tuple[Any, ...]:
    """The fact that it tells, with where it comes from: two categories may have facts that look the same."""
    return message.endpoint, message.topic, message.fact


def split(messages: Iterable[Message]) -> list[str]:
    """One thing under two ids, one number for two, or one id for two that differ."""
    ids: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    facts: dict[tuple[str, str], set[tuple[Any, ...]]] = defaultdict(set)
    for each in messages:
        ids[place_of(each)].add(each.event_id)
        named = identity(each.fact) if each.fact is not None else None
        if named is not None:
            ids[each.event_type, each.category, *named].add(each.event_id)
            facts[each.event_type, each.event_id].add(key_of(each))
    return [f"{named}: {sorted(found)}" for named, found in ids.items() if len(found) > 1] + [
        f"{named}: {sorted(map(str, found))}" for named, found in facts.items() if len(found) > 1
    ]


def misordered(firsts: Sequence[Message], gaps: Sequence[Gap]) -> list[str]:
    """Within a routing key; what processes tell of themselves, within a process."""
    wrong, waits = [], Waits(firsts, gaps)
    by_key: dict[tuple[str, str, str], list[Message]] = defaultdict(list)
    for each in firsts:
        by_key[each.queue, each.key, _process(each.epoch) if each.event_type == "system" else ""].append(each)
    for (_, key, _), found in by_key.items():
        seen: set[str] = set()
        for before, after in pairwise(found):
            seen.add(before.epoch)
            if _goes_back(before, after, seen):
                wrong.append(
                    f"{key}: {after.epoch} {after.sequence} after {before.epoch} {before.sequence}, message {after.number}"
                )
        newest: dict[Any, Message] = {}
        fetched: dict[Any, Message] = {}
        for each in found:
            if each.event_type in ORDERS and not _is_told_late(each, gaps):
                whose = ORDERS[each.event_type](each.payload)[0]
                for before in (newest.get(whose), fetched.get(whose) if each.source == "rest" else None):
                    if before is not None and _place(each) < _place(before) and not waits.are_over(before, each):
                        wrong.append(f"{key} {whose}: {_place(each)} after {_place(before)}, message {each.number}")
                        break
                for so_far in (newest, fetched) if each.source == "rest" else (newest,):
                    so_far[whose] = max(each, so_far.get(whose, each), key=_place)
    return wrong


def _goes_back(before: Message, after: Message, seen: set[str]) -> bool:
    """Epochs of one process sort by their start; those of two do not, but what one has left to another it does not take up again."""
    if _process(before.epoch) == _process(after.epoch):
        return (after.epoch, after.sequence) <= (before.epoch, before.sequence)
    return after.epoch in seen


def _place(message: Message) -> Any:
    return ORDERS[message.event_type](message.payload)[1]


class Waits:
    """How long the events of the stream waited for what REST tells of a time away. Once they waited long enough, they go first."""

    def __init__(self, messages: Sequence[Message], gaps: Iterable[Gap]) -> None:
        self._away = [gap for gap in gaps if gap["cause"] in ("disconnected", "restarted")]
        self._told = told_at(messages)
        self._live: dict[tuple[str, str], list[int]] = defaultdict(list)  # who waits together → when its events were received
        for each in messages:
            if each.source == "stream":
                self._live[_waits_with(each)].append(each.received_ms)
        for received in self._live.values():
            received.sort()

    def are_over(self, live: Message, fetched: Message) -> bool:
        """Whether the first event since the connection was back had waited for as long as it may when REST told this."""
        if (live.source, fetched.source) != ("stream", "rest"):
            return False
        received = self._live[_waits_with(fetched)]
        for gap in self._away:
            began_ms, ended_ms = milliseconds(gap["from_at"]), milliseconds(gap["to_at"]) if gap["to_at"] else math.inf
            if is_of(gap, fetched.endpoint, fetched.topic) and began_ms <= live.received_ms and fetched.received_ms <= ended_ms:
                told = self._told.get(str(gap["id"]), [])
                first = bisect_left(received, max((at_ms for at_ms in told if at_ms <= live.received_ms), default=began_ms))
                if first < len(received) and fetched.received_ms - received[first] >= WAIT_S * 1000:
                    return True
        return False


def _waits_with(message: Message) -> tuple[str, str]:
    """The account's topics wait together, others each for itself."""
    return message.endpoint, "" if message.endpoint == "private" else message.topic


def _process(epoch: str) -> str:
    """Source: docs/EVENTS.md, "which run of which process counted"."""
    return epoch.partition("Z-")[2]


def _is_told_late(message: Message, gaps: Iterable[Gap]) -> bool:
    """Whether an audit found it, and says so: newer events of its key had been told before it was found."""
    if message.event_type not in ("execution", "order") or message.source != "rest":
        return False
    missed = (gap for gap in gaps if gap["cause"] == "missed" and gap["endpoint"] == message.endpoint and gap["to_at"])
    return any(
        milliseconds(gap["from_at"]) <= message.timestamp_ms <= message.received_ms == milliseconds(gap["to_at"]) for gap in missed
    )


def holes(messages: Sequence[Message], gaps: Sequence[Gap]) -> list[str]:
    """Numbers that never came, of a key and epoch, below one that came; unless a row of `gaps` says that such were lost then."""
    by_run: dict[tuple[str, str, str], list[Message]] = defaultdict(list)
    begins: dict[str, int] = {}
    wrong = []
    for each in messages:
        begins[each.epoch] = min(each.received_ns, begins.get(each.epoch, each.received_ns))
        if each.event_type != "system":  # its key has counted before anybody listened
            by_run[each.queue, each.key, each.epoch].append(each)
    for (_, key, epoch), found in by_run.items():
        found.sort(key=lambda each: each.sequence)
        for before, after in pairwise([None, *found]):
            number, since_ns = (before.sequence, before.received_ns) if before else (0, begins[epoch])
            if after is not None and after.sequence > number + 1:
                place = Place(after.endpoint, after.topic, after.queue)
                if not any(excuses_a_hole(gap, place, since_ns, after.received_ns) for gap in gaps):
                    wrong.append(f"{key} {epoch}: {number} is followed by {after.sequence}")
    return wrong
