"""What the REST side can be told to do wrong: errors in bursts, delays, a clock that is off, a key that may not trade."""

from dataclasses import dataclass, field

#: The path that stands for all.
ANY = "*"
#: Code → its usual words. Source: protocol notes, section 9.2, and the recorded answers.
WORDS: dict[int, str] = {
    10000: "Server Timeout",
    10001: "params error: symbol invalid",
    10002: "invalid request, please check your server timestamp or recv_window param.",
    10003: "API key is invalid.",
    10004: "error sign!",
    10005: "Permission denied, please check your API key permissions.",
    10006: "Too many visits! Exceeded the API Rate Limit.",
    10010: "Unmatched IP, please check your API key's bound IP addresses.",
    10016: "Server error.",
    10017: "Route not found.",
    10028: "The API can only be accessed by unified account users.",
    10029: "The requested symbol is invalid, please check symbol whitelist",
    10429: "System level frequency protection",
    33004: "Your api key has expired.",
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer in place of the right one.

    code         retCode; None: `words` are the whole body, and no JSON
    http_status  200, or 503, 429 …
    """

    code: int | None
    words: str = ""
    http_status: int = 200


@dataclass(slots=True)
class RestFaults:
    """All that stands.

    answer_with     path or "*" → (answers in turn, how many answers are left)
    delay_s         before each answer
    skew_ms         added to the server's clock, in answers and in checks
    read_only       the key may not trade: POST calls answer 10005
    history_lag_ms  how much later than order/realtime order/history knows of an order's end
    """

    answer_with: dict[str, tuple[list[Wrong], int]] = field(default_factory=dict)
    delay_s: float = 0.0
    skew_ms: int = 0
    read_only: bool = False
    history_lag_ms: int = 0

    def plan(self, path: str, code: int | None, *, times: int = 1, words: str = "", http_status: int = 200) -> None:
        """The next `times` answers of a path, or of all, are this one."""
        self.answer_with[path] = ([Wrong(code, words or WORDS.get(code or 0, ""), http_status)], times)

    def next_answer(self, path: str) -> Wrong | None:
        """What answers this call wrongly; counted."""
        for key in (path, ANY):
            answers, left = self.answer_with.get(key, ([], 0))
            if answers and left > 0:
                self.answer_with[key] = ([*answers[1:], answers[0]], left - 1)
                return answers[0]
        return None

    def lift(self) -> None:
        """Everything is right again."""
        self.answer_with.clear()
        self.delay_s, self.skew_ms, self.read_only, self.history_lag_ms = 0.0, 0, False, 0
