"""A simulated exchange without sockets: its signed calls in the place of SignedRest, its pushes as events, and a clock that is told."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.errors import ExchangeError
from gateway.exchange import paging
from gateway.exchange.calls import Answer
from gateway.models import Event
from gateway.protocol import channels
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory
from simulator.account_control import Do, act
from simulator.dialect import Message, compact
from simulator.exchange import Exchange, Options
from simulator.rest import account_calls
from simulator.rest.signing import Refused

BEGAN_MS = 1_782_864_000_000
TOPICS = ("order", "execution", "position", "wallet")


class World:
    """The exchange, its clock, and what its private stream told.

    told    events of all pushes, in their order
    asked   the calls so far: path and fields
    """

    def __init__(self, *, lag_s: float = 0.0) -> None:
        self.unix_ms = BEGAN_MS
        self.exchange = Exchange(Options(paused=True, history_lag_s=lag_s), lambda: self.unix_ms * 1_000_000)
        self.told: list[Event] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.faults: dict[str, ExchangeError] = {}  # path → what it is answered with

    @property
    def clock(self) -> "World":
        return self

    def now_ms(self) -> int:
        return self.exchange.now_ms()

    def reread(self) -> None:
        """It is right."""

    def answer(self, path: str, **fields: str) -> Answer:
        self.asked.append((path, fields))
        if path in self.faults:
            raise self.faults[path]
        try:
            result = account_calls.CALLS[path](self.exchange, fields, self.now_ms())
        except Refused as refused:
            raise ExchangeError(refused.code, str(refused)) from refused
        return Answer(json.loads(compact({"retCode": 0, "result": result, "time": self.now_ms()})), {})

    def pages(self, path: str, **fields: str) -> Iterator[Answer]:
        return paging.pages(lambda asked: self.answer(path, **asked), fields, who=path, most=2_000)

    def do(self, action: str, after_ms: int = 10, **facts: Any) -> list[Event]:
        """Something happens to the account, a moment later; what the stream tells of it."""
        self.unix_ms += after_ms
        told = events_of(act(self.exchange, Do(action=action, **facts)))
        self.told += told
        return told

    def place(self, **facts: Any) -> str:
        """The new order's id."""
        return str(next(event.payload["order_id"] for event in self.do("place", **facts) if event.event_type == "order"))

    def asked_of(self, path: str) -> list[dict[str, str]]:
        return [fields for found, fields in self.asked if found == path]


def events_of(frames: Sequence[Message]) -> list[Event]:
    found = []
    for frame in frames:
        data = parse(compact(frame).encode())
        assert isinstance(data, Data)
        normalise = channels.for_topic(data.topic, "private").normalise
        assert normalise is not None
        found += [outcome for outcome in normalise(data, None, Memory()) if isinstance(outcome, Event)]
    return found
