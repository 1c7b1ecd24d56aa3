"""How the exchange's keys and times become ours. Keys that are too short to be understood have their names in each channel's table.

Rule: camelCase becomes snake_case, `24h` and `1h` are words, an acronym is one word. Source: the public contract, section 3.
"""

import re
from datetime import datetime
from functools import lru_cache

from gateway.models import Json

#: Longer keys are no names and stay as they are; longer texts are no times. Neither is remembered. Characters.
LONGEST_KEY, LONGEST_TIME = 200, 40


def snake(key: str) -> str:
    """`price24hPcnt` → `price_24h_pcnt`, `totalPerpUPL` → `total_perp_upl`, `bid1Price` → `bid1_price`."""
    return _snake(key) if len(key) <= LONGEST_KEY else key


@lru_cache(maxsize=4096)
def _snake(key: str) -> str:
    key = re.sub(r"(\d+h)(?=[A-Z]|$)", r"_\1", key)
    key = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key)
    key = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", key)
    return key.lower().lstrip("_")


def milliseconds(value: Json) -> Json:
    """A time as Unix milliseconds; None for an empty one, and unchanged what is no time at all."""
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) <= 18:
            return int(value)
        if len(value) > LONGEST_TIME:
            return value
        return _iso(value) if value else None
    return value


@lru_cache(maxsize=1024)
def _iso(text: str) -> int | str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return int(moment.timestamp() * 1000) if moment.tzinfo else text
