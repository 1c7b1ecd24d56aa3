"""The committed rules in a hurry: every duration in them divided by one number, so that nobody waits an hour. No rule is written twice.

What is divided: how long an alert waits (`for`), how far back its expression looks (`[1h]`), how often a group is worked out. What is not:
thresholds, also those that are seconds, and the gateway's own waits.
"""

import re
from typing import Any

import yaml

#: By so much. A minute is then three scrapes, and the rules' hour three minutes.
HURRY = 20

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(rf"(\d+)({'|'.join(_UNITS_MS)})")
_RANGE = re.compile(rf"(?<=\[){_DURATION.pattern}(?=\])")


def quick(rules: str) -> str:
    """The same rules, as YAML."""
    whole = yaml.safe_load(rules)
    for group in whole["groups"]:
        _divide(group, "interval")
        for rule in group["rules"]:
            _divide(rule, "for")
            rule["expr"] = _RANGE.sub(_divided, rule["expr"])
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)


def _divide(where: dict[str, Any], name: str) -> None:
    if name in where:
        where[name] = _DURATION.sub(_divided, where[name])


def _divided(found: re.Match[str]) -> str:
    return f"{int(found[1]) * _UNITS_MS[found[2]] // HURRY}ms"
