"""The numbers of a member's metrics pages by their meaning: a value, a series, a histogram, what two pages differ by.

Most of what stands on a page is as it was on the last one. So a page costs as much as what is asked for, and two
pages as much as what changed between them: histograms are made of those series that observed something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from math import isfinite
from operator import ne, sub
from typing import NamedTuple, Protocol

from etcd_latency.derive import histograms
from etcd_latency.derive.histograms import Histogram
from etcd_latency.derive.layouts import Labels, Layout, Layouts, Parts

__all__ = ["START", "Column", "Heads", "Interval", "Labels", "Reading"]

LAYOUTS = Layouts()
"""Of the families of all members."""

START = "process_start_time_seconds"

TOTAL = "_total"

NEVER_FALL = ("process_cpu_seconds_total", "etcd_server_proposals_committed_total", "etcd_server_health_success")
"""On every page; when one falls the process is another one, where the page does not say since when it runs."""


class Heads(Protocol):
    """What stands before the values of a family's lines."""

    @property
    def texts(self) -> Sequence[bytes]: ...


class Column(Protocol):
    """A family on one page, as the scraper keeps it (scrape.lines)."""

    @property
    def heads(self) -> Heads: ...

    @property
    def values(self) -> Sequence[float]: ...


class Found(NamedTuple):
    """A family on one page."""

    layout: Layout
    values: Sequence[float]

    def histogram(self, series: Labels) -> Histogram | None:
        """One of its histograms."""
        parts = self.layout.histograms.get(series)
        return parts.histogram(self.values) if parts else None

    def numbers(self, labels: Mapping[str, str] | None = None) -> Numbers:
        """Its gauges or counters with these labels; what is no number, or endless, is missing: nobody submits it."""
        series, _, pick = self.layout.having(labels) if labels else self.layout.numbers
        values = pick(self.values)
        if not isfinite(sum(values)):  # one of them may be none
            known = list(map(isfinite, values))
            return Numbers(tuple(compress(series, known)), tuple(compress(values, known)))
        return Numbers(series, values)


class Numbers(NamedTuple):
    """Gauges or counters of a family on one page."""

    series: tuple[Labels, ...]
    """The same object on two pages that have the same ones."""
    values: tuple[float, ...]
    """One for each."""


NO_NUMBERS = Numbers((), ())
NO_HISTOGRAMS: Mapping[Labels, Histogram] = {}


class Reading:
    """The numbers of one page."""

    __slots__ = ("_columns", "_found", "taken")

    def __init__(self, columns: Mapping[str, Column], taken: float) -> None:
        """`columns` by the family's name on the page; `taken` as `time.monotonic()` has it, in seconds."""
        self._columns = columns
        self._found: dict[str, Found | None] = {}
        self.taken = taken

    def value(self, family: str) -> float | None:
        """The value of a family that has one series; None when it has none, several, or no number."""
        found = self.find(family)
        values = found.numbers().values if found else ()
        return values[0] if len(values) == 1 else None

    def total(self, family: str, **labels: str) -> float | None:
        """What the series of a gauge or a counter with these labels add up to; None when there is none."""
        values = self.numbers(family, **labels).values
        return sum(values) if values else None

    def series(self, family: str, **labels: str) -> Mapping[Labels, float]:
        """The values of a gauge or a counter, of series with these labels; those that are no numbers are missing."""
        return dict(zip(*self.numbers(family, **labels), strict=True))

    def histograms(self, family: str) -> Mapping[Labels, Histogram]:
        """The series of a histogram."""
        found = self.find(family)
        return _histograms(found) if found else {}

    def has(self, family: str) -> bool:
        """Whether there is anything of a family: a histogram or a number."""
        found = self.find(family)
        return found is not None and bool(found.layout.histograms or found.numbers().values)

    def numbers(self, family: str, **labels: str) -> Numbers:
        """The series of a gauge or a counter with these labels; those that are no numbers are missing."""
        found = self.find(family)
        return found.numbers(labels) if found else NO_NUMBERS

    def find(self, family: str) -> Found | None:
        """A family, looked up once: many ask for the same ones, and again when the next page has come."""
        if family in self._found:
            return self._found[family]
        column = self._column(family)
        found = None if column is None else Found(LAYOUTS.of(family, column.heads.texts), column.values)
        self._found[family] = found
        return found

    def _column(self, family: str) -> Column | None:
        """A counter is known by its name with `_total` or without, as the page's format has it."""
        found = self._columns.get(family)
        if found is None:
            found = self._columns.get(family.removesuffix(TOTAL) if family.endswith(TOTAL) else family + TOTAL)
        return found


