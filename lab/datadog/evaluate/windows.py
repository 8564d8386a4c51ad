"""The number that a monitor of metrics compares with its thresholds, at each of its moments.

A window ends at the last full minute and holds the buckets that begin in it: all are full, but for the last one of a
rollup over more than a minute (documentation: Dashboards, Functions, Rollup, Rollups in monitors).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from statistics import fmean
from typing import TypeGuard

from lab.datadog.evaluate import change, durations, forecast
from lab.datadog.evaluate.arithmetic import Value, combined, lines_of, negated
from lab.datadog.evaluate.lines import NOTHING, Group, Line, Points, refusal
from lab.datadog.evaluate.missing import full_window
from lab.datadog.evaluate.sources import Ends, Source, sources
from lab.datadog.query.tree import Arithmetic, Call, Expression, MetricAlert, Negative, Number, Text
from lab.datadog.query.walk import calls, inside, metrics
from lab.datadog.store import Store
from lab.process import LabError

Aggregate = Callable[[Sequence[float]], float]


AGGREGATORS: Mapping[str, Aggregate] = {"avg": fmean, "sum": math.fsum, "min": min, "max": max, "last": itemgetter(-1)}
REFUSED = {"cumsum": "what it gives depends on the time that a graph shows (Dashboards, Functions, Arithmetic)"}
"""Functions that a monitor must not have."""


def values(alert: MetricAlert, store: Store, ends: Ends) -> dict[Group, Points]:
    """What is compared, for each group, by the ends of the windows that have a value (whole minutes).

    Groups that lack one of the keys are left out (documentation: Monitors, Configuration, Multi alert).
    """
    _check(alert)
    found: dict[Group, dict[int, float]] = {}
    for source, those in sources(alert, store, ends):
        for line in _read(alert, source, those):
            if line.points and all(value != NOTHING for _, value in line.group):
                found.setdefault(line.group, {}).update(line.points)
    return {group: {end: points[end] for end in sorted(points)} for group, points in sorted(found.items())}


def full(alert: MetricAlert, store: Store, ends: Ends) -> dict[Group, set[int]]:
    """The ends of the windows that the query itself fills, for each group."""
    window = full_window(alert.window)
    found: dict[Group, set[int]] = {}
    for source, those in sources(alert, store, ends):
        for line in source(alert.expression):
            found.setdefault(line.group, set()).update(end for end in those if window.holds(line.points, end))
    return found


def _is_forecast(expression: Expression) -> TypeGuard[Call]:
    return isinstance(expression, Call) and expression.function == "forecast"


def _foreseen(call: Call) -> Expression:
    """The query that a forecast is of."""
    query = call.arguments[0] if call.arguments else None
    if query is None or isinstance(query, Text):
        raise refusal(call, "forecast() needs a query as its first argument")
    return query


def _check(alert: MetricAlert) -> None:
    """Raise `LabError` for what Datadog would not take, or what is not evaluated here."""
    for call in calls(alert.expression):
        if call.function in REFUSED:
            raise refusal(call, f"{call.function}() is not for monitors: {REFUSED[call.function]}")
    if alert.aggregator not in AGGREGATORS:
        raise LabError(f"the aggregator {alert.aggregator} over {alert.window} is not evaluated here")
    counts = [metric for metric in metrics(alert.expression) if metric.modified("as_count")]
    if counts and alert.aggregator != "sum":
        raise refusal(counts[0], f"with as_count() a window can only be summed, not {alert.aggregator}({alert.window})")


def _read(alert: MetricAlert, source: Source, ends: Ends) -> list[Line]:
    """The lines of what is compared: their points stand at the ends of windows."""
    expression = alert.expression
    if _is_forecast(expression):
        return _forecasts(alert, expression, source, ends)
    window = Window(durations.last(alert.window), AGGREGATORS[alert.aggregator], ends)
    if alert.change:
        return window.slid(change.changes(source(expression), alert.change))
    if any(metric.modified("as_count") for metric in metrics(expression)):
        return lines_of(_of_totals(expression, source, window), ends)
    return window.slid(source(expression))


def _forecasts(alert: MetricAlert, call: Call, source: Source, ends: Ends) -> list[Line]:
    if alert.aggregator not in forecast.EDGES or alert.change:
        raise refusal(call, "a forecast is compared by max() or min() over a window such as next_12h")
    model, ahead = forecast.parsed(call), durations.ahead(alert.window)
    lines = []
    for line in source(_foreseen(call)):
        edges = ((end, model.edge(line, end, ahead, alert.aggregator)) for end in ends)
        lines.append(line.over({end: edge for end, edge in edges if edge is not None}))
    return lines


@dataclass(frozen=True, slots=True)
class Window:
    """What becomes one number: so many seconds before each end."""

    seconds: int
    aggregate: Aggregate
    ends: Ends

    def slid(self, lines: list[Line]) -> list[Line]:
        """The number of each line's window, at its end; none where no point is in it."""
        return [Line(line.group, self._over(line.points)) for line in lines]

    def _over(self, points: Points) -> Points:
        times, numbers = list(points), list(points.values())
        found = {}
        for end in self.ends:
            inside = numbers[bisect_left(times, end - self.seconds) : bisect_left(times, end)]
            if inside:
                found[end] = self.aggregate(inside)
        return found


def _of_totals(node: Expression, source: Source, window: Window) -> Value:
    """Arithmetic of what the windows hold together.

    With an `as_count()` each side is summed over the window before they are combined (documentation: Monitors,
    Guides, as_count() in Monitor Evaluations).
    """
    match node:
        case Number(number):
            return number
        case Negative(operand):
            return negated(_of_totals(operand, source, window))
        case Arithmetic(_, left, right):
            return combined(node, _of_totals(left, source, window), _of_totals(right, source, window))
        case Call() if any(isinstance(one, Arithmetic) for one in inside(node)):
            why = "around arithmetic with as_count() it is not documented what comes first"
            raise refusal(node, f"{node.function}() is not evaluated here: {why}")
    return window.slid(source(node))
