"""Where a line is heading: an approximation of Datadog's linear forecast.

Datadog's own models are not documented to the digit (Monitors, Types, Forecasts): `default` follows the newest trend
and does not mind noise, `simple` is a robust line through all of the history, `reactive` follows faster. Here all of
them are the line of least squares through the history that is there, and the band around it is as wide as the
standard deviation of the points from it, times the deviations. A history shorter than one `interval` gives nothing,
and neither does one point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.datadog.evaluate import durations
from lab.datadog.evaluate.arguments import Arguments
from lab.datadog.evaluate.lines import Line, refusal
from lab.datadog.query.tree import Call

MODELS = ("default", "simple", "reactive")
KEYWORDS = ("interval", "history", "model")
EDGES: Mapping[str, tuple[Callable[[float, float], float], int]] = {"max": (max, 1), "min": (min, -1)}
"""By the aggregator: which end of the forecast counts, and which edge of its band."""

Known = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Forecast:
    """`forecast(query, 'linear', deviations, interval='60m', history='1w', model='default')`; times in seconds."""

    deviations: float
    interval: int
    history: int

    def edge(self, line: Line, end: int, ahead: int, aggregator: str) -> float | None:
        """The most (`max`) or the least (`min`) that the band reaches from `end` until `ahead` seconds later."""
        known = [(time - end, value) for time, value in line.points.items() if end - self.history <= time < end]
        if not known or known[-1][0] - known[0][0] < max(self.interval, 1):
            return None
        trend = _fitted(known)
        furthest, side = EDGES[aggregator]
        return furthest(trend.level, trend.level + trend.slope * ahead) + side * self.deviations * trend.deviation


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line: its value at 0 seconds, its rise per second, and how far the points are from it."""

    level: float
    slope: float
    deviation: float


def parsed(call: Call) -> Forecast:
    """Read a call of forecast(); raises `LabError` for what is not approximated here."""
    arguments = Arguments(call)
    arguments.at_most(2)
    arguments.text(1, "an algorithm (the seasonal one is not evaluated here)", ("linear",))
    for name, _ in call.keywords:
        if name not in KEYWORDS:
            raise refusal(call, f"forecast() knows {', '.join(KEYWORDS)}, not {name}")
    model = arguments.keyword("model") or "default"
    if model not in MODELS:
        raise refusal(call, f"forecast() knows the models {', '.join(MODELS)}, not {model}")
    return Forecast(arguments.number(2, "the deviations"), _span(call, "interval", "60m"), _span(call, "history", "1w"))


def _span(call: Call, name: str, usual: str) -> int:
    given = Arguments(call).keyword(name)
    return int(given) if isinstance(given, float) else durations.plain(given or usual)


def _fitted(known: Known) -> Trend:
    count = len(known)
    time = math.fsum(time for time, _ in known) / count
    value = math.fsum(value for _, value in known) / count
    spread = math.fsum((one - time) ** 2 for one, _ in known)
    slope = math.fsum((one - time) * (other - value) for one, other in known) / spread
    level = value - slope * time
    square = math.fsum((other - level - slope * one) ** 2 for one, other in known) / count
    return Trend(level, slope, math.sqrt(square))
