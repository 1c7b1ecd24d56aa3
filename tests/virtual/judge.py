"""The judge: what the exchange's ledger says was sent, against what came out of the gateway and what the gateway said is missing.

Shares no code with the normalisers, but for what is a frame at all: `facts.py` names each fact of a frame.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from world import Worker

from gateway.protocol.frames import Data, parse
from simulator.ledger import Entry, Ledger
from tests.facts import fact_of_event, facts_of_frame, milliseconds


@dataclass(slots=True)
class Verdict:
    """What the judge found.

    sent      facts in the ledger
    arrived   of them, in the gateway's events
    reported  of them, not arrived, and said to be missing: the end of a connection, or a gap of the topic
    gaps      of books and tickers, that the gateway reported
    wrong     sentences; empty is well
    """

    sent: int = 0
    arrived: int = 0
    reported: int = 0
    gaps: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Told:
    """What the gateway said is missing; Unix milliseconds.

    ends  of connections
    gaps  topic → from, until
    """

    ends: list[int]
    gaps: dict[str, list[tuple[int, int]]]

    def explains(self, topic: str, sent_ms: int, slack_ms: int) -> bool:
        lost_in_cut = any(sent_ms <= end <= sent_ms + slack_ms for end in self.ends)
        return lost_in_cut or any(begin <= sent_ms + TURN_MS and sent_ms <= end for begin, end in self.gaps.get(topic, []))


#: A worker in the virtual world reads within this; milliseconds.
TURN_MS = 1000

Payload = dict[str, Any]


def told_by(worker: Worker) -> Told:
    """From its `system` events; a gap of a topic ends with its recovery, or with the connection. A topic that was silent lost nothing."""
    told, begun = Told([], defaultdict(list)), {}
    for occurrence in worker.occurrences():
        at, topic, gap_id = milliseconds(occurrence["timestamp"]), occurrence["topic"], occurrence["gap_id"]
        if occurrence["kind"] == "disconnected":
            told.ends.append(at)
            for broken, since in begun.values():
                told.gaps[broken].append((since, at))
            begun = {}
        elif occurrence["kind"] == "gap":
            begun[gap_id] = topic, at
        elif occurrence["kind"] == "recovered" and gap_id in begun:  # else the connection has ended it before
            broken, since = begun.pop(gap_id)
            told.gaps[broken].append((since, at))
    for broken, since in begun.values():
        told.gaps[broken].append((since, 1 << 62))
    return told


def judge(worker: Worker, ledger: Ledger, *, slack_ms: int) -> Verdict:
    """Compare, in order and topic by topic. slack_ms: between a cut and the gateway's word of it."""
    verdict, told = Verdict(), told_by(worker)
    verdict.gaps = sum(map(len, told.gaps.values()))
    events: dict[str, list[tuple[tuple[Any, ...], Payload]]] = defaultdict(list)
    for record in worker.bus.records:
        # Not what the gateway makes itself, and not hostile texts of a topic that there is not: the ledger knows neither.
        if record.topic and record.event_type not in ("system", "funding", "raw"):
            event = json.loads(record.body)
            events[record.topic].append((fact_of_event(event), event["payload"]))
    by_topic: dict[str, list[Entry]] = defaultdict(list)
    for entry in ledger.read(endpoint=worker.delivery.endpoint.name, direction="sent"):
        if entry.topic:
            by_topic[entry.topic].append(entry)
    spoilt = _spoilt(worker, ledger)
    for topic, entries in by_topic.items():
        arrived = _walk(topic, entries, events.pop(topic, []), told, slack_ms, verdict)
        if topic.startswith("orderbook."):
            _check_book(topic, arrived, spoilt[topic], len(told.gaps.get(topic, [])), verdict)
    verdict.wrong += [f"{topic}: {len(found)} events that nobody sent" for topic, found in events.items()]
    return verdict


def _spoilt(worker: Worker, ledger: Ledger) -> dict[str, list[Entry]]:
    """Topic → frames of it that nobody can read: what they would have changed is not known, so they break a book."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in ledger.read(endpoint=worker.delivery.endpoint.name, direction="sent"):
        frame = parse(entry.text.encode()) if not entry.topic else None
        if isinstance(frame, Data):
            found[frame.topic].append(entry)
    return found


def _walk(
    topic: str, entries: list[Entry], found: list[tuple[tuple[Any, ...], Payload]], told: Told, slack_ms: int, verdict: Verdict
) -> list[tuple[Entry, Payload]]:
    """Ledger and events side by side: every fact arrived, in its order, or the gateway said that something is missing there."""
    place, arrived = 0, []
    for entry in entries:
        for fact in facts_of_frame(topic, json.loads(entry.text)):
            verdict.sent += 1
            if place < len(found) and found[place][0] == fact:
                verdict.arrived += 1
                arrived.append((entry, found[place][1]))
                place += 1
            elif told.explains(topic, entry.sent_ns // 1_000_000, slack_ms):
                verdict.reported += 1
            else:
                at = entry.sent_ns // 1_000_000
                verdict.wrong.append(f"{topic}: sent at {at} on connection {entry.connection}, not arrived, not reported: {fact}")
    verdict.wrong += [f"{topic}: an event that was not sent, or is out of its order: {fact}" for fact, _ in found[place:]]
    return arrived


def _check_book(topic: str, arrived: list[tuple[Entry, Payload]], spoilt: list[Entry], gaps: int, verdict: Verdict) -> None:
    """`in_sync` is true exactly while the `u` that arrived are unbroken and all could be read, and each break was reported once."""
    connection, last, whole, breaks, place = 0, None, False, 0, 0
    newest = {entry.connection: entry.number for entry, _ in arrived}
    after = {entry.connection for entry in spoilt if entry.number > newest.get(entry.connection, 0)}  # read, or lost in the cut
    for entry, payload in arrived:
        if entry.connection != connection:
            connection, last, whole = entry.connection, None, True
        frame = json.loads(entry.text)
        update_id = frame["data"]["u"]
        while place < len(spoilt) and spoilt[place].number < entry.number:
            if spoilt[place].connection == connection:
                breaks, whole = breaks + whole, False
            place += 1
        was = whole
        if frame["type"] == "snapshot" or update_id == 1:
            whole = True
        elif last is None or update_id != last + 1:
            whole = False
        breaks += was and not whole
        last = update_id
        if payload["in_sync"] != whole:
            verdict.wrong.append(
                f"{topic}: in_sync {payload['in_sync']} at u {update_id} of connection {connection}; expected {whole}"
            )
    if not breaks <= gaps <= breaks + len(after):
        verdict.wrong.append(f"{topic}: {breaks} breaks arrived, {gaps} were reported")
