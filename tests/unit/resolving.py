"""A resolver for tests of pure rules: the names alone decide, as where no catalog was read yet."""

from collections.abc import Sequence
from typing import Any

from gateway.protocol.categories import decide
from gateway.protocol.endpoints import CATEGORIES
from gateway.resolution import Resolved


def without_catalog(default: str) -> Any:
    def resolve(symbol: str, *, category: str | None, channel_categories: Sequence[str], is_base_coin: bool) -> Resolved:
        if category is not None:
            return Resolved(category, "given", verified=False)
        found, source = decide(symbol, among=channel_categories, default=default, known=dict.fromkeys(CATEGORIES))
        return Resolved(found, source, verified=False)

    return resolve
