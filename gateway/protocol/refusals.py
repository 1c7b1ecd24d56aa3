"""REFUSALS: what the words of an answer say of each topic of its request. Source: protocol notes, section 5, error replies."""

import re
from collections.abc import Sequence

#: The words name one topic → whether it is held all the same; the others of that request are then bystanders.
REFUSALS: tuple[tuple[re.Pattern[str], bool], ...] = (
    (re.compile(r"error:already subscribed,topic:(?P<topic>\S+)"), True),
    (re.compile(r"error:handler not found,topic:(?P<topic>\S+)"), False),
    (re.compile(r"Invalid symbol ?:\[(?P<topic>[^\]]+)\]"), False),
)

#: Letters of an answer that are looked at; fifty topics take a tenth of it.
LONGEST = 10_000
#: The private stream accepts part of a request and says which. Recorded.
PARTIAL = re.compile(r"Successful subscriptions are as follows:\[(?P<yes>[^\]]*)\].*subscription conflict:\[(?P<no>[^\]]*)\]")


def told(topics: Sequence[str], message: str) -> dict[str, bool | None] | None:
    """Topic → held, or refused, or None for a bystander. None as a whole: the words name no topic of the request."""
    partial = PARTIAL.search(message[:LONGEST])
    if partial:
        accepted = {word.strip() for word in re.split(r"[,\s]+", partial["yes"]) if word.strip()}
        return {name: name in accepted for name in topics}
    for pattern, is_held in REFUSALS:
        match = pattern.search(message)
        if match and match["topic"] in topics:
            return {name: is_held if name == match["topic"] else None for name in topics}
    return None
