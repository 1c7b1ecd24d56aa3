"""The tables of the documents about channels: what there is to subscribe, named payload fields, and names that follow from no rule."""

import json
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import CATEGORIES
from gateway.protocol.fields import FRAME, Fields
from gateway.protocol.naming import snake

Rows = list[tuple[str, ...]]

#: Where the golden cases lie.
FRAMES = Path(__file__).resolve().parent.parent / "tests" / "frames"

#: What a person is told of a channel's symbol.
_SYMBOLS = {
    "required": "required", "filter": "optional, filters", "none": "none", "group": "one of {groups}", "topic": "none; `topic` instead",
}  # fmt: skip


def channels() -> Rows:
    rows: Rows = [
        (
            "`channel_type`",
            "`event_type`",
            "exchange topic: categories",
            "symbol",
            "choices (default)",
            "served by",
            "first frame at once",
            "covered by the golden cases in",
        )
    ]
    for row in CHANNELS:
        rows.append(
            (
                f"`{row.channel_type}`",
                f"`{row.event_type}`",
                _topics(row),
                _SYMBOLS[row.symbol_use].format(groups=", ".join(row.groups)),
                _choices(row),
                _served_by(row),
                "yes" if row.pushes_first else "no",
                _cases(row),
            )
        )
    return rows


def fields() -> Rows:
    rows: Rows = [("`event_type`", "named payload fields")]
    return rows + [(f"`{row.event_type}`", ", ".join(f"`{name}`" for name in row.named)) for row in CHANNELS]


def identities() -> Rows:
    rows: Rows = [("`event_type`", "made from", "so")]
    return rows + [(f"`{row.event_type}`", row.about.identity, row.about.so) for row in CHANNELS]


def naming() -> Rows:
    """Keys whose names do not follow from the rule."""
    rows: Rows = [("the exchange's key", "our name", "in")]
    rows += [(f"`{row.key}`", f"`{row.name}`", "every frame") for row in FRAME if row.name != snake(row.key)]
    for channel in CHANNELS:
        rows += [(f"`{key}`", f"`{name}`", f"`{channel.event_type}`") for key, name in _renamed(channel.fields)]
    return rows


def _renamed(fields: Fields) -> list[tuple[str, str]]:
    rows = [row for row in (*fields.named, *fields.further, *fields.frame) if row.key and row not in FRAME]
    found = [(row.key, row.name) for row in rows if row.name != snake(row.key)]
    return found + [pair for row in rows if row.of is not None for pair in _renamed(row.of)]


def _cases(row: Channel) -> str:
    """How many cases of each category come out as events of the row."""
    counts = {category: count for category in (*CATEGORIES, "") if (count := _golden()[row.event_type, category])}
    told = [f"{category} {count}" if category else str(count) for category, count in counts.items()]
    folder = row.derived_from or row.channel_type
    return f"`tests/frames/{folder}`: {', '.join(told)}" if told else "`tests/unit/test_delivery.py`"


@lru_cache(maxsize=1)
def _golden() -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for path in FRAMES.glob("*/*.json"):
        expected = json.loads(path.read_bytes()).get("expected")
        events = [event for event in expected if "event_type" in event] if isinstance(expected, list) else []
        found.update({(event["event_type"], event["category"] or "") for event in events})
    return found


def _topics(row: Channel) -> str:
    if row.endpoint == "":
        return "- (the gateway itself tells)"
    if row.symbol_use == "topic":
        return "any topic that no other channel reads"
    categories: dict[str, list[str]] = {}
    for category, template in row.topics.items():
        categories.setdefault(template, []).append(category or "all together")
    return "; ".join(f"`{template}`: {', '.join(found)}" for template, found in categories.items())


def _choices(row: Channel) -> str:
    if row.intervals:
        return f"interval {', '.join(row.intervals)} ({row.default_interval})"
    depths: dict[str, list[str]] = {}
    for category, allowed in row.depths.items():
        depths.setdefault(f"{', '.join(map(str, allowed))} ({row.default_depth[category]})", []).append(category)
    return "; ".join(f"depth {found}: {', '.join(names)}" for found, names in depths.items()) or "-"


def _served_by(row: Channel) -> str:
    if row.symbol_use == "topic":
        return "the category's endpoint, or `private`"
    return f"`{row.endpoint}`" if row.endpoint else "the category's endpoint" if row.endpoint is None else "-"


TABLES: dict[str, Callable[[], Rows]] = {"channels": channels, "fields": fields, "identities": identities, "naming": naming}
