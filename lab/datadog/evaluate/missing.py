"""What a monitor of metrics makes of an empty window, and of one that is not full."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lab.datadog.evaluate import durations
from lab.datadog.evaluate.expression import MINUTE
from lab.datadog.evaluate.lines import Points
from lab.datadog.evaluate.status import Judge, Status
from lab.datadog.query.tree import MetricAlert
from lab.datadog.query.walk import calls, metrics
from lab.process import LabError

OnMissing = Literal["default", "show_no_data", "show_and_notify_no_data", "resolve"]
AfterSilence = Callable[[Status, int], Status]
"""The status after the status before and so many seconds without a value."""

MOST_EMPTY = 3
BUCKETS = {"m": 60, "h": 600, "d": 3600, "w": 3600, "mo": 14_400}
"""Seconds of the buckets that a full window is measured by, by the unit of the window."""


def after_silence(alert: MetricAlert, options: Mapping[str, Any], judge: Judge) -> AfterSilence:
    """What an empty window gives.

    `on_missing_data` (documentation: Monitors, Configuration, No data): `default` takes 0 for a query of counts
    without default_zero(), else the last status stays. Without it, the older `notify_no_data`: no data after
    `no_data_timeframe` minutes, twice the window unless given; until then, or without it, the last status stays.
    """
    chosen = options.get("on_missing_data")
    if chosen is None:
        return _older(alert, options)
    if options.get("notify_no_data"):
        raise LabError("notify_no_data and on_missing_data exclude each other; leave notify_no_data out")
    if chosen not in get_args(OnMissing):
        raise LabError(f"on_missing_data is one of {', '.join(get_args(OnMissing))}, not {chosen!r}")
    if chosen == "resolve":
        return lambda _, __: Status.OK
    if chosen != "default":
        return lambda _, __: Status.NO_DATA
    if _counts(alert):
        return lambda before, _: judge.status(0.0, before)
    return lambda before, _: before


def _counts(alert: MetricAlert) -> bool:
    counts = any(metric.modified("as_count") for metric in metrics(alert.expression))
    return counts and not any(call.function == "default_zero" for call in calls(alert.expression))


def _older(alert: MetricAlert, options: Mapping[str, Any]) -> AfterSilence:
    if not options.get("notify_no_data"):
        return lambda before, _: before
    timeframe = options.get("no_data_timeframe")
    patience = timeframe * MINUTE if timeframe else 2 * durations.last(alert.window)
    return lambda before, silent: Status.NO_DATA if silent >= patience else before


@dataclass(frozen=True, slots=True)
class FullWindow:
    """When a window is full (documentation: Monitors, Types, Metric, Data window).

    It has a point in its first bucket, and at most three buckets without one; buckets are of a minute in a window of
    minutes, of ten in one of hours, of an hour in one of days, of four in one of months.
    """

    seconds: int
    bucket: int

    def holds(self, points: Points, end: int) -> bool:
        """Whether these points fill the window up to its end."""
        begin = end - self.seconds
        filled = {(time - begin) // self.bucket for time in range(begin, end, MINUTE) if time in points}
        return 0 in filled and self.seconds // self.bucket - len(filled) <= MOST_EMPTY


def full_window(window: str) -> FullWindow:
    """By what a window such as `last_5m` is measured."""
    return FullWindow(durations.last(window), BUCKETS[window.removeprefix("last_").lstrip("0123456789")])
