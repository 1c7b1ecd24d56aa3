"""The sentences that the code says to a person, read from its source; what varies in them is `…`.

REASONS      `reasons` of /health
ALARMS       `alarms` of /health
CONNECTIONS  `last_error` of a connection
TOPICS       `last_error` of a topic and a subscription
SINKS        why a sink, PostgreSQL or the disk does not do its part
CALLS        log lines of level ERROR: a person must act
LINES        log lines of level WARNING and INFO
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.pages import ROOT

Find = Callable[[ast.AST], Iterator[ast.expr]]

VARIES = "…"
PACKAGES = ("gateway", "workers", "api")


def said(node: ast.expr) -> str | None:
    """The sentence of an expression; None where it holds no words of its own."""
    match node:
        case ast.Constant(value=str(words)):
            found = re.sub(r"%[sd.\d]*[sdf]|\{\}", VARIES, words)
        case ast.JoinedStr(values=parts):
            found = "".join(str(part.value) if isinstance(part, ast.Constant) else VARIES for part in parts)
        case ast.Call(func=ast.Attribute(value=inner, attr="strip")):
            return said(inner)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            found = (said(left) or VARIES) + (said(right) or VARIES)
        case ast.BoolOp(values=[*_, last]):
            return said(last)
        case _:
            return None
    found = re.sub(f"{VARIES}+", VARIES, found)
    if not re.search(r"[A-Za-z]{2}", found):
        return None
    return found if " " in found or found.isupper() else None


def yielded(node: ast.AST) -> Iterator[ast.expr]:
    """The sentence of `yield verdict, sentence`."""
    if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
        yield node.value.elts[1]


def yielded_alone(node: ast.AST) -> Iterator[ast.expr]:
    """The sentence of `yield sentence`."""
    if isinstance(node, ast.Yield) and node.value is not None:
        yield node.value


def given_to(*names: str, place: int = 0) -> Find:
    """What calls of these functions or classes are given at a place."""

    def find(node: ast.AST) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call) and len(node.args) > place:
            called = ast.unparse(node.func)
            if any(called == name or called.endswith(f".{name}") for name in names):
                yield node.args[place]

    return find


def named(*names: str) -> Find:
    """What is assigned to variables or fields of these names, or given to a call under them."""

    def find(node: ast.AST) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call):
            yield from (word.value for word in node.keywords if word.arg in names)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        for target in targets:
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=True))
            yield from (given for place, given in pairs if given is not None and ast.unparse(place).rpartition(".")[2] in names)

    return find


def returned(node: ast.AST) -> Iterator[ast.expr]:
    """What functions answer, alone or as one of several."""
    if isinstance(node, ast.Return) and node.value is not None:
        yield from node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]


def sentences(*sources: tuple[str, Find]) -> set[str]:
    """Of files, or of all files in a folder. Raises LookupError where a source says nothing: its place has moved."""
    found = set[str]()
    for name, find in sources:
        paths = [ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py"))
        here = {words for path in paths for node in _walk(path) for part in find(node) if (words := said(part)) is not None}
        if not here:
            raise LookupError(f"{name} says nothing")
        found |= here
    return found


def _walk(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


REASONS = sentences(("gateway/health/health.py", yielded))
ALARMS = sentences(("gateway/health/health.py", yielded_alone), ("gateway/lanes/backlogs.py", named("HINT")))
CONNECTIONS = sentences(
    *((f"workers/{name}.py", given_to("LinkLost")) for name in ("dial", "route", "stream", "tunnel")),
    *((f"gateway/{name}.py", given_to("LinkLost")) for name in ("tls", "proxy")),
    ("gateway/protocol/session.py", given_to("_move", place=1)),
    ("workers/watchdog.py", given_to("Findings", place=2)),
    ("workers/link.py", named("last_error")),
    ("gateway/exchange/diagnosis.py", returned),
)
TOPICS = sentences(
    ("gateway/protocol/subscriptions.py", named("error", "words")),
    ("gateway/protocol/fitting.py", named("error")),
    ("workers/topic_states.py", named("last_error")),
    ("workers/told.py", named("NONE_MATCHES")),
    ("workers/told.py", returned),
    ("workers/exchange.py", returned),
    ("gateway/database/store.py", named("CREDENTIALS_MISSING")),
)
SINKS = sentences(
    ("gateway/sinks/broker.py", given_to("SinkAway")),
    ("gateway/sinks/postgres.py", given_to("SinkAway")),
    ("gateway/sinks/topology.py", given_to("SinkAway")),
    ("gateway/database/db.py", given_to("StoreAway")),
    ("gateway/database/db.py", returned),
    ("gateway/database/store.py", named("NOT_PREPARED")),
    ("gateway/database/pool.py", given_to("StoreBusy", "StoreAway")),
    ("gateway/disk", given_to("SpoolFull")),
)
_LEVELS = [f"{name}.{level}" for name in ("log", "logger") for level in ("warning", "info")]
LINES = sentences(*((package, given_to(*_LEVELS)) for package in PACKAGES))
CALLS = sentences(*((package, given_to("log.error", "logger.error")) for package in PACKAGES))


def missing(said: set[str], written: list[str]) -> set[str]:
    """Sentences without a row of their own. A row may have an example where the sentence varies."""
    left, lacking = list(written), set()
    for sentence in sorted(said, key=lambda words: len(words.replace(VARIES, "")), reverse=True):
        form = re.compile(".*".join(map(re.escape, sentence.split(VARIES))))
        row = next((row for row in left if form.fullmatch(row)), None)
        if row is None:
            lacking.add(sentence)
        else:
            left.remove(row)
    return lacking


def unsaid(said: set[str], written: list[str]) -> list[str]:
    """Rows that no code says any more."""
    forms = [re.compile(".*".join(map(re.escape, sentence.split(VARIES)))) for sentence in said]
    return [row for row in written if not any(form.fullmatch(row) for form in forms)]
