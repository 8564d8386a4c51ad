"""The states of a monitor, and when a value changes one.

A monitor stays in its state until the value has passed the recovery threshold, if there is one (documentation:
Monitors, Guides, Recovery thresholds): `> threshold` recovers at `<= recovery`, `>=` at `<`, `<` at `>=`, `<=` at `>`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lab.datadog.query.tree import Comparator, MetricAlert
from lab.process import LabError


class Status(StrEnum):
    """What a monitor says of a group; no data, too, while it does not know the group yet."""

    OK = "ok"
    WARN = "warn"
    ALERT = "alert"
    NO_DATA = "no_data"


COMPARISONS: Mapping[Comparator, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where a state begins, and where it ends if not there."""

    begins: float
    recovery: float | None

    def reached(self, value: float, exceeds: Callable[[float, float], bool], *, before: bool) -> bool:
        """Whether the value puts a group into the state, or keeps it there that was in it before."""
        held = before and self.recovery is not None and exceeds(value, self.recovery)
        return held or exceeds(value, self.begins)


@dataclass(frozen=True, slots=True)
class Judge:
    """The thresholds of a monitor of metrics."""

    comparator: Comparator
    critical: Threshold
    warning: Threshold | None

    def status(self, value: float, before: Status) -> Status:
        """The state that a value gives after the state before."""
        exceeds = COMPARISONS[self.comparator]
        if self.critical.reached(value, exceeds, before=before is Status.ALERT):
            return Status.ALERT
        warned = before in (Status.ALERT, Status.WARN)
        if self.warning and self.warning.reached(value, exceeds, before=warned):
            return Status.WARN
        return Status.OK


def judge(alert: MetricAlert, thresholds: Mapping[str, Any]) -> Judge:
    """The thresholds of a monitor's query and options; raises `LabError` where they do not agree."""
    critical = thresholds.get("critical")
    if critical is not None and critical != alert.threshold:
        raise LabError(f"thresholds.critical is {critical}, but the query compares with {alert.threshold}")
    warning = thresholds.get("warning")
    return Judge(
        alert.comparator,
        Threshold(alert.threshold, thresholds.get("critical_recovery")),
        None if warning is None else Threshold(warning, thresholds.get("warning_recovery")),
    )
