"""Signed REST calls of one account: GET only, dated by the exchange's clock, asked again where that helps."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from gateway.errors import CredentialsRefused, ExchangeError
from gateway.exchange.calls import Answer, is_number, query_of
from gateway.exchange.paging import pages
from gateway.exchange.rest import Rest
from gateway.exchange.signing import rest_headers
from gateway.protocol.ret_codes import Remedy, meaning
from gateway.protocol.session import Credentials

#: Remedy → how often a call is sent at the most; where it is not listed, once.
TRIES = {Remedy.CLOCK: 2, Remedy.WAIT: 4, Remedy.AGAIN: 3}
#: The first pause of AGAIN, doubled each time; seconds.
AGAIN_S = 0.25
#: Too many calls are good again after this where the answer does not say when; and no longer is waited for; seconds.
RESET_S, LONGEST_S = 1.0, 5.0
#: The rates are those of a rolling second. Source: protocol notes, section 9.2.
ROLLING_S = 1.0
#: Of one list: 5,000 orders are a hundred of them.
MOST_PAGES = 2_000

#: What the exchange repeats of the request when it dislikes the signature: the key is in it.
_ORIGIN = re.compile(r"origin_string\[[^\]]*\]?")


class Clock(Protocol):
    """The exchange's."""

    def now_ms(self) -> int:
        """Unix milliseconds."""

    def reread(self) -> None:
        """Ask the exchange for it anew."""


class SignedRest:
    """Raises LinkLost and NotAsked as the public calls do, CredentialsRefused where a person must act, else ExchangeError.

    May be used by several threads.

    clock_reads  how often the exchange did not like our time, and was asked for its own
    """

    def __init__(
        self, rest: Rest, credentials: Credentials, clock: Clock, *, now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._rest = rest
        self._calls = rest.calls
        self._credentials = credentials
        self._clock = clock
        self._now = now
        self._pause = pause
        self.clock_reads = 0
        self._turn = threading.Lock()  # of what follows, and of the count
        self._free_at: dict[str, float] = {}  # path → when it may be asked again, monotonic seconds

    @property
    def clock(self) -> Clock:
        return self._clock

    def apart(self) -> "SignedRest":
        """The same account, with a count of its own."""
        return SignedRest(self._rest, self._credentials, self._clock, now=self._now, pause=self._pause)

    def answer(self, path: str, **fields: str) -> Answer:
        """One whose code is 0."""
        query = query_of(fields)
        tries = dict.fromkeys(Remedy, 0)
        while True:
            answer = self._ask(path, query)
            if answer.code == 0:
                return answer
            remedy = meaning(answer.code).remedy
            tries[remedy] += 1
            wait_s = self._wait_s(remedy, answer.headers, tries[remedy])
            if tries[remedy] >= TRIES.get(remedy, 1) or wait_s > LONGEST_S:
                raise self._refusal(answer)
            if remedy is Remedy.CLOCK:
                with self._turn:
                    self.clock_reads += 1
                self._clock.reread()
            self._pause(wait_s)

    def pages(self, path: str, **fields: str) -> Iterator[Answer]:
        """All pages of a list, each with a `list` in its result."""
        who = f"{self._calls.who} for {path}"
        return pages(lambda asked: self.answer(path, **asked), fields, who=who, most=MOST_PAGES)

    def _ask(self, path: str, query: str) -> Answer:
        with self._turn:
            wait_s = self._free_at.get(path, 0.0) - self._now()
        if wait_s > 0.0:
            self._pause(wait_s)
        began = self._now()
        key, sign = self._credentials.key, self._credentials.sign
        headers = rest_headers(key, sign, timestamp_ms=self._clock.now_ms(), payload=query)
        answer = self._calls.get(path, query, headers)
        if answer.code == 0 and answer.headers.get("x-bapi-limit-status") == "0":
            with self._turn:  # some of this second's calls began before this one
                self._free_at[path] = max(self._free_at.get(path, 0.0), began + ROLLING_S)
        return answer

    def _wait_s(self, remedy: Remedy, headers: Mapping[str, str], tries: int) -> float:
        if remedy is Remedy.AGAIN:
            return AGAIN_S * 2.0 ** (tries - 1)
        if remedy is not Remedy.WAIT:
            return 0.0
        reset = headers.get("x-bapi-limit-reset-timestamp", "")
        if not is_number(reset):
            return RESET_S
        return max(0.0, (int(reset) - self._clock.now_ms()) / 1000.0)

    def _refusal(self, answer: Answer) -> ExchangeError:
        words = _ORIGIN.sub("origin_string[…]", answer.words).replace(self._credentials.key, "…")
        found = meaning(answer.code)
        if found.remedy is Remedy.PERSON:
            return CredentialsRefused(answer.code, words, found.words)
        return ExchangeError(answer.code, words)
