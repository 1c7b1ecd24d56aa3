"""What the files in deploy/ must agree with: the metrics of docs/METRICS.md, the alerts of docs/OPERATIONS.md and docs/DOCKER.md.

`python -m tests.deploy.documents` renews the last of them.
"""

import re

import yaml

from tests.integration.running import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
METRICS = ROOT / "docs" / "METRICS.md"
OPERATIONS = ROOT / "docs" / "OPERATIONS.md"
DOCKER = ROOT / "docs" / "DOCKER.md"

#: What a histogram's samples are called besides its name.
_OF_A_HISTOGRAM = ("_bucket", "_count", "_sum")
_NAME = re.compile(r"\bws_gateway[_:][a-z0-9_:]+")


def labels() -> dict[str, set[str]]:
    """Every name that a sample of the gateway may have, and its labels, by the table of docs/METRICS.md."""
    found = {}
    for name, words in _table().items():
        names = [name + suffix for suffix in _OF_A_HISTOGRAM] if words[0] == "histogram" else [name]
        own = set(re.findall(r"`(\w+)`", words[1]))
        found |= {each: own | ({"le"} if each.endswith("_bucket") else set()) for each in names}
    return found


def words_of(metric: str) -> set[str]:
    """What the table's last column counts up behind its last colon."""
    return set(re.findall(r"\w+", _table()[metric][-1].rpartition(":")[2]))


def _table() -> dict[str, list[str]]:
    """Metric → type, labels, unit, meaning."""
    rows = [[word.strip() for word in line.split("|")[1:-1]] for line in METRICS.read_text(encoding="utf-8").splitlines()]
    return {row[0].strip("`"): row[1:] for row in rows if len(row) == 5 and re.fullmatch(r"`ws_gateway_\w+`", row[0])}


def recorded() -> set[str]:
    """The names that recording rules give."""
    return {rule["record"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "record" in rule}


def names_in(expression: str) -> set[str]:
    """The gateway's metrics that an expression names."""
    return set(_NAME.findall(expression))


def with_alerts(text: str) -> str:
    """The page with the table of alerts that follows from the rules."""
    rows = ["| alert | severity | when | it means |", "|---|---|---|---|"]
    for rule in (rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule):
        when = f"`{' '.join(rule['expr'].split()).replace('|', chr(92) + '|')}`" + (f" for {rule['for']}" if "for" in rule else "")
        rows.append(f"| `{rule['alert']}` | {rule['labels']['severity']} | {when} | {rule['annotations']['description']} |")
    begin, rest = text.split("<!-- alerts -->\n")
    return begin + "<!-- alerts -->\n" + "\n".join(rows) + "\n<!-- end of alerts -->" + rest.split("<!-- end of alerts -->")[1]


if __name__ == "__main__":
    DOCKER.write_text(with_alerts(DOCKER.read_text(encoding="utf-8")), encoding="utf-8")
