"""Monitors of service checks (documentation: Monitors, Types, Service Check; API, Create a monitor).

A check alert tracks the consecutive statuses of each group. So many CRITICAL in a row alert, so many WARNING in a row
warn, so many OK in a row resolve, as the thresholds say; until one of them is reached the state stays. UNKNOWN in a
row is shown like no data where it has a threshold. Only the last N statuses are looked at, and N is at least the
largest threshold. A group is what distinguishes the checks: a run gives it one status.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

from lab.datadog.evaluate.expression import MINUTE
from lab.datadog.evaluate.groups import NewGroup
from lab.datadog.evaluate.lines import NOTHING, Group
from lab.datadog.evaluate.space import groups_of
from lab.datadog.evaluate.status import Status
from lab.datadog.query.tree import CheckAlert
from lab.datadog.store import CheckStatus, Store
from lab.process import LabError

STATES: Mapping[int, tuple[str, Status]] = {
    0: ("ok", Status.OK),
    1: ("warning", Status.WARN),
    2: ("critical", Status.ALERT),
    3: ("unknown", Status.NO_DATA),
}
"""The threshold that a status has, and the state that it leads to."""
USUAL = {"ok": 1, "warning": 1, "critical": 1}
MOST = 100
SILENCE = 1440
"""Minutes without a status after which there is no data, unless the monitor says how many."""


def outcomes(
    alert: CheckAlert, options: Mapping[str, Any], store: Store, moments: Sequence[float]
) -> dict[Group, list[Status]]:
    """The state of each group at each moment; no data before it is known."""
    rules = _rules(alert, options)
    found: dict[Group, list[CheckStatus]] = {}
    for status in _meant(alert, store.checks(alert.check)):
        for group in groups_of(status.tags, alert.by):
            found.setdefault(group, []).append(status)
    return {
        group: _states(_alone(alert, group, statuses), rules, NewGroup(options), moments)
        for group, statuses in sorted(found.items())
        if all(value != NOTHING for _, value in group)
    }


@dataclass(frozen=True, slots=True)
class Rules:
    """How many statuses in a row lead to their state, how many are looked at, and when there is no data (seconds)."""

    thresholds: Mapping[str, int]
    last: int
    patience: float | None

    def after(self, statuses: Sequence[CheckStatus], moment: float, before: Status) -> Status:
        """The state at a moment after these statuses, the newest being last."""
        newest = statuses[-1]
        if self.patience is not None and moment - newest.time >= self.patience:
            return Status.NO_DATA
        latest = reversed(statuses[-self.last :])
        in_a_row = sum(1 for _ in takewhile(lambda one: one.status == newest.status, latest))
        name, state = STATES[newest.status]
        if name in self.thresholds and in_a_row >= self.thresholds[name]:
            return state
        return Status.OK if before is Status.NO_DATA else before


def _rules(alert: CheckAlert, options: Mapping[str, Any]) -> Rules:
    """The rules of a monitor; raises `LabError` for what Datadog would not take, or what is not evaluated here."""
    if alert.counted != "count_by_status":
        raise _refusal(alert, f"only count_by_status() is evaluated here, not {alert.counted or 'nothing'}")
    if not alert.by or "*" in alert.by:
        raise _refusal(alert, "by() must name the tags that tell its checks apart")
    if options.get("on_missing_data"):
        raise _refusal(alert, "on_missing_data is not for service checks, notify_no_data and no_data_timeframe are")
    given = {name: count for name, count in (options.get("thresholds") or {}).items() if count is not None}
    thresholds = USUAL | given
    most = max(thresholds.values())
    if not isinstance(alert.last, int) or not most <= alert.last <= MOST:
        runs = "" if alert.last is None else json.dumps(alert.last)
        raise _refusal(alert, f"last({runs}) must be from {most}, the largest threshold, to {MOST}")
    patience = (options.get("no_data_timeframe") or SILENCE) * MINUTE
    return Rules(thresholds, alert.last, patience if options.get("notify_no_data") else None)


def _refusal(alert: CheckAlert, why: str) -> LabError:
    return LabError(f'"{alert.check}": {why}')


def _meant(alert: CheckAlert, statuses: Iterable[CheckStatus]) -> Iterable[CheckStatus]:
    """What has all tags of `over` and none of `exclude`."""
    over = frozenset(alert.over) - {"*"}
    return (one for one in statuses if over <= one.tags and not one.tags & frozenset(alert.exclude))


def _alone(alert: CheckAlert, group: Group, statuses: list[CheckStatus]) -> list[CheckStatus]:
    """The statuses of a group; raises `LabError` where a run gave it more than one."""
    for one, two in pairwise(statuses):
        if one.time == two.time and one.tags != two.tags:
            said = ", ".join(f"{key}:{value}" for key, value in group)
            apart = ", ".join(sorted(one.tags ^ two.tags))
            raise _refusal(alert, f"the group {said} has several checks; by() must tell them apart: {apart}")
    return statuses


def _states(statuses: Sequence[CheckStatus], rules: Rules, group: NewGroup, moments: Sequence[float]) -> list[Status]:
    times = [one.time for one in statuses]
    states: list[Status] = []
    for moment in moments:
        known = bisect_right(times, moment)
        before = states[-1] if states else Status.NO_DATA
        is_due = known and group.is_old(moment)
        states.append(rules.after(statuses[:known], moment, before) if is_due else before)
    return states
