"""Where a monitor's lines come from, so that no moment knows of what comes later.

Where a gap is still open at the end of a window, or a function looks at all points at once, the query is evaluated
for this moment alone; else once for all of them. Nothing comes of a window without a point, `default_zero()` or not
(documentation: Dashboards, Functions, Interpolation, Default zero).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from lab.datadog.evaluate import durations
from lab.datadog.evaluate.buckets import filled, rolled
from lab.datadog.evaluate.expression import MINUTE, evaluate
from lab.datadog.evaluate.lines import Line
from lab.datadog.evaluate.modifiers import modified
from lab.datadog.query.tree import Expression, Metric, MetricAlert
from lab.datadog.query.walk import calls, metrics
from lab.datadog.store import Store

Source = Callable[[Expression], list[Line]]
Ends = Sequence[int]
"""The ends of windows: whole minutes, in seconds since the epoch."""

ALL_AT_ONCE = ("default_zero", "top", "bottom", "outliers")
"""Beginnings of functions that give other values when there are other points."""


def sources(alert: MetricAlert, store: Store, ends: Ends) -> Iterable[tuple[Source, Ends]]:
    """Where lines come from, for which windows."""
    if _needs_all_at_once(alert.expression):
        yield from ((source, [end]) for end in ends if (source := _seen_by(alert, store, end)))
        return
    first = _begin(store)
    still_open = set[int]().union(*(_borrowed(metric, store) for metric in metrics(alert.expression)))
    yield whole(store, ends), [end for end in ends if end - MINUTE not in still_open]
    yield from ((_known_at(store, first, end), [end]) for end in ends if end - MINUTE in still_open)


def _seen_by(alert: MetricAlert, store: Store, end: int) -> Source | None:
    """Where the lines of one window come from; None when zeros would be all that comes."""
    source = _known_at(store, _seen_from(alert, store, end), end)
    zeros = any(call.function == "default_zero" for call in calls(alert.expression))
    return source if not zeros or any(source(metric) for metric in metrics(alert.expression)) else None


def _seen_from(alert: MetricAlert, store: Store, end: int) -> int:
    """Where the points begin that a window is made of; those of a forecast with the store."""
    if alert.window.startswith("next_"):
        return _begin(store)
    return end - durations.last(alert.window) - (durations.ago(alert.change.shift) if alert.change else 0)


def _needs_all_at_once(expression: Expression) -> bool:
    functions = any(call.function.startswith(ALL_AT_ONCE) for call in calls(expression))
    return functions or any(modified(metric, MINUTE).seconds > MINUTE for metric in metrics(expression))


def _borrowed(metric: Metric, store: Store) -> set[int]:
    """The buckets that a later point filled."""
    how = modified(metric, MINUTE)
    found: set[int] = set()
    for series in store.series(metric.name, metric.scope):
        fill = how.fill(series.kind)
        if fill.gaps == "linear":
            points = rolled(store, series, how.rollup(series.kind), _end(store))
            complete = filled(points, fill, how.seconds, _end(store))
            if complete is not points:
                found |= complete.keys() - points.keys()
    return found


def _begin(store: Store) -> int:
    """The beginning of the first minute that has a point."""
    return math.floor(store.range[0] / MINUTE) * MINUTE


def _end(store: Store) -> int:
    """The end of the last minute that has a point."""
    return (math.floor(store.range[1] / MINUTE) + 1) * MINUTE


def whole(store: Store, ends: Ends) -> Source:
    """Lines over all that the store holds, and on to the last of these windows."""
    first, end = _begin(store), max([_end(store), *ends])
    return lambda node: store.remembered(("whole", node, end), lambda: evaluate(node, store, first, end))


def _known_at(store: Store, start: int, end: int) -> Source:
    return lambda node: evaluate(node, store, start, end)
