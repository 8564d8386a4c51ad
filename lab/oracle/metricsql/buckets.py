"""The series of a metric, in buckets: what Datadog does before it aggregates across series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from lab.datadog.query.tree import Literal_, Metric, Modifier
from lab.oracle.metricsql.matchers import selector
from lab.process import LabError

BUCKET = 60
"""Seconds in one bucket."""
JOINED = 300
"""Seconds over which a gap is filled, when nothing is said."""
OVER_TIME = {
    "avg": "avg_over_time",
    "count": "count_over_time",
    "max": "max_over_time",
    "min": "min_over_time",
    "sum": "sum_over_time",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How points become one value a bucket."""

    method: str
    fill: str
    limit: int = JOINED
    per_second: bool = False

    def modified(self, modifier: Modifier, *, count: bool) -> Self:
        """The shape that a modifier of the query asks for; `as_count()` and `as_rate()` leave a gauge as it is."""
        match modifier.name, *(_plain(argument) for argument in modifier.arguments):
            case ["as_count"]:
                return self
            case ["as_rate"]:
                return replace(self, per_second=count)
            case ["fill", fill] if fill in FILLS:
                return replace(self, fill=fill)
            case ["fill", fill, float() as limit] if fill in FILLS:
                return replace(self, fill=fill, limit=int(limit))
            case ["rollup", method] if method in OVER_TIME:
                return replace(self, method=method)
            case ["rollup", method, seconds] if method in OVER_TIME and seconds == BUCKET:
                return replace(self, method=method)
        raise refusal(modifier, f"VictoriaMetrics has nothing like this .{modifier.name}()")

    def text(self, selected: str, until: int | None) -> str:
        """The buckets of what is selected, their gaps filled, as if nothing had come after the time `until`."""
        bucket = f"{OVER_TIME[self.method]}({selected}[{BUCKET}s])"
        if self.per_second:
            bucket = f"({bucket} / {BUCKET})"
        if until is not None:
            bucket = f"({bucket} if on () (time() <= {until}))"
        return FILLS[self.fill](bucket, self.limit)


def series(metric: Metric, *, count: bool, until: int | None = None) -> str:
    """The series of a metric of a query, in buckets; counts are summed within one, and never interpolated."""
    shape = Shape("sum", "null") if count else Shape("avg", "linear")
    for modifier in metric.modifiers:
        shape = shape.modified(modifier, count=count)
    return shape.text(selector(metric), until)


def _joined(bucket: str, limit: int) -> str:
    """Buckets with a straight line between two that are no further apart than the limit; nothing beyond the last."""
    back, ahead = f"[{limit}s:{BUCKET}s]", f"[{limit}s:{BUCKET}s] offset -{limit - BUCKET}s"
    parts = {
        "bucket": bucket,
        "before": f"last_over_time(bucket{back})",
        "left": f"tlast_over_time(bucket{back})",
        "after": f"first_over_time(bucket{ahead})",
        "right": f"tfirst_over_time(bucket{ahead})",
    }
    named = ", ".join(f"{name} = {text}" for name, text in parts.items())
    line = "(before + (after - before) * (time() - left) / (right - left))"
    return f"(WITH ({named}) bucket default ({line} if (right - left <= {limit})))"


def _held(bucket: str, limit: int) -> str:
    """Buckets, each of which goes on where none follows it."""
    return f"last_over_time({bucket}[{limit + BUCKET}s:{BUCKET}s])"


FILLS: Mapping[str, Callable[[str, int], str]] = {
    "last": _held,
    "linear": _joined,
    "null": lambda bucket, _: bucket,
    "zero": lambda bucket, limit: f"({bucket} default 0 * {_held(bucket, limit)})",
}


def _plain(argument: Literal_) -> Any:
    return argument.value


def refusal(part: Any, why: str) -> LabError:
    """The error of what is not translated, with its column in the query, from 1."""
    return LabError(f"column {part.at + 1}: {why}")
