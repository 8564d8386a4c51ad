"""Space aggregation: the series of a group become one line."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from lab.datadog import tags as tagging
from lab.datadog.evaluate.buckets import METHODS
from lab.datadog.evaluate.lines import NOTHING, Group, Points
from lab.datadog.store import Series

AGGREGATORS = ("avg", "max", "min", "sum")


def groups_of(tags: frozenset[str], by: tuple[str, ...]) -> Iterable[Group]:
    """The groups that something with these tags is in; several where it has several values of a key."""
    values = ([(key, value) for value in tagging.values(tags, key) or [NOTHING]] for key in by)
    return itertools.product(*values)


def aggregated(members: list[Points], aggregator: str) -> Points:
    """One line of those of a group; a bucket that none of them has is missing."""
    if len(members) == 1:
        return members[0]
    together: dict[int, list[float]] = {}
    for points in members:
        for time, value in points.items():
            together.setdefault(time, []).append(value)
    combine = METHODS[aggregator]
    return {time: combine(together[time]) for time in sorted(together)}


def grouped(members: Iterable[tuple[Series, Points]], by: tuple[str, ...]) -> Mapping[Group, list[Points]]:
    """The points of each group's series."""
    found: dict[Group, list[Points]] = {}
    for series, points in members:
        for group in groups_of(series.tags, by):
            found.setdefault(group, []).append(points)
    return found
