"""What the files in deploy/ must agree with: the metrics of docs/METRICS.md, the headings of docs/OPERATIONS.md."""

import re
from pathlib import Path

import yaml

from tests.integration.running import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
METRICS = ROOT / "docs" / "METRICS.md"
OPERATIONS = ROOT / "docs" / "OPERATIONS.md"

#: What a histogram's samples are called besides its name.
_OF_A_HISTOGRAM = ("_bucket", "_count", "_sum")
_NAME = re.compile(r"\bws_gateway[_:][a-z0-9_:]+")


def samples() -> set[str]:
    """Every name that a sample of the gateway may have, by the table of docs/METRICS.md."""
    found = set()
    for line in METRICS.read_text(encoding="utf-8").splitlines():
        words = [word.strip() for word in line.split("|")]
        if len(words) > 3 and re.fullmatch(r"`ws_gateway_\w+`", words[1]):
            name = words[1].strip("`")
            found |= {name + suffix for suffix in _OF_A_HISTOGRAM} if words[2] == "histogram" else {name}
    return found


def recorded() -> set[str]:
    """The names that recording rules give."""
    return {rule["record"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "record" in rule}


def names_in(expression: str) -> set[str]:
    """The gateway's metrics that an expression names."""
    return set(_NAME.findall(expression))


def anchors(path: Path) -> set[str]:
    """A page's headings as links name them."""
    headings = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
