"""What a query gives over a time, as Datadog's documentation says.

First the points of each series in buckets of time, then the series of each group, then functions and arithmetic.
Only what came before the end of the time is seen: a gap that is still open then is not filled. One of an earlier
time, which a function shifts to here, is filled by what came after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lab.datadog.evaluate import space
from lab.datadog.evaluate.arguments import Arguments
from lab.datadog.evaluate.arithmetic import Value, combined, lines_of, negated
from lab.datadog.evaluate.buckets import filled, rolled
from lab.datadog.evaluate.functions import FUNCTIONS
from lab.datadog.evaluate.lines import Line, Points, refusal
from lab.datadog.evaluate.modifiers import Modified, modified
from lab.datadog.query.tree import Arithmetic, Call, Expression, Metric, Negative, Number, Text, Word
from lab.datadog.query.walk import metrics, words
from lab.datadog.store import Series, Store

MINUTE = 60
SHIFTS = {"hour_before": 3600, "day_before": 86_400, "week_before": 604_800, "month_before": 2_419_200}
"""Seconds; a month is four weeks, as documented."""
REFUSED = {
    "anomalies": "its bands rest on weeks of history and are not documented enough to be rebuilt",
    "autosmooth": "its span is chosen in a way that is not documented",
    "forecast": "a forecast stands at the beginning of a monitor's query, around all of it",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a query is evaluated over: buckets that begin from `start` on and before `end`, of points before `known`."""

    store: Store
    start: int
    end: int
    known: int
    interval: int = MINUTE
    names: Mapping[str, Expression] = field(default_factory=dict)

    def shifted(self, seconds: int) -> Scene:
        """A while earlier or later, seen from the same moment."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)

    @property
    def times(self) -> range:
        """The beginnings of its buckets."""
        first = math.ceil(self.start / self.interval) * self.interval
        return range(first, self.end, self.interval)


def evaluate(  # noqa: PLR0913 - the last two are for dashboards, by name
    expression: Expression,
    store: Store,
    start: float,
    end: float,
    *,
    interval: int = MINUTE,
    names: Mapping[str, Expression] | None = None,
) -> list[Line]:
    """The lines of a query between two times (seconds since the epoch), sorted by group.

    `interval` is the length of a bucket in seconds; `names` are the queries that a formula's words stand for.
    Raises `LabError` for what is not evaluated here, with its name and column.
    """
    scene = Scene(store, math.ceil(start), math.ceil(end), math.ceil(end), interval, names or {})
    lines = [line for line in lines_of(value(expression, scene), scene.times) if line.points]
    return sorted(lines, key=lambda line: line.group)


def value(node: Expression, scene: Scene) -> Value:
    """A number, or the lines of a node in a scene."""
    match node:
        case Number(number):
            return number
        case Word(name):
            return _named(node, name, scene)
        case Metric():
            return [line for line in map(_cut_to(scene), _lines(node, scene)) if line.points]
        case Negative(operand):
            return negated(value(operand, scene))
        case Arithmetic(_, left, right):
            return combined(node, value(left, scene), value(right, scene))
        case Call():
            return _called(node, scene)


def _named(node: Word, name: str, scene: Scene) -> Value:
    if name not in scene.names:
        known = ", ".join(scene.names) or "none"
        raise refusal(node, f"no query is called {name}; there are: {known}")
    return value(scene.names[name], scene)


def _cut_to(scene: Scene) -> Callable[[Line], Line]:
    def cut(line: Line) -> Line:
        if not line.points or (next(iter(line.points)) >= scene.start and scene.end >= scene.known):
            return line
        return line.over({time: one for time, one in line.points.items() if scene.start <= time < scene.end})

    return cut


def _lines(node: Metric, scene: Scene) -> list[Line]:
    """The lines of a metric from its first point on, as far as they are known.

    They are remembered when all that there is is known: of each of many moments they would fill the memory.
    """
    if scene.store.reaches(scene.known):
        return _made(node, scene)
    key = ("lines", node, scene.interval, scene.known)
    return scene.store.remembered(key, lambda: _made(node, scene))


def _made(node: Metric, scene: Scene) -> list[Line]:
    how = modified(node, scene.interval)
    series = scene.store.series(node.name, node.scope)
    members = ((one, _points(one, how, scene)) for one in series)
    counted = how.counted and all(one.kind == "count" for one in series)
    return [
        Line(group, space.aggregated(points, how.aggregator), counted)
        for group, points in space.grouped(members, node.by).items()
    ]


def _points(series: Series, how: Modified, scene: Scene) -> Points:
    points = rolled(scene.store, series, how.rollup(series.kind), scene.known)
    points = filled(points, how.fill(series.kind), how.seconds, scene.known)
    if how.per_second and series.kind == "count":
        return {time: one / how.seconds for time, one in points.items()}
    return points


def _called(node: Call, scene: Scene) -> Value:
    if node.modifiers:
        raise refusal(node, f".{node.modifiers[0].name}() after {node.function}() is not evaluated here")
    if node.function in REFUSED:
        raise refusal(node, f"{node.function}() is not evaluated here: {REFUSED[node.function]}")
    apply = SPECIAL.get(node.function)
    if apply:
        return apply(node, scene)
    if node.function not in FUNCTIONS:
        raise refusal(node, f"the function {node.function}() is not known here")
    return FUNCTIONS[node.function](inner(node, scene), Arguments(node))


def inner(node: Call, scene: Scene) -> list[Line]:
    """What a function works on: its first argument."""
    first = node.arguments[0] if node.arguments else None
    if first is None or isinstance(first, Text):
        raise refusal(node, f"{node.function}() needs a query as its first argument")
    return lines_of(value(first, scene), scene.times)


def _default_zero(node: Call, scene: Scene) -> list[Line]:
    """0 where a line has no point, in buckets of the longest rollup; without any line, one of 0 if nothing is grouped.

    Datadog's example holds a gauge for five minutes after its last point before the zeros begin; here they begin.
    """
    Arguments(node).at_most(0)
    lines, within = inner(node, scene), list(_metrics(node, scene.names))
    if not lines and not any(metric.by for metric in within):
        lines = [Line((), {})]
    longest = max((modified(metric, scene.interval).seconds for metric in within), default=scene.interval)
    zeros = dict.fromkeys(replace(scene, interval=longest).times, 0.0)
    return [line.over(dict(sorted((zeros | dict(line.points)).items()))) for line in lines]


def _timeshift(node: Call, scene: Scene) -> list[Line]:
    Arguments(node).at_most(1)
    return _from(node, scene, int(Arguments(node).number(1, "seconds")))


def _before(node: Call, scene: Scene) -> list[Line]:
    Arguments(node).at_most(0)
    return _from(node, scene, -SHIFTS[node.function])


def _from(node: Call, scene: Scene, seconds: int) -> list[Line]:
    """What the query gave so much earlier (negative seconds), shown at the times of this scene."""
    earlier = inner(node, scene.shifted(seconds))
    return [line.over({time - seconds: one for time, one in line.points.items()}) for line in earlier]


def _metrics(node: Expression, names: Mapping[str, Expression]) -> Iterator[Metric]:
    """The metrics of a formula, those of the queries that it names as well."""
    yield from metrics(node)
    for word in words(node):
        if word.value in names:
            yield from metrics(names[word.value])


SPECIAL: Mapping[str, Callable[[Call, Scene], list[Line]]] = {
    "default_zero": _default_zero,
    "timeshift": _timeshift,
    **dict.fromkeys(SHIFTS, _before),
}
