"""One client's conversation: login, subscribe, unsubscribe, ping, and the pushes it asked for. Pure: the line and the time are given."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from simulator.agenda import Agenda
from simulator.choices import Choices
from simulator.dialect import LONE_TOPICS, PRIVATE_TOPICS, REPEATED, Dialect, Message, compact, conflicts, escaped
from simulator.faults import Fault, Faults
from simulator.ledger import Direction, Ledger
from simulator.rest import signing

#: Digits of an expiry that are read.
MOST_DIGITS = 18


class Line(Protocol):
    """The socket below a conversation. `write` may take its time; whoever writes calls `Connection.left` when a text goes."""

    def write(self, topic: str, text: str) -> None: ...

    def abort(self) -> None:
        """Cut it without a word."""

    def close(self, code: int) -> None:
        """End it with a close frame, after what waits."""

    def tear(self, text: str) -> None:
        """Send the first half of a frame that holds this text, and cut the line."""


@dataclass(frozen=True, slots=True)
class World:
    """What a conversation asks of the rest of the exchange.

    key_pairs  API key → secret, of those that are good now
    clock_ms  the true time, Unix milliseconds: faults, waits and idleness go by it
    now_ms    the exchange's own clock, which may be wrong
    exists    whether a topic exists in a category
    first     the frames that a new subscriber gets at once
    held      told when a connection takes (True) or leaves (False) a topic
    """

    key_pairs: Mapping[str, str]
    choices: Choices
    faults: Faults
    ledger: Ledger
    agenda: Agenda
    clock_ms: Callable[[], int]
    now_ms: Callable[[], int]
    exists: Callable[[str | None, str], bool]
    first: Callable[[str | None, str, int], list[Message]]
    held: Callable[["Connection", str, bool], None]


@dataclass(eq=False, slots=True)
class Connection:
    """An open WebSocket.

    idle_ms    without a ping and without a push for this long it is cut at the next scan
    active_ms  the newest of either
    """

    number: int
    dialect: Dialect
    line: Line
    world: World
    idle_ms: int
    active_ms: int
    authenticated: bool = False
    topics: dict[str, None] = field(default_factory=dict)
    conn_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _swapped: dict[str, tuple[str, str]] = field(default_factory=dict)  # a frame that waits for the one that overtakes it

    @property
    def endpoint(self) -> str:
        return self.dialect.endpoint

    def receive(self, text: str) -> None:
        """Answer one request. Any text gets an answer."""
        self._note("received", "", text)
        try:
            message = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("op"), str):
            words = self.world.choices.unreadable_words
            self._say("", {"success": False, "ret_msg": words, "conn_id": self.conn_id, "op": ""})
            return
        req_id = message.get("req_id") if isinstance(message.get("req_id"), str) else None
        op, args = message["op"], message.get("args")
        if op == "ping":
            self.active_ms = self.world.clock_ms()
            self._say(op, self.dialect.pong(self.conn_id, req_id, self.world.now_ms()))
        elif op == "auth" and self.endpoint == "private":
            self._login(req_id, args)
        elif op in ("subscribe", "unsubscribe") and isinstance(args, list) and args and all(isinstance(arg, str) for arg in args):
            self._subscribe(op, req_id, args)
        else:
            words = self.world.choices.unreadable_words
            self._say(op, {"op": op, "success": False, "conn_id": self.conn_id, "ret_msg": words})

    def push(self, topic: str, frame: Message, text: str) -> None:
        """Send a frame of a topic that is held, as the faults that stand let it through."""
        if self._hit("drop", topic=topic) or self._hit("silence", how="topic", topic=topic) or self._is_silent():
            self._note("withheld", topic, text)
            return
        self.active_ms = self.world.clock_ms()
        is_delta = topic.startswith("orderbook.") and frame.get("type") == "delta"
        spoilt = self._hit("book", topic=topic) if is_delta and topic not in self._swapped else None
        if spoilt is None:
            self.send(topic, text)
        elif spoilt.how == "skip":
            self._note("withheld", topic, text)
        elif spoilt.how == "repeat":
            self.send(topic, text)
            self.send(topic, text)
        elif spoilt.how == "reorder":
            self._swapped[topic] = (topic, text)
            return
        else:
            self._note("withheld", topic, text)
            self.send(topic, compact(crossed(frame)))
        if topic in self._swapped:
            self.send(*self._swapped.pop(topic))

    def send(self, topic: str, text: str) -> None:
        """Any text, whatever stands in its way."""
        self.line.write(topic, text)

    def left(self, topic: str, text: str) -> None:
        """A text goes onto the line now."""
        self._note("sent", topic, text)

    def pinged(self) -> bool:
        """A ping control frame came; whether to answer it."""
        self.active_ms = self.world.clock_ms()
        return not self._is_silent(pong=True)

    def leave_all(self) -> None:
        for topic in self.topics:
            self._forget(topic)
        self.topics = {}

    def _forget(self, topic: str) -> None:
        """It is left; a frame of it that waits to be overtaken is not sent any more."""
        self.world.held(self, topic, False)
        if topic in self._swapped:
            self._note("withheld", *self._swapped.pop(topic))

    def _login(self, req_id: str | None, args: Any) -> None:
        """A second login that fails takes nothing away."""
        world = self.world
        refused = self._hit("login")
        ok = refused is None and self._is_signed(args) and not (self.authenticated and world.choices.second_login == "refuse")
        self.authenticated = self.authenticated or ok
        echo = {} if req_id is None else {"req_id": req_id}
        words = "" if ok else "Params Error"
        self._say("auth", {**echo, "success": ok, "ret_msg": words, "op": "auth", "conn_id": self.conn_id})
        hangs_up = world.choices.close_after_refused_login == "yes" or (refused is not None and refused.how == "refuse_and_close")
        if not ok and hangs_up:
            self.line.close(1000)

    def _is_signed(self, args: Any) -> bool:
        """The expiry is a number by the documents; ccxt sends it as a text, and is let in."""
        match args:
            case [str(key), int() | str() as expiry, str(signature)]:
                text, world = str(expiry), self.world
                ahead = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS and int(text) > world.now_ms()
                secret = world.key_pairs.get(key)
                return secret is not None and ahead and signing.is_signed(f"GET/realtime{text}", signature, secret)
        return False

    def _subscribe(self, op: str, req_id: str | None, topics: list[str]) -> None:
        accepted, refused, words = self._judge(op, topics)
        held = [topic for topic in dict.fromkeys(accepted) if self._is_held(op, topic)]
        for topic in held:
            if op == "subscribe":
                self.world.held(self, topic, True)
                self.topics[topic] = None
            else:
                self._forget(topic)
                del self.topics[topic]
        self._say(op, self.dialect.ack(op, self.conn_id, req_id, accepted, refused, words))
        now_ms = self.world.now_ms()
        for topic in held if op == "subscribe" else ():
            for frame in self.world.first(self.dialect.category, topic, now_ms):
                self.push(topic, frame, compact(frame))

    def _is_held(self, op: str, topic: str) -> bool:
        """Whether an accepted request changes something; a topic that is acknowledged and does not exist never sends."""
        return (topic in self.topics) == (op == "unsubscribe")

    def _judge(self, op: str, topics: list[str]) -> tuple[list[str], list[str], str]:
        """Which topics are accepted, which refused, and the words of a refusal of the whole request."""
        words = self._refusal(op, topics)
        if words:
            return [], topics, words
        if self.dialect.all_or_none:
            return topics, [], ""
        judge = self._may_leave if op == "unsubscribe" else self._may_take
        accepted: list[str] = []
        refused: list[str] = []
        for topic in topics:
            (accepted if judge(topic, accepted) else refused).append(topic)
        return accepted, refused, ""

    def _may_leave(self, topic: str, _accepted: list[str]) -> bool:
        return topic in self.topics or self.world.choices.unknown_unsubscribe == "accept"

    def _may_take(self, topic: str, accepted: list[str]) -> bool:
        if self._is_refused(topic):
            return False
        if self.endpoint == "private":
            return self._exists(topic) and not conflicts(topic, [*self.topics, *accepted])
        return self._exists(topic) or self.world.choices.option_refusals == "faithful"

    def _refusal(self, op: str, topics: list[str]) -> str:
        """Why the whole request is refused; "" where it is not."""
        dialect, held = self.dialect, dict.fromkeys([*self.topics, *topics])
        choices = self.world.choices
        if dialect.most_topics is not None and len(topics) > dialect.most_topics:
            return f"args size >{dialect.most_topics}"
        if dialect.endpoint == "private" and not self.authenticated:
            return choices.no_login_words
        if op == "unsubscribe":
            strange = [topic for topic in topics if topic not in self.topics]
            refuses = dialect.all_or_none and choices.unknown_unsubscribe == "refuse"
            return dialect.unknown.format(topic=strange[0]) if strange and refuses else ""
        if dialect.characters is not None and sum(map(len, held)) > dialect.characters:
            return choices.too_large_words
        if dialect.most_held is not None and len(held) > dialect.most_held:
            return choices.too_large_words
        if not dialect.all_or_none:
            return ""
        for topic in topics:
            if not self._exists(topic) or self._is_refused(topic):
                return dialect.unknown.format(topic=topic)
        for place, topic in enumerate(topics):
            if topic in self.topics or topic in topics[:place]:
                return REPEATED.format(topic=topic)
        return ""

    def _is_refused(self, topic: str) -> bool:
        return self._hit("refuse_topic", topic=topic) is not None

    def _exists(self, topic: str) -> bool:
        if self.endpoint == "private":
            return topic in PRIVATE_TOPICS
        if self.endpoint in LONE_TOPICS:
            return topic == LONE_TOPICS[self.endpoint]
        return self.world.exists(self.dialect.category, topic)

    def _hit(self, kind: str, *, how: str = "", topic: str = "", op: str = "") -> Fault | None:
        return self.world.faults.hit(kind, self.world.clock_ms(), endpoint=self.endpoint, how=how, topic=topic, op=op)

    def _is_silent(self, *, pong: bool = False) -> bool:
        return self._hit("silence", how="socket") is not None or (
            not pong and self._hit("silence", how="all_but_pongs") is not None
        )

    def _say(self, op: str, message: Message) -> None:
        """An answer to a request, as the faults that stand let it through."""
        text, world = escaped(compact(message)), self.world
        fault = self._hit("answer", op=op)
        if self._is_silent(pong=op == "ping") or (fault is not None and fault.how == "drop"):
            self._note("withheld", "", text)
        elif fault is not None and fault.how == "delay":
            world.agenda.at(world.clock_ms() + int(fault.amount * 1000), lambda: self.send("", text))
        else:
            for _ in range(2 if fault is not None and fault.how == "twice" else 1):
                self.send("", text)

    def _note(self, direction: Direction, topic: str, text: str) -> None:
        self.world.ledger.write(self.number, self.endpoint, direction, topic, text)


def crossed(frame: Message) -> Message:
    """The same delta with a bid far above every ask."""
    data = frame["data"]
    lifted = [["99999999", "1"], *data["b"]]
    return {**frame, "data": {**data, "b": lifted}}
