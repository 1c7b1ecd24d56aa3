"""Which event must carry the id of a gap: of each topic that a row of `gaps` speaks of, the first one behind it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.chaos.excuses import Gap, is_of, milliseconds, told_at
from tests.chaos.order import place_of
from tests.chaos.recorder import Message


def unmarked(gaps: Sequence[Gap], messages: Sequence[Message]) -> Iterator[tuple[Gap, str]]:
    """Gaps of workers, and topics of them whose first event behind the gap does not carry its id.

    A gap that closes once REST has told what it missed is followed by that already; so it is the first event behind its beginning, or
    the first behind its end; or the first after it was told, by whichever process, for it begins with what the exchange had sent when
    it was last heard, and that may have been received a little later; where a process was away, the first of the next one, for its
    beginning is when the one before it last said how it was. One event follows on several gaps, and can carry one id. What the exchange
    tells again is an event of its own here, though it has the id of an earlier one.
    """
    by_topic: dict[tuple[str, str], list[Message]] = defaultdict(list)
    firsts: dict[tuple[object, ...], Message] = {}
    told = told_at(messages)
    for each in messages:
        firsts.setdefault(place_of(each), each)
    for each in firsts.values():
        if each.event_type != "system":
            by_topic[each.endpoint, each.topic].append(each)
    for gap in gaps:
        if gap["endpoint"] == "router":
            continue
        for (endpoint, topic), found in by_topic.items():
            rows = [row for row in gaps if is_of(row, endpoint, topic)]
            if is_of(gap, endpoint, topic) and not _is_marked(gap, rows, found, told[str(gap["id"])]):
                yield gap, topic


def _is_marked(gap: Gap, rows: Sequence[Gap], found: Sequence[Message], told: Sequence[int]) -> bool:
    """rows: of the topic. told: when the gap was, in milliseconds. True, too, where no event followed."""
    if gap["to_at"] is None:
        return True  # an open one is wrong enough
    began, ended = milliseconds(gap["from_at"]), milliseconds(gap["to_at"])
    if gap["cause"] == "missed":  # it is told of together with what it missed, in the moment in which it closes
        found = [each for each in found if each.source == "rest" and each.received_ms == ended]
        return not found or found[0].gap_id == str(gap["id"])
    since = {began + 1, ended}
    if gap["cause"] == "disk_full":
        since.add(began)  # what the disk refuses begins its gap, and follows it
    since |= {at_ms + more for at_ms in told for more in (0, 1)}
    heads = [each for since_ms in since for each in _head(found, since_ms)]
    if gap["cause"] == "restarted":
        next_ones = (after for before, after in pairwise(found) if after.epoch != before.epoch)
        heads += [each for each in next_ones if began <= each.received_ms <= ended]
    same = {
        str(row["id"])
        for row in rows
        if row["to_at"] is None or (row["to_at"] >= gap["from_at"] and gap["to_at"] >= row["from_at"])
    }
    return not heads or any(each.gap_id in same for each in heads)


def _head(found: Sequence[Message], since_ms: int) -> list[Message]:
    """The first that was received then or later, and what shares its millisecond."""
    later = [each for each in found if each.received_ms >= since_ms]
    return [each for each in later if each.received_ms == later[0].received_ms]
