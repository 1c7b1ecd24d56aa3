"""The arithmetic of the results: medians and spreads, drifts, slopes. Pure."""

from collections.abc import Sequence
from statistics import median


def spread(values: Sequence[float]) -> float:
    """Half the distance between the least and the greatest, as a part of the median; 0 of fewer than two, or around nothing."""
    if len(values) < 2 or not median(values):
        return 0.0
    return (max(values) - min(values)) / 2 / abs(median(values))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that is nearest to all points, by least squares; 0 where they have no width."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    width = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / width if width else 0.0


def drift(values: Sequence[float]) -> float:
    """How far the median of the last quarter is from that of the first, as a part of the first."""
    part = max(1, len(values) // 4)
    first, last = median(values[:part]), median(values[-part:])
    return (last - first) / first if first else 0.0


def recovered_after(slices: Sequence[tuple[float, float]], begin: float, bound: float) -> float | None:
    """Seconds from `begin` until every slice's value stays below the bound; None: it does not. slices: (second, value), ascending."""
    behind = [second for second, value in slices if second >= begin and value >= bound]
    if not behind:
        return 0.0
    later = [second for second, _ in slices if second > behind[-1]]
    return later[0] - begin if later else None
