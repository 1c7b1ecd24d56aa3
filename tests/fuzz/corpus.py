"""What is mutated: every frame of the golden cases, as it would come over the wire, and where its keys and values stand in it."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FRAMES = Path(__file__).parents[1] / "frames"

#: A key and its value, where that is no list and no object; with the comma after it.
_PAIR = re.compile(rb'"([^"\\]{1,40})":("[^"\\]*"|-?[0-9][0-9.eE+-]*|true|false|null)(,?)')
_TOPIC = re.compile(rb'"topic":("[^"\\]*")')


@dataclass(frozen=True, slots=True)
class Pair:
    """Places in a text: of a key with its quotes, of its value, and of the comma after it."""

    key: int
    value: int
    value_end: int
    end: int


@dataclass(frozen=True, slots=True)
class Base:
    """One golden frame.

    kind   its folder: a channel's word, acks, pongs …
    topic  "" for a control frame
    pairs  of its text
    spot   place of the topic's value in the text; None for a control frame
    """

    kind: str
    topic: str
    text: bytes
    pairs: tuple[Pair, ...]
    spot: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Corpus:
    """All golden frames.

    by_endpoint  the cases of each endpoint, their frames in order; requests are sent to every one of them
    topics       of the data frames of each endpoint
    keys         all keys that the exchange or we use in any of them
    """

    by_endpoint: dict[str, list[list[Base]]]
    topics: dict[str, list[str]]
    keys: list[str]


def base_of(kind: str, frame: dict[str, Any]) -> Base:
    text = json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode()
    pairs = tuple(Pair(found.start(), found.start(2), found.end(2), found.end()) for found in _PAIR.finditer(text))
    spot = _TOPIC.search(text) if "data" in frame else None
    return Base(kind, str(frame["topic"]) if spot else "", text, pairs, spot.span(1) if spot else None)


@cache
def corpus() -> Corpus:
    by_endpoint: dict[str, list[list[Base]]] = defaultdict(list)
    keys: set[str] = set()
    requests = []
    for path in sorted(FRAMES.glob("*/*.json")):
        case = json.loads(path.read_bytes())
        bases = [base_of(path.parent.name, frame) for frame in case["frames"]]
        keys |= _keys(case)
        if "endpoint" in case:
            by_endpoint[case["endpoint"]].append(bases)
        else:
            requests.append(bases)
    topics = {
        name: sorted({base.topic for bases in cases for base in bases if base.topic}) for name, cases in sorted(by_endpoint.items())
    }
    return Corpus({name: by_endpoint[name] + requests for name in topics}, topics, sorted(keys))


def _keys(found: Any) -> set[str]:
    if isinstance(found, dict):
        return set(found).union(*map(_keys, found.values()))
    return set().union(*map(_keys, found)) if isinstance(found, list) else set()
