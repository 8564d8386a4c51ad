"""What a monitor would have said: its state for every group, minute by minute."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from lab.datadog.evaluate import checks
from lab.datadog.evaluate.expression import MINUTE
from lab.datadog.evaluate.groups import NewGroup
from lab.datadog.evaluate.lines import Group, Points
from lab.datadog.evaluate.missing import AfterSilence, after_silence
from lab.datadog.evaluate.status import Judge, Status, judge
from lab.datadog.evaluate.windows import full, values
from lab.datadog.query.tree import Alert, CheckAlert, MetricAlert
from lab.datadog.store import Store
from lab.process import LabError

Outcomes = dict[Group, list[Status]]


def outcomes(alert: Alert, options: Mapping[str, Any], store: Store, moments: Sequence[float]) -> Outcomes:
    """The state of each group at each of these moments, which are seconds since the epoch and ascending.

    It is no data before a group is known, and while `new_group_delay` lasts. `options` are those of the monitor's JSON;
    how a monitor notifies, and when it resolves by itself (`timeout_h`), is none of this. Raises `LabError` for what is
    not evaluated here, or not allowed.
    """
    if isinstance(alert, CheckAlert):
        return checks.outcomes(alert, options, store, moments)
    if isinstance(alert, MetricAlert):
        return _of_metrics(alert, options, store, moments)
    raise LabError(f"monitors of {alert.source} are not evaluated here")


def _of_metrics(alert: MetricAlert, options: Mapping[str, Any], store: Store, moments: Sequence[float]) -> Outcomes:
    delay = options.get("evaluation_delay") or 0
    ends = [int((moment - delay) // MINUTE) * MINUTE for moment in moments]
    decide = judge(alert, options.get("thresholds") or {})
    silence = after_silence(alert, options, decide)
    found = values(alert, store, ends)
    required = options.get("require_full_window")
    looked_at = full(alert, store, ends) if required else {group: set(ends) for group in found}
    return {
        group: _Course(decide, silence, looked_at.get(group, ()), NewGroup(options, grouped=bool(group))).states(
            points, ends
        )
        for group, points in found.items()
    }


class _Course:
    """One group on its way through the states; `looked_at` are the ends of the windows whose value counts."""

    def __init__(self, decide: Judge, silence: AfterSilence, looked_at: Container[int], group: NewGroup) -> None:
        self._decide = decide
        self._silence = silence
        self._looked_at = looked_at
        self._group = group
        self._heard: int | None = None
        self._state = Status.NO_DATA

    def states(self, found: Points, ends: Sequence[int]) -> list[Status]:
        """The states at the ends of windows, from the values of those that have one."""
        return [self._next(found.get(end), end) for end in ends]

    def _next(self, value: float | None, end: int) -> Status:
        if value is not None:
            self._heard = end
        if self._heard is None or not self._group.is_old(end):
            return Status.NO_DATA
        if value is None:
            self._state = self._silence(self._state, end - self._heard)
        elif end in self._looked_at:
            self._state = self._decide.status(value, self._state)
        return self._state
