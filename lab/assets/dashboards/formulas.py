"""What a widget shows: expressions over queries, in Datadog's language with what repeats left out.

    sum:lease.granted.count{*} by {etcd_member}.as_rate()

stands for the metric in our namespace, filtered by all template variables that it can be filtered by, and grouped
by cluster first, because members are called alike in many clusters. Other filters stand in the braces as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from etcd_latency.catalog import NAMESPACE
from lab.assets.dashboards import metrics
from lab.assets.dashboards.limits import Json, Limits
from lab.datadog.query import parse_query, text
from lab.datadog.query.tree import Arithmetic, Call, Every, Expression, Metric, Negative, Variable, Word


@dataclass(frozen=True, slots=True)
class Shown:
    """One expression, and how its values look."""

    expression: str = ""
    monitor: str = ""
    """In place of an expression: the monitor that looks at the same."""
    unit: str = ""
    """Of Datadog's units, `/second` behind it for a rate; empty: that of the metric, where it is one alone."""
    limit: str = ""
    """Of a column: the monitor whose thresholds colour it."""
    over: str = ""
    """How the time on the screen becomes one number, where one is asked for; empty: sum of counts, last of the rest."""

    @classmethod
    def of(cls, entry: str | Mapping[str, Any]) -> Shown:
        """From a text, or a mapping with `is` or `monitor`, and what else is known."""
        if isinstance(entry, str):
            return cls(entry)
        return cls(**{"expression" if key == "is" else key: value for key, value in entry.items()})

    def tree(self, limits: Limits) -> Expression:
        """The expression, read."""
        return limits.watched(self.monitor) if self.monitor else parse_query(self.expression)


@dataclass(slots=True)
class Queries:
    """The queries of one widget, by name; those that say the same have one name."""

    limits: Limits
    scalar: bool
    """Whether each gives one number, not a series."""
    metrics: list[str] = field(default_factory=list)
    """What is asked for, without the namespace."""
    _found: dict[tuple[str, str], str] = field(default_factory=dict)

    def formula(self, alias: str, shown: Shown) -> Json:
        """The expression with names in place of its queries, as Datadog takes it."""
        tree = shown.tree(self.limits)
        name, _, per = (shown.unit or _natural_unit(tree)).partition("/")
        unit = {"type": "canonical_unit", "unit_name": name} | ({"per_unit_name": per} if per else {})
        formula = {"alias": alias, "formula": text(self._named(tree, shown.over))}
        return formula | ({"number_format": {"unit": unit}} if name else {})

    def definitions(self) -> list[Json]:
        """The queries as Datadog takes them."""
        return [
            {"name": name, "data_source": "metrics", "query": query} | ({"aggregator": over} if self.scalar else {})
            for (query, over), name in self._found.items()
        ]

    def _named(self, tree: Any, over: str) -> Any:
        match tree:
            case Metric():
                return self._name(tree, over)
            case Arithmetic():
                return replace(tree, left=self._named(tree.left, over), right=self._named(tree.right, over))
            case Negative():
                return replace(tree, operand=self._named(tree.operand, over))
            case Call():
                return replace(tree, arguments=tuple(self._named(one, over) for one in tree.arguments))
        return tree

    def _name(self, query: Metric, over: str) -> Word:
        self.metrics.append(short(query))
        key = text(full(query)), over or ("sum" if query.modified("as_count") else "last")
        return Word(self._found.setdefault(key, f"query{len(self._found) + 1}"))


def short(query: Metric) -> str:
    """The name of its metric, without the namespace, which monitors write and boards do not."""
    return query.name.removeprefix(f"{NAMESPACE}.")


def full(query: Metric) -> Metric:
    """A query as Datadog takes it."""
    own = query.scope.operands if isinstance(query.scope, Every) else (query.scope,)
    scope = Every((*map(Variable, metrics.variables(short(query))), *own))
    by = tuple(dict.fromkeys((metrics.CLUSTER, *query.by))) if query.by else ()
    return replace(query, name=f"{NAMESPACE}.{short(query)}", scope=scope, by=by)


def _natural_unit(tree: Expression) -> str:
    if not isinstance(tree, Metric):
        return ""
    unit = metrics.unit(short(tree))
    return f"{unit}/second" if unit and tree.modified("as_rate") else unit
