"""docker-compose.yml as data, with its variables filled in as compose does."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.integration.running import ROOT

FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}|\$(\$|[^$]?)")


def read(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole file. `environ`: what `${NAME:-default}` is taken from; the only form that is used here."""
    given = environ or {}

    def value(found: re.Match[str]) -> str:
        if found[1] is not None:
            return given.get(found[1]) or found[2]
        assert found[3] == "$", f"a $ that is neither ${{NAME:-default}} nor $$: {found[0]}"
        return "$"

    return dict(_filled(yaml.safe_load(FILE.read_text()), value))


def _filled(node: Any, value: Any) -> Any:
    if isinstance(node, dict):
        return {name: _filled(inner, value) for name, inner in node.items()}
    if isinstance(node, list):
        return [_filled(inner, value) for inner in node]
    return _VARIABLE.sub(value, node) if isinstance(node, str) else node
