"""Whether our evaluator takes a query, tried on one point of each of its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lab.datadog.evaluate import evaluate, outcomes
from lab.datadog.evaluate.expression import REFUSED
from lab.datadog.query import metrics
from lab.datadog.query.tree import Alert, Expression, Metric
from lab.datadog.query.walk import calls
from lab.datadog.store import Kind, Point, Store
from lab.process import LabError

MINUTE = 60


def refused(alert: Alert, options: Mapping[str, Any]) -> str:
    """Why a monitor with these options cannot be evaluated; empty when it can."""
    try:
        with _store(metrics(alert)) as store:
            outcomes(alert, options, store, [2 * MINUTE])
    except LabError as error:
        return str(error)
    return ""


def refused_formula(formula: Expression, names: Mapping[str, Expression]) -> str:
    """Why a formula over queries of these names cannot be evaluated; empty when it can, or Datadog alone could."""
    if any(call.function in REFUSED for call in calls(formula)):
        return ""
    try:
        with _store(metric for query in names.values() for metric in metrics(query)) as store:
            evaluate(formula, store, 0, 2 * MINUTE, names=names)
    except LabError as error:
        return str(error)
    return ""


@contextmanager
def _store(asked: Iterable[Metric]) -> Iterator[Store]:
    known = list(asked)
    counts = {one.name for one in known if one.modified("as_count") or one.modified("as_rate")}
    with Store() as store:
        store.add({_point(one, "count" if one.name in counts else "gauge") for one in known}, MINUTE)
        yield store


def _point(metric: Metric, kind: Kind) -> Point:
    return Point(metric.name, kind, frozenset(f"{key}:x" for key in metric.by), 1.0)
