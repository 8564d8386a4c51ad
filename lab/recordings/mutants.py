"""Monitors that are wrong: what a slip of the hand makes of a right one.

Each mutant is a monitor's definition with one thing changed: its limit, the comparison, a metric, a tag, a window, an
aggregator, a function. That the suite notices each of them is what its tests are worth.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from lab.datadog import query
from lab.datadog.query.tree import (
    Alert,
    Arithmetic,
    Call,
    CheckAlert,
    Comparator,
    Every,
    Expression,
    Metric,
    MetricAlert,
    Negative,
    Text,
)
from lab.datadog.query.walk import calls

Definition = Mapping[str, Any]

FARTHER = (3.0, 1 / 3)
"""A limit that is so many times as far: a figure that was mistyped, or one of another unit."""

TURNED: Mapping[Comparator, Comparator] = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
OVER_TIME = {"avg": "min", "min": "max", "max": "min", "sum": None}
"""Another aggregator of the window; a sum of counts has no other that Datadog takes."""

OVER_SERIES = ("avg", "max", "min", "sum")
BOUNDS = {"clamp_min": "floor", "clamp_max": "ceiling"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A definition and what was done to it."""

    what: str
    definition: Definition


def mutants(definition: Definition, names: Collection[str], *, several: bool = True) -> Iterator[Mutant]:
    """All mutants of a monitor's definition; `names` are the metrics, or service checks, that there are.

    Where a group has not `several` series, one aggregator of series is as good as another.
    """
    alert = query.parse_monitor(definition["query"])
    yield from _limits(definition)
    if isinstance(alert, CheckAlert):
        yield from _of_check(definition, alert, names)
    elif isinstance(alert, MetricAlert):
        yield from _of_query(definition, alert, names, several=several)


def _limits(definition: Definition) -> Iterator[Mutant]:
    thresholds = definition["options"]["thresholds"]
    for factor in FARTHER:
        moved = dict(thresholds) | {"critical": _moved(definition, thresholds["critical"], factor)}
        yield Mutant(f"critical is {moved['critical']:g}", _with(definition, thresholds=moved))


def _moved(definition: Definition, limit: float, factor: float) -> float:
    """A service check counts whole runs."""
    return max(1, round(limit * factor)) if definition["type"] == "service check" else limit * factor


def _of_check(definition: Definition, alert: CheckAlert, names: Collection[str]) -> Iterator[Mutant]:
    for name in get_close_matches(alert.check, set(names) - {alert.check}, 1, 0):
        yield Mutant(f"asks for {name}", _with(definition, replace(alert, check=name)))
    for key in alert.by:
        left = tuple(other for other in alert.by if other != key)
        if left:
            yield Mutant(f"not by {key}", _with(definition, replace(alert, by=left)))


def _of_query(definition: Definition, alert: MetricAlert, names: Collection[str], *, several: bool) -> Iterator[Mutant]:
    yield Mutant("is turned round", _with(definition, replace(alert, comparator=TURNED[alert.comparator])))
    for window in _windows(alert.window):
        yield Mutant(f"looks at {window}", _with(definition, replace(alert, window=window)))
    if alert.change:
        for shift in _windows(alert.change.shift):
            yield Mutant(
                f"compares with {shift}", _with(definition, replace(alert, change=replace(alert.change, shift=shift)))
            )
        yield Mutant(
            "has the change in place of its share",
            _with(definition, replace(alert, change=replace(alert.change, kind="change"))),
        )
    other = OVER_TIME[alert.aggregator]
    if other and not alert.window.startswith("next"):
        yield Mutant(f"takes the {other} of the window", _with(definition, replace(alert, aggregator=other)))
    for what, expression in _expressions(alert.expression, names, several=several):
        yield Mutant(what, _with(definition, replace(alert, expression=expression)))


def _expressions(expression: Expression, names: Collection[str], *, several: bool) -> Iterator[tuple[str, Expression]]:
    found = list(query.metrics(expression))
    for metric in found:
        of_a_kind = {name for name in names if name.endswith(".count") == metric.name.endswith(".count")}
        for name in get_close_matches(metric.name, of_a_kind - {metric.name}, 1, 0):
            yield f"asks for {name}", _mapped(expression, {metric: replace(metric, name=name)})
        if metric.scope != Every():
            yield f"asks for {metric.name} of all", _mapped(expression, {metric: replace(metric, scope=Every())})
    for key in found[0].by:
        left = {metric: replace(metric, by=tuple(other for other in metric.by if other != key)) for metric in found}
        yield f"not by {key}", _mapped(expression, left)
    for aggregator in OVER_SERIES:
        if several and aggregator != found[0].aggregator:
            yield (
                f"takes the {aggregator} of a group",
                _mapped(expression, {found[0]: replace(found[0], aggregator=aggregator)}),
            )
    for function, bound in BOUNDS.items():
        if any(call.function == function for call in calls(expression)):
            yield f"has no {bound}", _without(function, expression)


def _mapped(expression: Expression, changed: Mapping[Metric, Metric]) -> Expression:
    """The same with other metrics."""
    return _rebuilt(expression, lambda node: changed.get(node) if isinstance(node, Metric) else None)


def _without(function: str, expression: Expression) -> Expression:
    """The same without what bounds it."""
    return _rebuilt(
        expression, lambda node: _bounded(node) if isinstance(node, Call) and node.function == function else None
    )


def _bounded(call: Call) -> Expression | None:
    inner = call.arguments[0]
    return None if isinstance(inner, Text) else inner


def _rebuilt(expression: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """The same with some of its parts changed; None leaves a part as it is, and looks at the parts of it."""
    changed = change(expression)
    if changed is not None:
        return changed
    match expression:
        case Negative():
            return replace(expression, operand=_rebuilt(expression.operand, change))
        case Arithmetic():
            left, right = (_rebuilt(side, change) for side in (expression.left, expression.right))
            return replace(expression, left=left, right=right)
        case Call():
            arguments = (one if isinstance(one, Text) else _rebuilt(one, change) for one in expression.arguments)
            return replace(expression, arguments=tuple(arguments))
    return expression


def _with(definition: Definition, alert: Alert | None = None, **options: Any) -> Definition:
    """The definition with another query, or other options; what the query says of its limits follows."""
    changed = {**definition, "options": {**definition["options"], **options}}
    alert = alert or query.parse_monitor(definition["query"])
    limits = changed["options"]["thresholds"]
    if isinstance(alert, MetricAlert):
        alert = replace(alert, threshold=float(limits["critical"]))
    elif isinstance(alert, CheckAlert):
        alert = replace(alert, last=max(limits.values()) + 1)
    return {**changed, "query": query.text(alert)}


def _windows(window: str) -> Iterator[str]:
    """Three times as long, and a third where that is whole minutes."""
    ago, _, length = window.partition("_")
    if ago == "next":
        return
    number, unit = int(length[:-1]), length[-1]
    minutes = number * {"m": 1, "h": 60}[unit]
    yield f"{ago}_{minutes * 3}m"
    yield f"{ago}_{max(1, minutes // 3)}m"
