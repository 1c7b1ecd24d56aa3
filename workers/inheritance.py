"""Inheritance: when an endpoint gets more processes or fewer, its topics move; what each of them had missed moves along. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from gateway.database.store import Wanted
from gateway.health.words import Absence
from gateway.occurrences import Gap, new_gap_id
from gateway.protocol.tape import Told
from workers.gaps import OpenGap
from workers.wanted import Wishes

#: Of a gap whose topics all went to other processes. It is no loss that their gaps do not tell.
MOVED = "its topics moved to other processes of the endpoint, whose gaps go on from here and tell what became of them"


@dataclass(slots=True)
class Left:
    """What one process of the old layout left.

    gaps     as it kept them
    absence  that nobody has told yet
    wishes   that it remembered
    told     topic → what was told of it last
    """

    gaps: Sequence[OpenGap] = ()
    absence: Absence | None = None
    wishes: Wishes | None = None
    told: Mapping[str, list[Told]] = field(default_factory=dict)


class Portion(msgspec.Struct):
    """What one process of the new layout takes up. told: topic → what was told of it last."""

    gaps: list[OpenGap]
    wishes: Wishes
    told: dict[str, list[Told]]


class Dealt(msgspec.Struct):
    """What an endpoint's topics were dealt to last: so many processes, and those of them that run on this host."""

    processes: int
    here: list[int]


class Division(msgspec.Struct):
    """All that is dealt at once, so that a death among its many files loses nothing.

    portions  number → its own
    gone      numbers of which nothing is left then
    """

    layout: Dealt
    portions: dict[int, Portion]
    gone: list[int]


@dataclass(slots=True)
class _Share:
    """What one heir gets: topic → until when something of it arrived, Unix milliseconds; and gaps that are not the connection's."""

    since_ms: dict[str, int] = field(default_factory=dict)
    lost: dict[str, tuple[bool, str]] = field(default_factory=dict)
    others: list[OpenGap] = field(default_factory=list)
    own: Gap | None = None


def portions(
    left: Mapping[int, Left], heirs: Collection[int], owner: Callable[[str], int], *, executor: int, now_ms: int
) -> dict[int, Portion]:
    """Heir → all that it takes up; see `share_gaps`."""
    gaps = share_gaps(left, heirs, owner, executor=executor, now_ms=now_ms)
    wishes = share_wishes((estate.wishes for estate in left.values() if estate.wishes is not None), heirs, owner)
    told = {topic: last for estate in left.values() for topic, last in estate.told.items()}
    return {
        number: Portion(gaps[number], wishes[number], {topic: last for topic, last in told.items() if owner(topic) == number})
        for number in heirs
    }


def share_gaps(
    left: Mapping[int, Left], heirs: Collection[int], owner: Callable[[str], int], *, executor: int, now_ms: int
) -> dict[int, list[OpenGap]]:
    """Heir → what it takes up, as if it had left that itself.

    heirs     the processes of the new layout on this host; a topic of another host's is missed there
    executor  of them, who takes what belongs to nobody's topic
    """
    shares = {number: _Share() for number in heirs}
    ended: dict[int, list[OpenGap]] = {}
    for number, estate in left.items():
        heir = number if number in shares else executor
        connection = next((kept for kept in estate.gaps if kept.is_of_connection), None)
        shares[heir].others += [kept for kept in estate.gaps if kept is not connection]
        for topic, at_ms in _missed(connection, estate.absence).items():
            if owner(topic) in shares:
                share = shares[owner(topic)]
                share.since_ms[topic] = min(at_ms, share.since_ms.get(topic, at_ms))
                if connection is not None and not connection.judged.get(topic, (True, ""))[0]:
                    share.lost[topic] = connection.judged[topic]
        if connection is not None:
            if heir == number:
                shares[heir].own = connection.gap
            ended.setdefault(heir, []).append(connection)
    return {number: _taken_up(share, ended.get(number, ()), now_ms) for number, share in shares.items()}


def _missed(connection: OpenGap | None, absence: Absence | None) -> dict[str, int]:
    """Topic → since when something of it may be missing."""
    found = dict.fromkeys(absence.topics, absence.since_ms) if absence is not None else {}
    if connection is not None:
        found |= {topic: connection.since_ms.get(topic, connection.gap.from_ms) for topic in connection.topics}
    return found


def _taken_up(share: _Share, connections: Iterable[OpenGap], now_ms: int) -> list[OpenGap]:
    found = list(share.others)
    own = share.own if share.since_ms else None  # of the gaps that end here, the one that goes on
    for kept in connections:
        if own is None or kept.gap.id != own.id:
            closed = replace(kept.gap, to_ms=max(now_ms, kept.gap.from_ms), recovered=True)
            found.append(OpenGap(closed, topics=kept.topics, detail=MOVED))
    if share.since_ms:
        first_ms = min(share.since_ms.values())
        gap = replace(own, from_ms=first_ms) if own is not None else Gap(new_gap_id(), "restarted", first_ms)
        later = {topic: at_ms for topic, at_ms in share.since_ms.items() if at_ms > first_ms}
        found.append(OpenGap(gap, topics=set(share.since_ms), since_ms=later, judged=share.lost))
    return found


def share_wishes(left: Iterable[Wishes], heirs: Collection[int], owner: Callable[[str], int]) -> dict[int, Wishes]:
    """Heir → what is wanted of it as far as the processes of the old layout last knew."""
    rows: dict[tuple[object, str], Wanted] = {}
    patterns: dict[tuple[object, str], Wanted] = {}
    named: dict[str, Sequence[str]] = {}
    for wishes in left:
        rows |= {(row.id, row.topic): row for row in wishes.rows}
        patterns |= {(row.id, row.topic): row for row in wishes.patterns}
        named |= wishes.named
    return {
        number: Wishes(
            [row for row in rows.values() if owner(row.topic) == number],
            [row for row in patterns.values() if owner(row.topic) == number],
            {pattern: topics for pattern, topics in named.items() if owner(pattern) == number},
        )
        for number in heirs
    }
