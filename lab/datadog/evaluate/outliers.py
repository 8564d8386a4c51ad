"""Which lines behave otherwise than the rest: an approximation of Datadog's two algorithms.

Both follow what Datadog's documentation says of them (Monitors, Types, Outlier) and nothing that it does not say.
DBSCAN in its simplified form: a line is a point with as many dimensions as it has values; lines within a distance
of each other are of one cluster; the distance is the median of all lines' distances from the line of medians, times
the tolerance. The normalizing constant is not documented and 1 here. MAD: a value is off when it is further from the
median of all values than the tolerance times their median absolute deviation; a line is an outlier when more than a
percentage of its values is off. Lines are compared where all have values. The scaled forms are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from lab.datadog.evaluate.arguments import Arguments
from lab.datadog.evaluate.lines import Line

FEWEST = 3
"""Of fewer lines none is an outlier."""

Rows = Sequence[Sequence[float]]


def outliers(lines: list[Line], arguments: Arguments) -> list[Line]:
    """1 at all points of a line that is an outlier of those that are there, else 0."""
    detect = ALGORITHMS[arguments.text(1, "an algorithm", ALGORITHMS)]
    known = [line for line in lines if line.points]
    times = sorted(set.intersection(*(set(line.points) for line in known))) if known else []
    rows = [[line.points[time] for time in times] for line in known]
    out = detect(rows, arguments) if len(rows) >= FEWEST and times else [False] * len(known)
    return [line.over(dict.fromkeys(line.points, float(one))) for line, one in zip(known, out, strict=True)]


def _dbscan(rows: Rows, arguments: Arguments) -> list[bool]:
    arguments.at_most(2)
    middle = [median(column) for column in zip(*rows, strict=True)]
    reach = median(math.dist(row, middle) for row in rows) * arguments.number(2, "the tolerance")
    clusters = [_cluster(start, rows, reach) for start in range(len(rows))]
    largest = max(clusters, key=len)
    return [number not in largest for number in range(len(rows))]


def _cluster(start: int, rows: Rows, reach: float) -> set[int]:
    """All that can be reached from a line, from neighbour to neighbour."""
    reached, ahead = {start}, [start]
    while ahead:
        here = rows[ahead.pop()]
        near = {number for number, row in enumerate(rows) if math.dist(here, row) <= reach} - reached
        reached |= near
        ahead += near
    return reached


def _mad(rows: Rows, arguments: Arguments) -> list[bool]:
    arguments.at_most(3)
    tolerance, percent = arguments.number(2, "the tolerance"), arguments.number(3, "a percentage")
    values = [value for row in rows for value in row]
    middle = median(values)
    reach = median(abs(value - middle) for value in values) * tolerance
    return [100 * sum(abs(value - middle) > reach for value in row) / len(row) > percent for row in rows]


ALGORITHMS: Mapping[str, Callable[[Rows, Arguments], list[bool]]] = {
    "dbscan": _dbscan,
    "DBSCAN": _dbscan,
    "mad": _mad,
    "MAD": _mad,
}
