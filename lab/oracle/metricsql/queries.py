"""A query: aggregation across series, functions and arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce

from lab.datadog.query.tree import Arithmetic, Call, Expression, Metric, Negative, Number, Text, Word
from lab.oracle.metricsql.buckets import BUCKET, OVER_TIME, refusal, series
from lab.oracle.metricsql.matchers import label, quoted

OVER_SERIES = frozenset({"avg", "max", "min", "sum"})
EARLIER = f"last_over_time({{0}}[{BUCKET}s:{BUCKET}s] offset {{1}}s)"
"""What an expression was so many seconds earlier."""
SHIFTS = {"hour_before": 3600, "day_before": 86_400, "week_before": 604_800, "month_before": 2_419_200}
BEFORE = f"{{0}}[1d:{BUCKET}s] offset {BUCKET}s"
DIFFERENCE = f"({{0}} - last_over_time({BEFORE}))"
SLOPE = f"({DIFFERENCE} / (time() - tlast_over_time({BEFORE})))"
FUNCTIONS = {
    "abs": "abs({0})",
    "clamp_max": "clamp_max({0}, {1})",
    "clamp_min": "clamp_min({0}, {1})",
    "count_nonzero": "(count({0} != 0) default (0 * count({0})))",
    "count_not_null": "count({0})",
    "cumsum": "(running_sum({0}) if {0})",
    "cutoff_max": "({0} <= {1})",
    "cutoff_min": "({0} >= {1})",
    "derivative": SLOPE,
    "diff": DIFFERENCE,
    "log2": "log2({0} > 0)",
    "log10": "log10({0} > 0)",
    "monotonic_diff": f"({DIFFERENCE} >= 0)",
    "moving_rollup": f"(avg_over_time({{0}}[{{1}}s:{BUCKET}s]) if {{0}})",
    "per_hour": f"({SLOPE} * 3600)",
    "per_minute": f"({SLOPE} * 60)",
    "per_second": SLOPE,
} | {name: EARLIER.format("{0}", seconds) for name, seconds in SHIFTS.items()}
"""Functions of an expression, some with a number."""
UNGROUPED = frozenset({"count_nonzero", "count_not_null"})
RANKS = {"last": "last", "max": "max", "mean": "avg", "min": "min"}
ENDS = {"asc": "bottomk", "desc": "topk"}

Keys = frozenset[str]
Setting = float | str
"""What stands behind the query in a call: a number, or a text."""


@dataclass(frozen=True, slots=True)
class Translator:
    """Turns expressions into text that keeps together: a number, a call, or what stands in brackets."""

    counts: Collection[str]
    """The names of the metrics that are counts."""
    until: int | None = None
    """The end of what is known; what comes later is not there."""

    def text(self, expression: Expression) -> str:
        """The expression in MetricsQL."""
        match expression:
            case Number():
                return _number(expression.value)
            case Metric():
                return self._metric(expression)
            case Negative():
                return f"(0 - {self.text(expression.operand)})"
            case Arithmetic():
                return self._arithmetic(expression)
            case Call():
                return self._call(expression)
            case Word():
                raise refusal(expression, f"{expression.value} is the name of a query of a formula")

    def _metric(self, metric: Metric) -> str:
        aggregator = metric.aggregator or "avg"
        if aggregator not in OVER_SERIES:
            raise refusal(metric, f"VictoriaMetrics does not aggregate by {aggregator} as Datadog does")
        by = f" by ({','.join(map(label, metric.by))})" if metric.by else ""
        return f"{aggregator}({series(metric, count=metric.name in self.counts, until=self.until)}){by}"

    def _arithmetic(self, operation: Arithmetic) -> str:
        left, right = operation.left, operation.right
        return joined(operation, self._beside(left, right), self._beside(right, left))

    def _beside(self, side: Expression, other: Expression) -> str:
        """One side of an operation; a count is 0 where only the other side has a value, in the lines that it has."""
        text = self.text(side)
        if not self._counted(side) or keys(other) is None:
            return text
        values = self.text(other) if keys(side) or not keys(other) else f"max({self.text(other)})"
        matching = _matching(side, other) if keys(side) else ""
        return f"({text} default (0 * range_max({text}) *{matching} {values}))"

    def _counted(self, expression: Expression | Text) -> bool:
        """Whether it comes of `as_count()` or `as_rate()`, so that Datadog takes 0 for it where it has no value."""
        match expression:
            case Metric():
                modified = expression.modified("as_count") or expression.modified("as_rate")
                return modified and expression.name in self.counts
            case Negative():
                return self._counted(expression.operand)
            case Arithmetic():
                sides = (expression.left, expression.right)
                return all(self._counted(side) for side in sides if keys(side) is not None)
            case Call():
                return self._counted(expression.arguments[0])
        return False

    def _call(self, call: Call) -> str:
        first, *others = call.arguments or (Text(""),)
        if isinstance(first, Text) or call.modifiers:
            raise refusal(call, f"VictoriaMetrics has nothing like this {call.function}()")
        text, settings = self.text(first), [_setting(other) for other in others]
        by = sorted(keys(first) or ())
        found = _templated(call.function, text, settings) or _built(call.function, text, settings, by)
        if found is None:
            raise refusal(call, f"VictoriaMetrics has nothing like this {call.function}()")
        return found


def joined(operation: Arithmetic, left: str, right: str) -> str:
    """An operation whose sides have been translated."""
    if operation.operator == "/":
        right = f"({right} != 0)"
    return f"({left} {operation.operator}{_matching(operation.left, operation.right)} {right})"


def keys(expression: Expression | Text) -> Keys | None:
    """The tags by which the lines of an expression differ; None when it is a number."""
    match expression:
        case Metric():
            return frozenset(expression.by)
        case Negative():
            return keys(expression.operand)
        case Arithmetic():
            sides = (keys(expression.left), keys(expression.right))
            return max((side for side in sides if side is not None), key=len, default=None)
        case Call():
            return frozenset() if expression.function in UNGROUPED else keys(expression.arguments[0])
    return None


def _matching(left: Expression, right: Expression) -> str:
    """How lines find each other: those of the same groups do by themselves, a line without a group meets all."""
    ours, theirs = keys(left), keys(right)
    if ours is None or theirs is None or ours == theirs:
        return ""
    if ours and theirs:
        raise refusal(left, "VictoriaMetrics does not match lines of different groups")
    return " on () group_left ()" if ours else " on () group_right ()"


def _templated(function: str, text: str, settings: Sequence[Setting]) -> str | None:
    template = FUNCTIONS.get(function, "")
    numbers = [_number(setting) for setting in settings if isinstance(setting, float)]
    wanted = 1 if "{1}" in template else 0
    return template.format(text, *numbers) if template and len(settings) == len(numbers) == wanted else None


def _built(function: str, text: str, settings: Sequence[Setting], by: Sequence[str]) -> str | None:
    """Functions that depend on more than a number."""
    match function, *settings:
        case ["default_zero"]:
            return f"({text} default (0 * range_max({text})))" if by else f"({text} default 0)"
        case ["exclude_null"]:
            return reduce(lambda inner, key: f'label_match({inner}, {quoted(key)}, ".+")', by, text)
        case ["moving_rollup", float() as seconds, method] if method in OVER_TIME:
            return f"({OVER_TIME[method]}({text}[{_number(seconds)}s:{BUCKET}s]) if {text})"
        case ["timeshift", float() as seconds]:
            return EARLIER.format(text, int(-seconds))
        case ["top", float() as count, rank, order] if rank in RANKS and order in ENDS:
            return f"{ENDS[order]}_{RANKS[rank]}({_number(count)}, {text})"
    return None


def _setting(argument: Expression | Text) -> Setting:
    match argument:
        case Number() | Text() | Word():
            return argument.value
    raise refusal(argument, "only the first argument of a function can be a query in VictoriaMetrics")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
