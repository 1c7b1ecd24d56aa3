"""The statements of queries.sql, by name."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _queries() -> Mapping[str, str]:
    text = Path(__file__).with_name("queries.sql").read_text(encoding="utf-8")
    blocks = (block.partition("\n") for block in text.split("-- name: ")[1:])
    return {name.strip(): body.strip() for name, _, body in blocks}


def query(name: str) -> str:
    """A statement of queries.sql."""
    return _queries()[name]
