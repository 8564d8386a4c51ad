"""Whether our evaluator and VictoriaMetrics say the same of a store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lab.datadog.evaluate import NOTHING, evaluate, values
from lab.datadog.query import metrics
from lab.datadog.query.tree import Every, Expression, MetricAlert, Modifier, Word
from lab.datadog.store import Store
from lab.oracle.metricsql.buckets import BUCKET, series
from lab.oracle.metricsql.matchers import BARE
from lab.oracle.metricsql.monitors import monitor
from lab.oracle.metricsql.queries import Translator, keys
from lab.oracle.victoria import Victoria

SMALLEST = 1e-6
"""Values below are as good as this one: what is left of a difference of equals is no disagreement."""

SMALLEST_CHANGE = 1e-3
"""The same for a change, in percent: it is such a difference by itself, where nothing has changed."""

UNFILLED = Modifier("fill", (Word("null"),))

Place = tuple[frozenset[tuple[str, str]], int]
"""A group, and a time: the beginning of a minute, or the moment at which a monitor is evaluated."""
Values = Mapping[Place, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of asking both."""

    values: int
    """How many both have."""
    worst: float
    """The largest difference of two values, as a part of the larger one."""
    lone: tuple[str, ...]
    """What only one of them has, in words."""

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(self.values + other.values, max(self.worst, other.worst), self.lone + other.lone)

    def agrees(self, tolerance: float = 1e-6) -> bool:
        """Whether they differ by no more than such a part, and in nothing else."""
        return not self.lone and self.worst <= tolerance


NOTHING_COMPARED = Comparison(0, 0.0, ())


def compare(victoria: Victoria, store: Store, query: Expression | MetricAlert) -> Comparison:
    """Ask both, for every minute of a store, with which VictoriaMetrics has been fed."""
    return _monitor(victoria, store, query) if isinstance(query, MetricAlert) else _query(victoria, store, query)


def _query(victoria: Victoria, store: Store, query: Expression) -> Comparison:
    first, last = minutes(store)
    ours = {
        (frozenset(line.group), time): value
        for line in evaluate(query, store, first, last)
        for time, value in line.points.items()
    }
    text = Translator(counts(store)).text(query)
    asked = _asked(victoria, text, _keys(query), range(first + BUCKET, last + BUCKET, BUCKET))
    theirs = {(group, time - BUCKET): value for (group, time), value in asked.items()}
    return compared(ours, theirs)


def _monitor(victoria: Victoria, store: Store, alert: MetricAlert) -> Comparison:
    first, last = minutes(store)
    moments = range(first + BUCKET, last + BUCKET, BUCKET)
    ours = {
        (frozenset(group), time): value
        for group, points in values(alert, store, moments).items()
        for time, value in points.items()
    }
    theirs = _told(victoria, alert, Translator(counts(store)), moments)
    # A monitor has no group for series that lack one of its keys.
    grouped = {place: value for place, value in theirs.items() if all(name != NOTHING for _, name in place[0])}
    return compared(ours, grouped, SMALLEST_CHANGE if alert.change else SMALLEST)


def _told(victoria: Victoria, alert: MetricAlert, translator: Translator, moments: range) -> Values:
    """VictoriaMetrics' values of a monitor, each as it could be known at its moment.

    What a later point fills is not known while the gap is open: these moments are asked for one by one.
    """
    by = _keys(alert.expression)
    held = moments[-1] - moments[0] + BUCKET
    found = _asked(victoria, monitor(alert, translator, held), by, moments)
    for moment in sorted(_open(victoria, alert, translator, moments)):
        found = {place: value for place, value in found.items() if place[1] != moment}
        text = monitor(alert, replace(translator, until=moment), held)
        found |= _asked(victoria, text, by, range(moment, moment + BUCKET, BUCKET))
    return found


def _keys(expression: Expression) -> frozenset[str]:
    return keys(expression) or frozenset()


def _open(victoria: Victoria, alert: MetricAlert, translator: Translator, moments: range) -> set[int]:
    """The ends of the buckets that only a later point fills."""
    found = set()
    for metric in metrics(alert.expression):
        gaps = replace(metric, modifiers=(*metric.modifiers, UNFILLED))
        filled, bare = (series(one, count=one.name in translator.counts) for one in (metric, gaps))
        text = f"(count({filled}) - (count({bare}) default 0)) > 0"
        found |= {time for _, time in _asked(victoria, text, frozenset(), moments)}
    return found


def minutes(store: Store) -> tuple[int, int]:
    """The beginning of a store's first minute and the end of its last."""
    first, last = store.range
    return int(first // BUCKET) * BUCKET, int(last // BUCKET + 1) * BUCKET


def counts(store: Store) -> frozenset[str]:
    """The names of the metrics that are counts."""
    return frozenset(
        name for name in store.metrics() if any(series.kind == "count" for series in store.series(name, Every()))
    )


def compared(ours: Values, theirs: Values, smallest: float = SMALLEST) -> Comparison:
    """Two sets of values, compared one by one; see `SMALLEST`."""
    both = ours.keys() & theirs.keys()
    lone = [_said("ours", place, ours[place]) for place in ours.keys() - both]
    lone += [_said("VictoriaMetrics", place, theirs[place]) for place in theirs.keys() - both]
    worst = max((difference(ours[place], theirs[place], smallest) for place in both), default=0.0)
    return Comparison(len(both), worst, tuple(sorted(lone)))


def difference(one: float, other: float, smallest: float = SMALLEST) -> float:
    """The difference of two values as a part of the larger one."""
    if not math.isfinite(one) or not math.isfinite(other):
        return 0.0 if one == other else math.inf
    return abs(one - other) / max(abs(one), abs(other), smallest)


def _asked(victoria: Victoria, text: str, by: frozenset[str], moments: range) -> Values:
    """What VictoriaMetrics answers, by groups as Datadog names them and by the moments that were asked for."""
    found: dict[Place, float] = {}
    for answer in victoria.ask(text, moments[0], moments[-1], BUCKET):
        labels = dict(answer.labels)
        named = {key: labels.get(key, BARE) for key in by}
        group = frozenset((key, NOTHING if value == BARE else value) for key, value in named.items())
        found |= {(group, at): value for at, value in answer.points.items()}
    return found


def _said(whose: str, place: Place, value: float) -> str:
    group, time = place
    named = ", ".join(f"{key}:{of}" for key, of in sorted(group)) or "*"
    return f"only {whose}: {{{named}}} at {time}: {value:g}"
