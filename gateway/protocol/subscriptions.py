"""A topic's life on one connection: one table of moves, told what was wanted, sent and heard, asked what to send next.

    REQUESTED ─ sent ─▶ ASKED ─ yes ─▶ ACKNOWLEDGED ─ frame ─▶ LIVE      (LIVE: channels that push on subscribe)
        ▲                 │ no                │ sent (unsubscribe)
        └─ retry ─ REFUSED┘                   └──────▶ LEAVING ─ yes ─▶ gone, or REQUESTED again

The wanted topics are a set that is compared with what is so: a lost wish or a lost answer heals itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf

from gateway.protocol.endpoints import Endpoint
from gateway.protocol.fitting import fitting
from gateway.protocol.frames import Ack
from gateway.protocol.renewal import Renewal
from gateway.protocol.topic import Answer, Op, Request, Topic
from gateway.protocol.topic_moves import HELD, MOVES, ON_WIRE, Heard, Phase
from gateway.protocol.verdicts import matching, verdicts

#: An acknowledgement so late is taken for lost; seconds. Observed: within 0.5 s. Two lost ones leave time for a third within 5 s.
ACK_TIMEOUT_S = 2.0
#: A slow exchange is waited for so many times as long as its last answer took, and at most so many seconds, or it was never heard.
SLOWER, ACK_LONGEST_S = 2.0, 8.0
#: Requests under way at once where the answer carries our req_id; elsewhere one at a time (protocol notes, section 5).
PIPELINE = 8
#: A channel that pushes on subscribe has pushed by then, or the acknowledgement was hollow: candles take up to 60 s, and options
#: are acknowledged whether they exist or not; seconds. Source: protocol notes, sections 5 and 6.7.
FIRST_FRAME_S = 75.0
#: A first frame that came so soon after the acknowledgement will do so again; seconds.
PROMPT_S = 2.0


@dataclass(slots=True)
class Subscriptions:
    """All topics of one worker's connection. Outlives connections: `lost` begins again, refusals keep their waits.

    silences   times in a row that an answer did not come; requests that were under way together count once
    unmatched  answers that fitted no request
    changes    goes up with whatever may have changed where a topic stands
    """

    endpoint: Endpoint
    silences: int = 0
    unmatched: int = 0
    changes: int = 0
    _topics: dict[str, Topic] = field(default_factory=dict)
    _requests: dict[str, tuple[Request, float]] = field(default_factory=dict)
    _late: dict[str, float] = field(default_factory=dict)  # requests of this connection that were given up, and when they were sent
    _gaps: list[tuple[str, str]] = field(default_factory=list)
    _patience_s: float = ACK_TIMEOUT_S
    _count: int = 0
    _moved: bool = False  # something changed since `to_send` last looked: it costs a walk over all topics
    _look_at: float = 0.0  # `tick` has nothing to do with any topic before: it costs another one
    _settled: bool | None = None  # and so does this; None: it is to be worked out

    def want(self, topics: Mapping[str, bool]) -> None:
        """Replace the wanted set: topic → whether the exchange pushes a frame on subscribe."""
        self._changed()
        makes_room = any(topic.wanted and name not in topics for name, topic in self._topics.items())
        for name, topic in list(self._topics.items()):
            topic.wanted = name in topics
            if makes_room and topic.wanted and topic.is_ours and topic.phase is Phase.REFUSED:
                self._move(name, Heard.RETRY)
            if not topic.wanted and topic.phase not in ON_WIRE:
                del self._topics[name]
        for name, pushes_first in topics.items():
            if name not in self._topics:
                self._topics[name] = Topic(pushes_first)

    def lost(self) -> None:
        """The connection is gone, and all that was on it."""
        self._requests.clear()
        self._late.clear()
        self._patience_s = ACK_TIMEOUT_S
        self.silences = 0
        for name in list(self._topics):
            self._move(name, Heard.LOST)

    def renew(self, name: str) -> None:
        """Leave a topic and ask for it again, for a fresh snapshot: at once, or when its pace allows it."""
        topic = self._topics.get(name)
        if topic is not None and topic.wanted and topic.phase in HELD and not topic.stale:
            topic.stale = True
            self._changed()

    def renew_prompt(self) -> str | None:
        """Renew one topic that answers with a snapshot at once; None where there is none to be asked."""
        for name, topic in self._topics.items():
            if topic.prompt and topic.phase is Phase.LIVE and topic.wanted:
                topic.renewal.hurry()
                self.renew(name)
                self._changed()  # it may have waited for a renewal before
                return name
        return None

    def is_held(self, name: str) -> bool:
        """Whether the exchange has acknowledged the topic."""
        return name in self._topics and self._topics[name].phase in HELD

    def is_live(self, name: str) -> bool:
        """Whether it has pushed since, as the channels do that push on subscribe."""
        return name in self._topics and self._topics[name].phase is Phase.LIVE

    def is_wanted(self, name: str) -> bool:
        return name in self._topics and self._topics[name].wanted

    def is_back(self, name: str) -> bool:
        """Whether nobody waits for it: it is held, and has pushed where it does at once; or it is refused, or not wanted."""
        return not self.is_wanted(name) or self._topics[name].is_settled

    def is_awaited(self, name: str) -> bool:
        """Whether a renewed topic is still to come back: nobody cancelled it, and the exchange did not refuse it."""
        topic = self._topics.get(name)
        return topic is not None and topic.wanted and topic.phase is not Phase.REFUSED

    def frame(self, name: str, now: float = 0.0) -> bool:
        """A push arrived; True when its topic is wanted, or still on the wire because it was."""
        topic = self._topics.get(name)
        if topic is None:
            return False
        if topic.phase is Phase.ASKED:
            topic.early = True
        elif topic.pushes_first and topic.phase is Phase.ACKNOWLEDGED:
            topic.prompt = now - topic.renewal.held_at <= PROMPT_S
            self._move(name, Heard.FIRST_FRAME)
        return True

    def heard(self, ack: Ack, now: float) -> list[Answer]:
        """An answer arrived: what it says of each topic that it decides; nothing where it fits no request."""
        request = matching([request for request, _ in self._requests.values()], ack)
        if request is None:
            self.unmatched += 1
            if ack.req_id in self._late:
                self._answered(self._late.pop(ack.req_id), now)
            return []
        self._answered(self._requests.pop(request.req_id)[1], now)
        words, answers = ack.message or "refused without words", []
        for name, heard in self._verdicts(request, ack):
            self._move(name, heard, error=words, now=now)
            if heard is not Heard.BYSTANDER:
                answers.append(Answer(request.op, name, request.req_id, words if heard is Heard.NO else None))
        return answers

    def tick(self, now: float, *, unread: bool = False) -> None:
        """Notice answers that did not come, unless they may be among unread frames, and refusals whose wait is over."""
        late = [req_id for req_id, (_, sent_at) in self._requests.items() if now - sent_at >= self._patience_s]
        overdue = [] if unread else late
        blamed = False
        for req_id in overdue:
            request, self._late[req_id] = self._requests.pop(req_id)
            blamed = blamed or not all(self._topics[name].in_doubt for name in request.topics)
            for name in request.topics:
                topic = self._topics[name]
                if topic.early and topic.wanted and not topic.pushes_first and not topic.is_missed:
                    topic.is_missed = True  # a new snapshot would make it good, but it has none
                    self._gaps.append(("gap", name))
                # Nobody knows whether the exchange answers who leaves what is not held.
                self._move(name, Heard.YES if topic.in_doubt and request.op == "unsubscribe" else Heard.SILENCE, now=now)
        self.silences += blamed
        if now >= self._look_at:
            self._look(now)

    def _look(self, now: float) -> None:
        """Notice what time has made of the topics; nothing changes in them until one of these moments, or somebody else changes it."""
        self._look_at = inf
        due = inf
        for name, topic in self._topics.items():
            if topic.phase is Phase.REFUSED and now >= topic.retry_at:
                # The private endpoint has one text for a topic that does not exist and for one that is held already.
                topic.in_doubt = self.endpoint.authenticates and not topic.is_ours
                self._move(name, Heard.DOUBT if topic.in_doubt else Heard.RETRY)
            elif topic.phase is Phase.ACKNOWLEDGED and topic.pushes_first and now - topic.renewal.held_at >= FIRST_FRAME_S:
                topic.hollow, topic.error = True, f"acknowledged, but no frame came within {FIRST_FRAME_S:g} s"
                self.renew(name)
            self._moved = (topic.awaits_renewal and topic.renewal.noticed(now)) or self._moved
            due = min(due, topic.due(FIRST_FRAME_S))
        self._look_at = min(self._look_at, due)

    def take_gaps(self) -> list[tuple[str, str]]:
        """("gap", topic) for one that delivered and is left to be asked for anew, ("recovered", topic) when it is back; once each."""
        taken, self._gaps = self._gaps, []
        return taken

    def to_send(self, now: float) -> list[Request]:
        """The requests to send now, counted as sent."""
        requests: list[Request] = []
        if not self._moved:
            return requests
        self._moved = False
        width = PIPELINE if self.endpoint.ack_match == "req_id" else 1
        while len(self._requests) < width and (request := self._next(now)) is not None:
            self._requests[request.req_id] = (request, now)
            for name in request.topics:
                self._move(name, Heard.SENT, now=now)
            requests.append(request)
        return requests

    @property
    def settled(self) -> bool:
        """Every wanted topic is held or refused, and every unwanted one gone."""
        if self._settled is None:
            self._settled = all(
                topic.phase in HELD or topic.phase is Phase.REFUSED for topic in self._topics.values() if topic.wanted
            )
        return self._settled

    @property
    def held(self) -> int:
        """Topics acknowledged on the wire."""
        return sum(topic.phase in HELD for topic in self._topics.values())

    def names_delivering(self) -> list[str]:
        """Wanted topics that were acknowledged on this connection, those among them that are being asked for anew."""
        return [
            name
            for name, topic in self._topics.items()
            if topic.wanted and topic.phase in ON_WIRE and (topic.phase in HELD or topic.renewal.held_at)
        ]

    def states(self) -> dict[str, tuple[str, str | None]]:
        """Wanted topic → the contract's word for its state, and the exchange's words where it refused."""
        return {name: (topic.word, topic.error) for name, topic in self._topics.items() if topic.wanted}

    def _changed(self) -> None:
        self._moved, self._look_at, self._settled = True, 0.0, None
        self.changes += 1

    def _answered(self, sent_at: float, now: float) -> None:
        """Somebody is there, if only slowly."""
        self.silences = 0
        self._patience_s = min(ACK_LONGEST_S, max(ACK_TIMEOUT_S, SLOWER * (now - sent_at)))

    def _next(self, now: float) -> Request | None:
        leaving = [name for name, topic in self._topics.items() if topic.is_left(now)]
        if leaving:  # those in doubt by themselves: their answer may never come
            in_doubt = self._topics[leaving[0]].in_doubt
            return self._request("unsubscribe", [name for name in leaving if self._topics[name].in_doubt == in_doubt])
        asking = self._fitting(now)
        if not asking:
            return None
        if self._topics[asking[0]].alone:
            return self._request("subscribe", asking[:1])
        return self._request("subscribe", [name for name in asking if not self._topics[name].alone])

    def _request(self, op: Op, names: list[str]) -> Request:
        self._count += 1
        return Request(op, tuple(names[: self.endpoint.topics_per_request]), f"{self._count}")

    def _fitting(self, now: float) -> list[str]:
        """Wanted topics that may be asked for now; what can never be beside the others is refused."""
        found, refused = fitting(self._topics, self.endpoint)
        for name, why in refused:
            self._topics[name].is_ours = True
            self._move(name, Heard.NO, error=why, now=now)
        return found

    def _verdicts(self, request: Request, ack: Ack) -> Iterable[tuple[str, Heard]]:
        found = verdicts(request, ack)
        if found is not None:
            return found
        for name in request.topics:
            self._topics[name].alone = True
        return [(name, Heard.BYSTANDER) for name in request.topics]

    def _move(self, name: str, heard: Heard, *, error: str | None = None, now: float = 0.0) -> None:
        self._changed()
        topic = self._topics[name]
        phase = MOVES[topic.phase, heard]
        if phase is Phase.REFUSED and heard is Heard.NO:
            topic.refuse(error, now)
        elif phase is Phase.LEAVING and topic.stale:
            topic.renewal.began(now)
        elif phase is Phase.ASKED:
            topic.stale = topic.is_ours = topic.in_doubt = False
        elif phase in HELD:
            topic.refusals, topic.alone = 0, False
            if phase is Phase.LIVE or not topic.pushes_first:
                topic.hollow, topic.error = False, None
            topic.renewal.held_at = now if heard is Heard.YES else topic.renewal.held_at
            if topic.is_missed:
                topic.is_missed = False
                self._gaps.append(("recovered", name))
        if phase is None and topic.wanted:
            topic.phase = Phase.REQUESTED
        elif phase is None or (not topic.wanted and phase not in ON_WIRE):
            del self._topics[name]
        else:
            topic.phase = phase
        if heard is Heard.YES and topic.early and topic.pushes_first and topic.phase is Phase.ACKNOWLEDGED:
            topic.prompt = True
            self._move(name, Heard.FIRST_FRAME)
        elif heard is Heard.SENT or heard is Heard.LOST:
            topic.early = False
        if heard is Heard.LOST:
            topic.stale, topic.renewal = False, Renewal()
            if topic.hollow:
                topic.hollow, topic.error = False, None
