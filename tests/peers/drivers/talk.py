"""How a driver talks: the job is the first line on stdin, then a line of JSON for every question, until stdin ends."""

import json
import sys
from typing import Any


def hear() -> dict[str, Any] | None:
    """The next line; None when there will be no more."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
