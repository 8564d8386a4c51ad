"""The committed dashboards, taken apart: their groups, widgets, queries and formulas, each with where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.assets import dashboards
from lab.datadog import schema
from lab.datadog.query import metrics, parse_query
from lab.datadog.query.tree import Every, Metric, Not, Scope

ROOT = Path(__file__).parents[1]
PATHS = [dashboards.DASHBOARDS / f"etcd_latency_{name}.json" for name in dashboards.BOARDS]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a dashboard."""

    board: str
    definition: Json
    layout: Json

    def __str__(self) -> str:
        return f"{self.board}: {self.title}"

    @property
    def title(self) -> str:
        return str(self.definition["title"])

    @property
    def colour(self) -> str:
        """Empty where it shows an image."""
        return str(self.definition.get("background_color", ""))

    def widgets(self) -> Iterator[Placed]:
        return (Placed(self, one["definition"], one["layout"]) for one in self.definition["widgets"])


@dataclass(frozen=True, slots=True)
class Placed:
    """A widget of a dashboard."""

    group: Group
    definition: Json
    layout: Json

    def __str__(self) -> str:
        return f"{self.group}: {self.title}"

    @property
    def kind(self) -> str:
        return str(self.definition["type"])

    @property
    def title(self) -> str:
        return str(self.definition.get("title", "note"))

    def requests(self) -> list[Json]:
        """What it asks of metrics."""
        return [one for one in self.definition.get("requests", []) if "queries" in one]

    def formulas(self) -> list[Json]:
        return [one for request in self.requests() for one in request["formulas"]]

    def queries(self) -> list[Json]:
        return [one for request in self.requests() for one in request["queries"]]

    def metrics(self) -> list[Metric]:
        return [found for one in self.queries() for found in metrics(parse_query(one["query"]))]


BOARDS = {path.stem.removeprefix("etcd_latency_"): schema.read(ROOT / path) for path in PATHS}
GROUPS = [Group(name, one["definition"], one["layout"]) for name, board in BOARDS.items() for one in board["widgets"]]
WIDGETS = [one for group in GROUPS for one in group.widgets()]
METRICS = [(one, found) for one in WIDGETS for found in one.metrics()]


def of_kind(*kinds: str) -> list[Placed]:
    """The widgets of these kinds; a test that finds none tests nothing."""
    found = [one for one in WIDGETS if one.kind in kinds]
    assert found
    return found


def said(found: Iterable[object]) -> list[str]:
    """Where a rule does not hold, for an error message."""
    return sorted(set(map(str, found)))


def scopes(metric: Metric) -> list[Scope]:
    """What a query is filtered by, also where that is denied."""
    operands = metric.scope.operands if isinstance(metric.scope, Every) else (metric.scope,)
    return [one.operand if isinstance(one, Not) else one for one in operands]
