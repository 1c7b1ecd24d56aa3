"""RATES: how many events come a second, by type and category. Pure but for the caller's clock."""

from collections import Counter

from gateway.consumer import Received


class Rates:
    """Counts since it was last read."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._counts: Counter[tuple[str, str]] = Counter()
        self._missing = 0

    def add(self, event: Received) -> None:
        envelope = event.envelope
        self._counts[str(envelope["event_type"]), str(envelope["category"] or "-")] += 1
        self._missing += event.missing

    def read(self, now: float) -> dict[str, float | int]:
        """Events a second of each `type category`, the most frequent first, of `all`, and how many are `missing`; it then begins anew."""
        seconds = max(0.001, now - self._began)
        found: dict[str, float | int] = {"all": round(self._counts.total() / seconds, 1)}
        found |= {f"{kind} {category}": round(count / seconds, 1) for (kind, category), count in self._counts.most_common()}
        found["missing"] = self._missing
        self._counts.clear()
        self._began, self._missing = now, 0
        return found


def line(rates: dict[str, float | int]) -> str:
    """For a person."""
    parts = [f"{name} {rate:g}/s" for name, rate in rates.items() if name != "missing"]
    missing = f"   {rates['missing']} missing" if rates["missing"] else ""
    return "   ".join(parts) + missing
