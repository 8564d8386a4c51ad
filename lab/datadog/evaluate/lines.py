"""Lines, which is what a query gives: a group and its points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.process import LabError

Group = tuple[tuple[str, str], ...]
"""The keys that a query groups by, in its order, each with its value; empty without `by`."""
Points = Mapping[int, float]
"""Values by the beginnings of their buckets, in seconds since the epoch, ascending."""

NOTHING = "N/A"
"""The value of a key that a series has no tag for, as Datadog's graphs show it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One group of a query over time."""

    group: Group
    points: Points
    counted: bool = False
    """A count by `as_count()` or `as_rate()`: where it has no point, arithmetic takes 0 for it."""

    def over(self, points: Points) -> Line:
        """The same group with other points."""
        return replace(self, points=points)

    def each(self, change: Callable[[float], float | None]) -> Line:
        """Every value changed; where the change gives none, the point is dropped."""
        changed = ((time, change(value)) for time, value in self.points.items())
        return self.over({time: value for time, value in changed if value is not None})


def refusal(node: Any, why: str) -> LabError:
    """The error of what is not evaluated here, with its column in the query, from 1."""
    return LabError(f"column {node.at + 1}: {why}")
