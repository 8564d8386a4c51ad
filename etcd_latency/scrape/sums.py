"""Families of a catalogue in which series that differ only in labels without a tag are made one."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from prometheus_client import Metric
from prometheus_client.samples import Sample

from etcd_latency import catalog
from etcd_latency.catalog import Labels
from etcd_latency.scrape import lines
from etcd_latency.scrape.known import Known
from etcd_latency.scrape.lines import NO_LINES, Column, Heads, Irregular, Orders, Text
from etcd_latency.scrape.replay import Note, Replay, Submitter
from etcd_latency.scrape.totals import COUNT, SUM, VALUE, Group, Line, Part, Slot, Totals, level, numbered

PARTS: dict[str, Part] = {"_total": VALUE, "_sum": SUM, "_count": COUNT}
"""What a sample is of its series, by the ending of its name; of a bucket it is the bound."""

SUFFIXES = {part: suffix for suffix, part in PARTS.items()}

Tags = tuple[tuple[str, str], ...]


class Combined(ABC):
    """One such family, page after page."""

    def __init__(
        self, family: catalog.Family, prefix: str, kept: Labels, learn: Callable[[Metric], Sequence[Note]]
    ) -> None:
        """`prefix` stands before the name on the page, `kept` are the labels that become tags; `learn` says what
        becomes of a metric with one sample.
        """
        self.family = family
        self._exposed = prefix + family.exposed
        self._kept = kept
        self._learn = learn
        self._page: Column | None = None
        self._by_base = False
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.column = NO_LINES
        self._lines = Known()
        self.left_out = 0
        """How many values of the last page were no numbers that can be combined."""
        self.slots: list[Slot] = []
        self._summed: tuple[list[Slot], Heads] = [], NO_LINES.heads
        self.values: Sequence[float] = []
        self._orders = Orders()
        self.relearn()

    def relearn(self) -> None:
        """Tags are others now; numbers go on."""
        self._replay = Replay(self._note)

    def begin(self) -> None:
        """A page begins; of one that was refused in the middle nothing is kept."""
        self._page = None

    def read(self, text: Text) -> None:
        """Take in a page's lines; raises `Irregular` where base must read them, for `take`."""
        self._by_base = False
        page = self._lines.read(text)
        self._look_at(page.heads.texts)
        self._page = page

    def take(self, page: Column) -> None:
        """Take in a page's lines that base has read."""
        self._by_base = True
        self._page = page

    def turn(self) -> None:
        """The page has ended, and counts: combine what it has, or forget everything if it has nothing."""
        if self._page is not None:
            self._combine(self._page)
            self.column = self._page
        elif self.column is not NO_LINES:
            self.forget()

    @abstractmethod
    def _look_at(self, heads: list[bytes]) -> None:
        """Find out what these lines are about; raises `Irregular`."""

    @abstractmethod
    def _combine(self, page: Column) -> None:
        """Decide on slots and values."""

    def submit(self, submitter: Submitter) -> None:
        """Submit what there is."""
        self._replay.arrange(self.slots)
        self._replay.submit(self.values, submitter)

    def summed(self) -> Column:
        """What there is as lines of a page."""
        if self._summed[0] is not self.slots:
            self._summed = self.slots, Heads(list(map(self._head, self.slots)))
        return Column(self._summed[1], self.values)

    def _head(self, slot: Slot) -> bytes:
        """Rendered once, for there may be 24,000."""
        slot.head = slot.head or lines.head(self._rendered(slot))
        return slot.head

    def metric(self) -> Metric:
        """What there is as base's parser would give it."""
        return self._metric_of(
            self._rendered(slot)._replace(value=value) for slot, value in zip(self.slots, self.values, strict=True)
        )

    def _metric_of(self, samples: Iterable[Sample]) -> Metric:
        metric = Metric(self.family.parsed, self.family.help, self.family.kind)
        metric.samples = list(samples)
        return metric

    def _note(self, slot: Slot) -> Sequence[Note]:
        return self._learn(self._metric_of([self._rendered(slot)]))

    def _rendered(self, slot: Slot) -> Sample:
        """A sample as base would get it; each with labels of its own, since base changes them."""
        name, labels = self.family.parsed, dict(slot.group.name)
        if isinstance(slot.part, float):
            return Sample(f"{name}_bucket", {**labels, "le": str(slot.part)}, 1)
        return Sample(name if self.family.kind == "gauge" else f"{name}{SUFFIXES[slot.part]}", labels, 1)

    def _line(self, head: bytes) -> Line | None:
        """What a line is about; None for what is no part of a series."""
        try:
            sample = lines.sample(head, self._exposed, self.family.kind)
            if not self._by_base:
                self._orders.check(sample.labels)
        except Irregular:
            if self._by_base:
                return None
            raise
        part = self._part(sample)
        if part is None:
            return None
        series = sys.intern(repr(sorted(sample.labels.items())))
        return Line(tags_of(sample.labels, self._kept), part, series)

    def _part(self, sample: Sample) -> Part | None:
        """Which part of its series a sample is; its bound is taken off."""
        if self.family.kind == "gauge":
            return VALUE
        bound = sample.labels.pop("le", None)
        return PARTS.get(sample.name[sample.name.rindex("_") :]) if bound is None else float(bound)


class Summed(Combined):
    """Counters or histograms: running totals."""

    def forget(self) -> None:
        super().forget()
        self._totals = Totals(self._line)

    def _look_at(self, heads: list[bytes]) -> None:
        self._totals.arrange(heads)

    def _combine(self, page: Column) -> None:
        self.slots, self.values = self._totals.add(page.heads.texts, page.values)
        self.left_out = self._totals.left_out


class Levels(Combined):
    """Gauges: their sum, or the largest."""

    def forget(self) -> None:
        super().forget()
        self._heads: list[bytes] = []
        self._groups: dict[Hashable, list[int]] = {}
        self._slots: dict[Hashable, Slot] = {}

    def _look_at(self, heads: list[bytes]) -> None:
        if heads is not self._heads:
            self._groups, self._heads = grouped(map(self._line, heads)), heads
            self._slots = {tags: self._slots.get(tags) or Group(tags).slot(VALUE) for tags in self._groups}

    def _combine(self, page: Column) -> None:
        self._look_at(page.heads.texts)
        unknown, values = self.family.unknown, page.values
        known = [
            [values[line] for line in its if math.isfinite(values[line]) and values[line] != unknown]
            for its in self._groups.values()
        ]
        # A group of which nothing is known has no gauge; what is no number is not submitted.
        self.slots = list(self._slots.values())
        self.values = [level(its, self.family.combine) if its else math.nan for its in known]
        self.left_out = len(values) - sum(map(len, known))


def grouped(about: Iterable[Line | None]) -> dict[Hashable, list[int]]:
    """The numbers of the lines of each group."""
    return numbered(line and line.group for line in about)


def tags_of(labels: Mapping[str, str], kept: Labels) -> Tags:
    """What is left of a series' labels. Labels of one tag are joined by a dot, empty ones make no tag."""
    tags: defaultdict[str, list[str]] = defaultdict(list)
    for label, tag in kept:
        if value := labels.get(label):
            tags[tag].append(value)
    return tuple((tag, ".".join(values)) for tag, values in tags.items())
