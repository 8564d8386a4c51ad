"""Many series of counters, one running total for each group of them. Pure: numbers in, numbers out.

A plain sum of counters is no counter: it falls when one of its series begins anew, and then a reader takes the
whole sum for growth. So each series is followed by itself, and a group's total grows by what its series grew.

    a series                                adds to its group's total
    new, or new since the last page         its value: it began after the last page
    grew, or stands still                   the difference
    fell                                    its value: its process began anew
    not on the page any more                nothing, and is forgotten

The first page of all is no exception: all series are new, and the totals are plain sums. A page that never came
is none either: the next one adds what grew meanwhile.

A histogram is one series with many parts (count, sum and a count for each bound), and begins anew as a whole:
when any part fell, all of them are taken as new. So a group's buckets grow cumulatively, as those of a page do.

Bounds may differ. Those that not every series of a group has are left out, for nobody knows how many of its
observations the others would have counted there. When a group's set of bounds is another than on the last page,
as after an upgrade, its buckets begin anew with the plain sum of the page; its count and its sum go on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

VALUE, SUM, COUNT = "value", "sum", "count"

Part = str | float
"""`VALUE` of a counter; `SUM`, `COUNT` and the bounds (floats) of a histogram."""
Parts = Mapping[Part, float]
Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Series(Generic[Group]):
    """One series as a page has it."""

    group: Group
    key: Hashable
    """What tells it from all other series, of other groups, too."""
    parts: Parts


@dataclass(frozen=True, slots=True)
class _Step:
    """A series on this page: its parts, and how much each grew since the last one."""

    now: Parts
    growth: Parts


class Totals(Generic[Group]):
    """The running totals of one page's groups, page after page.

    While a group is on every page its totals never fall. A group that is gone for a page is forgotten and begins
    again at 0, as a single counter does.
    """

    def __init__(self) -> None:
        self.left_out = 0
        """How many values of the last page were no counts: not a number, infinite or negative."""
        self._last: dict[Hashable, Parts] = {}
        self._totals: dict[Group, Parts] = {}

    def add(self, page: Iterable[Series[Group]]) -> Mapping[Group, Parts]:
        """Take a page; give the total of each part of each group. Of a series that stands twice the last counts."""
        series = {one.key: one for one in page}
        last: dict[Hashable, Parts] = {}
        groups: dict[Group, list[_Step]] = defaultdict(list)
        self.left_out = 0
        for key, one in series.items():
            before, now = self._last.get(key, {}), usable(one.parts)
            groups[one.group].append(_Step(now, growth(before, now)))
            # A part that is on the page without a usable value keeps its last one: it will not be new.
            last[key] = {part: before[part] for part in one.parts if part in before} | now
            self.left_out += len(one.parts) - len(now)
        self._last = last
        return self._continue({group: total(self._totals.get(group, {}), steps) for group, steps in groups.items()})

    def _continue(self, found: Mapping[Group, Parts]) -> Mapping[Group, Parts]:
        """Remember a page's totals. A count or sum without usable values keeps its total until it has some again."""
        self._totals = {group: {**_not_bounds(self._totals.get(group, {})), **parts} for group, parts in found.items()}
        return found


def usable(parts: Parts) -> dict[Part, float]:
    """The values that can be those of a counter. Not a number compares with nothing."""
    return {part: value for part, value in parts.items() if 0 <= value < math.inf}


def growth(last: Parts, now: Parts) -> dict[Part, float]:
    """How much each part of a series grew; see the table above."""
    if any(now[part] < last[part] for part in now.keys() & last.keys()):
        last = {}
    return {part: value - last.get(part, 0) for part, value in now.items()}


def total(before: Parts, steps: Sequence[_Step]) -> dict[Part, float]:
    """A group's totals after a page, from those before it."""
    bounds = frozenset.intersection(*(_bounds(step.now) for step in steps))
    anew = bounds != _bounds(before)
    found: dict[Part, float] = {}
    for step in steps:
        for part, grown in step.growth.items():
            if part in bounds and anew:
                found[part] = found.get(part, 0) + step.now[part]
            elif part in bounds or not isinstance(part, float):
                found[part] = found.get(part, before.get(part, 0)) + grown
    return found


def level(values: Iterable[float], combine: Literal["sum", "max"]) -> float:
    """What several series of a gauge are together, on one page; there is at least one."""
    return max(values) if combine == "max" else sum(values)


def _bounds(parts: Parts) -> frozenset[float]:
    return frozenset(part for part in parts if isinstance(part, float))


def _not_bounds(parts: Parts) -> dict[Part, float]:
    return {part: value for part, value in parts.items() if not isinstance(part, float)}
