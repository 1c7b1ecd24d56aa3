"""`max_active_time`, as the private endpoint's URL takes it. Source: protocol notes, section 2."""

import re

#: The smallest and the largest, milliseconds.
LEAST_MS, MOST_MS = 30_000, 600_000


def active_ms(text: str) -> int | None:
    """`30s`, `2m` … in milliseconds; None for anything that the exchange does not take: its default then counts."""
    match = re.fullmatch(r"(\d{1,4})([sm])", text)
    if match is None:
        return None
    found = int(match[1]) * (1000 if match[2] == "s" else 60_000)
    return found if LEAST_MS <= found <= MOST_MS else None
