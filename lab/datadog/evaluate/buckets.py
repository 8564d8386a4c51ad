"""Points of one series in buckets of equal length, aligned to the epoch, and what fills the gaps between them.

Within a bucket a gauge is averaged and a count is summed, whatever the query's aggregator over series is: `max:` of a
gauge is the largest of averages. (Documentation: Dashboards, Functions, Rollup: the aggregator within an interval is
`avg` by default; Metrics, Type Modifiers: `as_count()` sets it to sum. A count is summed here without it, too.)

Gaps of a gauge are filled linearly where the points around them are at most five minutes apart; counts are not filled
(Metrics, Interpolation and the Fill Modifier). Nothing goes on past a series' last point, unless `fill(last)` or
`fill(zero)` says so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Literal

from lab.datadog.evaluate.lines import Points
from lab.datadog.store import Kind, Series, Store

Gaps = Literal["linear", "last", "zero", "null"]
LIMIT = 300
"""Seconds over which gaps are filled by default."""

METHODS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg": fmean,
    "sum": sum,
    "min": min,
    "max": max,
    "count": len,
}
BY_KIND: Mapping[Kind, str] = {"gauge": "avg", "count": "sum"}


@dataclass(frozen=True, slots=True)
class Rollup:
    """How the points of a bucket become one; `seconds` is the length of a bucket."""

    method: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Fill:
    """How gaps are filled; `limit` in seconds."""

    gaps: Gaps
    limit: int = LIMIT


FILL_BY_KIND: Mapping[Kind, Fill] = {"gauge": Fill("linear"), "count": Fill("null")}


def rolled(store: Store, series: Series, rollup: Rollup, end: int) -> Points:
    """The buckets of what a series had before `end`; one that `end` cuts holds what came before it."""
    whole: dict[int, float] = store.remembered(
        ("rolled", series, rollup), lambda: _rolled(series.times, series.values, rollup)
    )
    if not series.times or series.times[-1] < end:
        return whole
    if end % rollup.seconds == 0:
        return {begin: value for begin, value in whole.items() if begin < end}
    known = bisect_left(series.times, end)
    return _rolled(series.times[:known], series.values[:known], rollup)


def _rolled(times: Iterable[float], values: Iterable[float], rollup: Rollup) -> dict[int, float]:
    inside: dict[int, list[float]] = {}
    for time, value in zip(times, values, strict=True):
        begin = int(time // rollup.seconds) * rollup.seconds
        inside.setdefault(begin, []).append(value)
    combine = METHODS[rollup.method]
    return {begin: combine(points) for begin, points in inside.items()}


def filled(points: Points, fill: Fill, step: int, end: int) -> Points:
    """The points with what fills their gaps; `last` and `zero` go on past the last one, up to `end`."""
    if fill.gaps == "null" or not points:
        return points
    if fill.gaps == "linear":
        return _linear(points, fill.limit, step)
    return _held(points, fill, step, end)


def _linear(points: Points, limit: int, step: int) -> Points:
    times = list(points)
    if times[-1] - times[0] == (len(times) - 1) * step:
        return points  # no gap at all, as nearly always
    complete = {times[0]: points[times[0]]}
    for left, right in pairwise(times):
        if step < right - left <= limit:
            slope = (points[right] - points[left]) / (right - left)
            complete |= {time: points[left] + slope * (time - left) for time in range(left + step, right, step)}
        complete[right] = points[right]
    return complete


def _held(points: Points, fill: Fill, step: int, end: int) -> Points:
    times = list(points)
    complete: dict[int, float] = {}
    for left, right in zip(times, [*times[1:], end], strict=True):
        complete[left] = points[left]
        held = points[left] if fill.gaps == "last" else 0.0
        complete |= dict.fromkeys(range(left + step, min(right, left + fill.limit + step), step), held)
    return complete
