"""Functions over the lines of a query (documentation: Dashboards, Functions).

They see what the query gives in its time, and come after time and space aggregation, as most of them do in Datadog
(its page on rates names `diff()` as one that comes before space aggregation: with several series in a group the two
may differ). Rates of change look at consecutive points, whatever lies between them, and may be negative.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate, pairwise
from statistics import median

from lab.datadog.evaluate.arguments import Arguments
from lab.datadog.evaluate.buckets import METHODS
from lab.datadog.evaluate.lines import NOTHING, Line, Points, refusal
from lab.datadog.evaluate.outliers import outliers
from lab.datadog.evaluate.rank import RANKINGS, top

Function = Callable[[list[Line], Arguments], list[Line]]

SPANS = (1, 3, 5, 7, 10, 20)
MEDIAN_SPANS = (3, 5, 7, 9)


def _pointwise(change: Callable[[float], float | None]) -> Function:
    def apply(lines: list[Line], arguments: Arguments) -> list[Line]:
        arguments.at_most(0)
        return [line.each(change) for line in lines]

    return apply


def _bounded(change: Callable[[float, float], float | None]) -> Function:
    """A function of a value and of the bound that the query gives."""

    def apply(lines: list[Line], arguments: Arguments) -> list[Line]:
        arguments.at_most(1)
        bound = arguments.number(1, "the bound")
        return [line.each(lambda value: change(value, bound)) for line in lines]

    return apply


def _over_time(change: Callable[[Points], Points]) -> Function:
    def apply(lines: list[Line], arguments: Arguments) -> list[Line]:
        arguments.at_most(0)
        return [line.over(change(line.points)) for line in lines]

    return apply


def _logarithm(logarithm: Callable[[float], float]) -> Function:
    return _pointwise(lambda value: logarithm(value) if value > 0 else None)


def _difference(points: Points) -> Points:
    return {time: value - before for (_, before), (time, value) in pairwise(points.items())}


def _growth(points: Points) -> Points:
    return {time: value for time, value in _difference(points).items() if value >= 0}


def _slope(points: Points, seconds: int) -> Points:
    """The change per so many seconds."""
    steps = pairwise(points.items())
    return {time: (value - before) / (time - earlier) * seconds for (earlier, before), (time, value) in steps}


def _running_sum(points: Points) -> Points:
    return dict(zip(points, accumulate(points.values()), strict=True))


def _ewma(points: Points, span: int) -> Points:
    """The exponentially weighted mean, the newest weighing 2 / (span + 1); it begins with the first value."""
    weight = 2 / (span + 1)
    means = accumulate(points.values(), lambda mean, value: mean + weight * (value - mean))
    return dict(zip(points, means, strict=True))


def _median(points: Points, span: int) -> Points:
    values = list(points.values())
    return {time: median(values[max(0, place + 1 - span) : place + 1]) for place, time in enumerate(points)}


def _moving_rollup(lines: list[Line], arguments: Arguments) -> list[Line]:
    """Each point together with those of so many seconds up to it; the mean of them unless a method is given."""
    arguments.at_most(2)
    seconds = arguments.number(1, "seconds")
    if seconds <= 0:
        raise refusal(arguments.call, f"moving_rollup() needs more than {seconds:g} seconds")
    given = len(arguments.call.arguments) > 2  # noqa: PLR2004 - the query, the seconds, the method
    combine = METHODS[arguments.text(2, "a method", METHODS) if given else "avg"]

    def moved(points: Points) -> Points:
        times, values = list(points), list(points.values())
        return {
            time: combine(values[bisect_right(times, time - seconds) : place + 1]) for place, time in enumerate(times)
        }

    return [line.over(moved(line.points)) for line in lines]


def _exclude_null(lines: list[Line], arguments: Arguments) -> list[Line]:
    arguments.at_most(0)
    return [line for line in lines if all(value != NOTHING for _, value in line.group)]


def _counting(counts: Callable[[float], bool]) -> Function:
    """How many of the groups have such a value at each point: one line; it is 0 where some have others only."""

    def apply(lines: list[Line], arguments: Arguments) -> list[Line]:
        arguments.at_most(0)
        found: dict[int, float] = {}
        for line in lines:
            for time, value in line.points.items():
                found[time] = found.get(time, 0.0) + counts(value)
        return [Line((), {time: found[time] for time in sorted(found)})] if found else []

    return apply


FUNCTIONS: Mapping[str, Function] = {
    "abs": _pointwise(abs),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "clamp_min": _bounded(max),
    "clamp_max": _bounded(min),
    "cutoff_min": _bounded(lambda value, bound: value if value >= bound else None),
    "cutoff_max": _bounded(lambda value, bound: value if value <= bound else None),
    "diff": _over_time(_difference),
    "monotonic_diff": _over_time(_growth),
    "derivative": _over_time(partial(_slope, seconds=1)),
    "per_second": _over_time(partial(_slope, seconds=1)),
    "per_minute": _over_time(partial(_slope, seconds=60)),
    "per_hour": _over_time(partial(_slope, seconds=3600)),
    "cumsum": _over_time(_running_sum),
    "moving_rollup": _moving_rollup,
    "exclude_null": _exclude_null,
    "count_nonzero": _counting(bool),
    "count_not_null": _counting(lambda _: True),
    "top": top,
    "outliers": outliers,
    **{f"ewma_{span}": _over_time(partial(_ewma, span=span)) for span in SPANS},
    **{f"median_{span}": _over_time(partial(_median, span=span)) for span in MEDIAN_SPANS},
    **RANKINGS,
}
