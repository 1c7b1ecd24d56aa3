"""Single symbols, asked of the exchange while a request waits: not for long, not twice at a time, and not again at once.

requests ─▶ remembered? being asked? ─ no ─▶ queue ─▶ a few threads ─▶ REST
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import NamedTuple, TypeAlias

from gateway.errors import ExchangeError, LinkLost
from gateway.exchange.rest import Rest
from gateway.protocol.instruments import CLOSED, Instrument, catalog
from gateway.protocol.ret_codes import NO_SUCH

log = logging.getLogger(__name__)

#: The exchange's no is believed this long, so that repeated nonsense costs it nothing; seconds.
REMEMBERED_S = 60.0
#: A category that could not be asked about is left alone this long, and a yes that nobody waited for is kept; seconds.
SHORTLY_S = 5.0
#: Answers that are remembered at a time.
MOST_REMEMBERED = 10_000
#: Calls that are under way at a time.
ASKERS = 4

#: What the exchange has of that name; empty: nothing. None: it could not be asked.
Answer: TypeAlias = list[Instrument] | None


class Question(NamedTuple):
    """is_base_coin: the symbol is a coin whose options are meant."""

    category: str
    symbol: str
    is_base_coin: bool = False


class Asking:
    """One a process; its threads share it. The threads that ask are its own: a silent exchange holds up nobody else."""

    def __init__(self, rest: Rest, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: monotonic seconds, for what is remembered."""
        self._rest = rest
        self._now = now
        self._lock = threading.Lock()
        self._queue = queue.SimpleQueue[tuple[Question, Future[Answer], float]]()
        self._under_way: dict[Question, Future[Answer]] = {}
        self._answers: dict[Question, tuple[float, Answer]] = {}
        self._silent: dict[str, float] = {}
        self._threads = 0

    def answers(self, questions: Iterable[Question], until: float) -> dict[Question, Answer]:
        """All together; what was not answered until then, by `time.monotonic`, could not be asked."""
        begun = {question: self._begin(question, until) for question in questions}
        return {question: _wait(future, until) for question, future in begun.items()}

    def _begin(self, question: Question, until: float) -> "Future[Answer]":
        with self._lock:
            under_way = self._under_way.get(question)
            if under_way is not None:
                return under_way
            future = Future[Answer]()
            now = self._now()
            kept_until, answer = self._answers.get(question, (0.0, None))
            if now < kept_until or now < self._silent.get(question.category, 0.0):
                future.set_result(answer if now < kept_until else None)
                return future
            self._under_way[question] = future
            if self._threads < ASKERS:
                self._threads += 1
                threading.Thread(target=self._work, name="asking", daemon=True).start()
        self._queue.put((question, future, until))
        return future

    def _work(self) -> None:
        try:
            while True:
                self._answer_next()
        finally:  # a fault of ours costs one answer; the next question begins another thread
            with self._lock:
                self._threads -= 1

    def _answer_next(self) -> None:
        question, future, until = self._queue.get()
        answer: Answer = None
        try:
            if time.monotonic() < until:  # else nobody waits any more
                answer = self._ask(question)
        finally:
            with self._lock:
                del self._under_way[question]
            future.set_result(answer)

    def _ask(self, question: Question) -> Answer:
        category, symbol, is_base_coin = question
        try:
            rows = (
                self._rest.instruments(category, base_coins=(symbol,))
                if is_base_coin
                else self._rest.instruments(category, symbol=symbol)
            )
        except (ExchangeError, LinkLost) as fault:
            if not isinstance(fault, ExchangeError) or fault.ret_code != NO_SUCH:
                log.warning("symbol_not_asked category=%s symbol=%s reason=%s", category, symbol, fault)
                with self._lock:
                    self._silent[category] = self._now() + SHORTLY_S
                return None
            rows = []
        found = [
            row
            for row in catalog(category, rows).instruments.values()
            if row.status != CLOSED and symbol == (row.base_coin if is_base_coin else row.symbol)
        ]
        self._remember(question, found)
        return found

    def _remember(self, question: Question, answer: Answer) -> None:
        now = self._now()
        with self._lock:
            if len(self._answers) >= MOST_REMEMBERED:
                self._answers = {other: kept for other, kept in self._answers.items() if now < kept[0]}
            if len(self._answers) >= MOST_REMEMBERED:
                self._answers.clear()
            self._answers[question] = (now + (SHORTLY_S if answer else REMEMBERED_S), answer)


def _wait(future: "Future[Answer]", until: float) -> Answer:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        return None
