"""The tables of the documents about signed calls: which there are, and what the codes of their answers mean."""

from collections.abc import Callable

from gateway.exchange.diagnosis import KEY_PATH
from gateway.protocol.account_parts import LISTS
from gateway.protocol.ret_codes import RET_CODES, Remedy

Rows = list[tuple[str, ...]]

#: What is done about an answer, for a reader.
_THEN = {
    Remedy.NOTHING: "the same call would be refused again",
    Remedy.AGAIN: "asked again, later each time",
    Remedy.CLOCK: "the exchange's clock is read anew, then asked again",
    Remedy.WAIT: "asked again when the exchange allows it",
    Remedy.PERSON: "a person",
}


def ret_codes() -> Rows:
    rows: Rows = [("code", "it means", "then")]
    return rows + [(f"`{code}`", found.words, _THEN[found.remedy]) for code, found in RET_CODES.items()]


def signed_calls() -> Rows:
    rows: Rows = [("call", "for")]
    for (event_type, is_spread), lists in LISTS.items():
        paths = [path for path in (lists.path, lists.history) if path]
        rows.append((", ".join(f"`{path}`" for path in paths), f"`{event_type}`" + (" of spreads" if is_spread else "")))
    return [*rows, (f"`{KEY_PATH}`", "the cause of a refused login")]


TABLES: dict[str, Callable[[], Rows]] = {"ret_codes": ret_codes, "signed_calls": signed_calls}
