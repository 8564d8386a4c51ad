"""How much a line changed since a while before (documentation: Monitors, Guides, Change alert monitors).

Point by point: `a - b`, or `(a - b) / b * 100`, b so long before a; signed. The monitor's aggregator comes after it.
A point whose earlier one is missing, or is 0 where it would divide, is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.datadog.evaluate import durations
from lab.datadog.evaluate.lines import Line
from lab.datadog.query.tree import Change


def _percent(now: float, before: float) -> float | None:
    return (now - before) / before * 100 if before else None


KINDS: Mapping[str, Callable[[float, float], float | None]] = {
    "change": lambda now, before: now - before,
    "pct_change": _percent,
}


def changes(lines: list[Line], change: Change) -> list[Line]:
    """The change of each line at each point."""
    shift, compare = durations.ago(change.shift), KINDS[change.kind]
    return [_changed(line, shift, compare) for line in lines]


def _changed(line: Line, shift: int, compare: Callable[[float, float], float | None]) -> Line:
    points = line.points
    both = ((time, compare(now, points[time - shift])) for time, now in points.items() if time - shift in points)
    return line.over({time: value for time, value in both if value is not None})
