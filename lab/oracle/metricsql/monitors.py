"""A monitor: what it compares with its threshold, at the end of its window."""

from __future__ import annotations

import re

from lab.datadog.query import metrics
from lab.datadog.query.tree import Arithmetic, Call, Change, Expression, MetricAlert, Negative, Number, Text
from lab.datadog.query.walk import calls, inside
from lab.oracle.metricsql.buckets import BUCKET, OVER_TIME, refusal
from lab.oracle.metricsql.queries import EARLIER, Translator, joined
from lab.process import LabError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
OVER_WINDOW = OVER_TIME | {"last": "last_over_time"}
EDGES = {"max": (">=", "+"), "min": ("<=", "-")}
"""Which end of a forecast is its value, and on which side its deviations are."""
AT_ONCE = frozenset({"cumsum", "default_zero", "top"})
"""Functions that look at all that is asked for, which is not the same for a monitor in each of its moments."""


def monitor(alert: MetricAlert, translator: Translator, held: int) -> str:
    """The value of a monitor by its groups, over data that reach back so many seconds."""
    _check(alert.expression)
    if isinstance(alert.expression, Call) and alert.expression.function == "forecast":
        return _forecast(alert, alert.expression, translator, held)
    window = Window(translator, span(alert.window), alert.aggregator)
    if alert.change is not None:
        return window.over(_changed(translator.text(alert.expression), alert.change))
    if any(metric.modified("as_count") for metric in metrics(alert.expression)):
        return window.totals(alert.expression)
    return window.over(translator.text(alert.expression))


def span(window: str) -> int:
    """The seconds of `last_5m`, `next_12h`, `1w`."""
    found = re.fullmatch(r"(?:(?:last|next)_)?(\d+)([smhdw])", window)
    if found is None:
        raise LabError(f"{window} has no length in s, m, h, d or w, as last_5m has")
    return int(found[1]) * SECONDS[found[2]]


class Window:
    """What becomes one number: so many seconds before each moment."""

    def __init__(self, translator: Translator, seconds: int, aggregator: str) -> None:
        if aggregator not in OVER_WINDOW:
            raise LabError(f"VictoriaMetrics does not aggregate a window by {aggregator} as Datadog does")
        self._translator = translator
        self._seconds = seconds
        self._aggregator = aggregator

    def over(self, text: str) -> str:
        """The aggregate of something over the window."""
        return f"{OVER_WINDOW[self._aggregator]}({text}[{self._seconds}s:{BUCKET}s])"

    def totals(self, expression: Expression) -> str:
        """With an `as_count()`, each side of an operation is summed over the window before they meet."""
        if self._aggregator != "sum":
            raise LabError(f"a window with as_count() can only be summed, not aggregated by {self._aggregator}")
        match expression:
            case Number():
                return self._translator.text(expression)
            case Negative():
                return f"(0 - {self.totals(expression.operand)})"
            case Arithmetic():
                return joined(expression, self.totals(expression.left), self.totals(expression.right))
            case Call() if any(isinstance(node, Arithmetic) for node in inside(expression)):
                raise refusal(expression, f"it is not documented when {expression.function}() of sums is taken")
        return self.over(self._translator.text(expression))


def _changed(text: str, change: Change) -> str:
    earlier = EARLIER.format(text, span(change.shift))
    growth = f"({text} - {earlier})"
    return growth if change.kind == "change" else f"(100 * {growth} / ({earlier} != 0))"


def _forecast(alert: MetricAlert, call: Call, translator: Translator, held: int) -> str:
    """The line of least squares where it is furthest between now and the horizon, and so many deviations beyond."""
    match call.arguments, alert.aggregator:
        case (query, Text("linear"), Number(deviations)), ("max" | "min") if not isinstance(query, Text):
            furthest, beyond = EDGES[alert.aggregator]
        case _:
            raise refusal(call, f"VictoriaMetrics has nothing like {alert.aggregator}({alert.window}) of this forecast")
    keywords = {name: str(literal.value) for name, literal in call.keywords}
    text = translator.text(query)
    # A week of a store that holds an hour would take VictoriaMetrics a hundred times as long.
    past = f"[{min(held, span(keywords.get('history', '1w')))}s:{BUCKET}s]"
    # The last bucket is known by its end here, and began a bucket before the moment from which Datadog looks ahead.
    parts = {
        "past": f"last_over_time({text}[{BUCKET}s:{BUCKET}s])",
        "now": f"predict_linear(past{past}, {BUCKET})",
        "then": f"predict_linear(past{past}, {BUCKET + span(alert.window)})",
        "steep": f"deriv(past{past})",
        "spread": f"stdvar_over_time((time() - end() + 0 * past){past})",
        "noise": f"sqrt(clamp_min(stdvar_over_time(past{past}) - steep * steep * spread, 0))",
        "known": f"tlast_over_time(past{past}) - tfirst_over_time(past{past})",
    }
    named = ", ".join(f"{name} = {part}" for name, part in parts.items())
    edge = f"((now {furthest} then) default then) {beyond} {deviations} * noise"
    return f"(WITH ({named}) ({edge}) if (known >= {span(keywords.get('interval', '60m'))}))"


def _check(expression: Expression) -> None:
    for call in calls(expression):
        if call.function in AT_ONCE:
            raise refusal(call, f"{call.function}() in a monitor looks at other times than here")
