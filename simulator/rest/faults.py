"""The words of REST errors, and the answers that the exchange's fault `rest` makes. Source: protocol notes, section 9.2."""

from dataclasses import dataclass

#: Code → its usual words. Source: protocol notes, section 9.2, and the recorded answers.
WORDS: dict[int, str] = {
    10000: "Server Timeout",
    10001: "params error: symbol invalid",
    10002: "invalid request, please check your server timestamp or recv_window param.",
    10003: "API key is invalid.",
    10004: "error sign!",
    10005: "Permission denied, please check your API key permissions.",
    10006: "Too many visits! Exceeded the API Rate Limit.",
    10007: "User authentication failed.",
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


#: Form of the exchange's fault `rest` → the answer that it makes. `delay` makes none, it only takes its time.
STANDING: dict[str, Wrong] = {
    **{str(code): Wrong(code, WORDS[code]) for code in (10000, 10002, 10003, 10004, 10005, 10006, 10007, 10010, 10016, 33004)},
    "403": Wrong(None, "access too frequent", 403),
    "401": Wrong(None, "", 401),
    "429": Wrong(None, "", 429),
    "503": Wrong(None, "service unavailable", 503),
    "not_json": Wrong(None, "<html>", 200),
}