@dataclass(frozen=True)
class Interval:
    """Two readings of one member.

    A series that is on the later page alone began with 0 since. After a restart all of them did: what the later
    page holds is what happened since the start.
    """

    before: Reading
    now: Reading
    _changes: dict[str, Mapping[Labels, Histogram | None]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """By family, once it was asked for."""

    @property
    def seconds(self) -> float:
        """Between the two."""
        return self.now.taken - self.before.taken

    @cached_property
    def restarted(self) -> bool:
        """Whether the later page is of another process than the earlier one."""
        starts = self.before.value(START), self.now.value(START)
        return any(map(self._fell, NEVER_FALL)) if None in starts else starts[0] != starts[1]

    def gained(self, family: str, **labels: str) -> float | None:
        """What the counters with these labels gained together; None when there is none, or it cannot be told."""
        gains = [gain for gain in self._gains(family, labels).values if gain >= 0]
        return sum(gains) if gains else None

    def gains(self, family: str, **labels: str) -> Mapping[Labels, float]:
        """What each counter with these labels gained; one that fell though the process is the same is missing."""
        return {series: gain for series, gain in zip(*self._gains(family, labels), strict=True) if gain >= 0}

    def histogram(self, family: str, **labels: str) -> Histogram | None:
        """What was observed in all series with these labels; None when there is none, or it cannot be told."""
        return histograms.merged(self.histograms(family, **labels).values())

    def histograms(self, family: str, **labels: str) -> Mapping[Labels, Histogram]:
        """What was observed in each series with these labels; one of which that cannot be told is missing."""
        found = self.now.find(family)
        if found is None:
            return {}
        every, wanted = {**found.layout.nothing, **self._changed(family)}, set(labels.items())
        return {series: gain for series, gain in every.items() if gain is not None and wanted.issubset(series)}

    def observed(self, family: str) -> Mapping[Labels, Histogram]:
        """The same, of those series alone that observed anything."""
        return {series: gain for series, gain in self._changed(family).items() if gain and gain.count > 0}

    def _gains(self, family: str, labels: Mapping[str, str]) -> Numbers:
        """By how much each counter differs; by less than 0 where that it began anew hides what it gained."""
        before = NO_NUMBERS if self.restarted else self.before.numbers(family, **labels)
        now = self.now.numbers(family, **labels)
        if before.series is now.series:
            return Numbers(now.series, tuple(map(sub, now.values, before.values)))
        first = dict(zip(*before, strict=True))
        return Numbers(
            now.series,
            tuple(value - first.get(series, 0.0) for series, value in zip(*now, strict=True)),
        )

    def _changed(self, family: str) -> Mapping[Labels, Histogram | None]:
        """What was observed in each series that has another count than before; None where that cannot be told."""
        found = self._changes.get(family)
        if found is None:
            found = self._changes[family] = self._compared(family)
        return found

    def _compared(self, family: str) -> Mapping[Labels, Histogram | None]:
        before, now = None if self.restarted else self.before.find(family), self.now.find(family)
        if before is None or now is None:
            return _histograms(now) if now else {}
        every: Iterable[tuple[Labels, Parts]] = now.layout.histograms.items()
        if before.layout is now.layout:
            counts = now.layout.counts(before.values), now.layout.counts(now.values)
            if counts[0] == counts[1]:
                return NO_HISTOGRAMS
            every = compress(every, map(ne, *counts))
        return {
            series: histograms.gained(before.histogram(series), parts.histogram(now.values)) for series, parts in every
        }

    def _fell(self, family: str) -> bool:
        before, now = self.before.value(family), self.now.value(family)
        return before is not None and now is not None and now < before


def _histograms(found: Found) -> dict[Labels, Histogram]:
    return {series: parts.histogram(found.values) for series, parts in found.layout.histograms.items()}
