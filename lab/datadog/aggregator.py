"""What the Agent's aggregator makes of a run (its source: `pkg/metrics`), and a store that takes it in.

A gauge keeps its last value. A rate is a gauge per second between two runs. A count is the sum of what was submitted.
A monotonic count becomes what it grew by: its first value gives nothing and a lower one than before 0, unless the
check said `flush_first_value`, which counts a series that is new, or begins anew, from 0. What a series had before is
kept while it does not come, so that its growth over a gap comes at the end of the gap. Buckets of histograms are left
out: distributions are not part of a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from etcd_latency.standalone import Metric, Run
from lab.datadog import tags as tagging
from lab.datadog.store import CheckStatus, Kind, Point, Store
from lab.process import LabError

Context = tuple[str, frozenset[str]]
LEFT_OUT = frozenset({"histogram_bucket"})


@dataclass(frozen=True, slots=True)
class Sample:
    """A value that a series had in a run; time in seconds since the epoch."""

    value: float
    time: float


class Aggregator:
    """Turns the samples of run after run into points."""

    def __init__(self) -> None:
        self._before: dict[Context, Sample] = {}

    def points(self, run: Run, at: float) -> list[Point]:
        """What the Agent would flush after a run at a time, in seconds since the epoch."""
        flushed: dict[Context, tuple[Kind, float]] = {}
        for metric in run.metrics:
            if metric.type in LEFT_OUT:
                continue
            kind, sums, value = self._meaning(metric)
            context = (metric.name, tagging.carried(metric.tags))
            for one in value(context, metric, at):
                before = flushed[context][1] if sums and context in flushed else 0.0
                flushed[context] = (kind, before + one)
        return [Point(name, kind, tags, value) for (name, tags), (kind, value) in flushed.items()]

    def _meaning(self, metric: Metric) -> tuple[Kind, bool, Callable[[Context, Metric, float], Iterator[float]]]:
        """The kind of point that a type gives, whether several in a run are added up, and how one is made."""
        match metric.type:
            case "gauge":
                return "gauge", False, _as_it_is
            case "rate":
                return "gauge", False, self._per_second
            case "count":
                return "count", True, _as_it_is
            case "monotonic_count":
                return "count", True, self._growth
        raise LabError(
            f"{metric.name} is a {metric.type}: the lab's aggregator knows gauge, rate, count, monotonic_count"
        )

    def _per_second(self, context: Context, metric: Metric, at: float) -> Iterator[float]:
        before = self._replace(context, metric, at)
        if before and at > before.time and metric.value >= before.value:
            yield (metric.value - before.value) / (at - before.time)

    def _growth(self, context: Context, metric: Metric, at: float) -> Iterator[float]:
        before = self._replace(context, metric, at)
        if before and metric.value >= before.value:
            yield metric.value - before.value
        elif metric.flush_first_value:
            yield metric.value
        elif before:
            yield 0.0

    def _replace(self, context: Context, metric: Metric, at: float) -> Sample | None:
        before = self._before.get(context)
        self._before[context] = Sample(metric.value, at)
        return before


def _as_it_is(_: Context, metric: Metric, __: float) -> Iterator[float]:
    yield metric.value


class Recorder:
    """Puts runs into a store as an Agent would send them to Datadog."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._aggregator = Aggregator()

    def take(self, run: Run, at: float) -> None:
        """Take what a run submitted at a time, in seconds since the epoch."""
        self.store.add(self._aggregator.points(run, at), at)
        for check in run.service_checks:
            tags = frozenset(check.tags)
            self.store.add_check(CheckStatus(check.name, check.status, tags, check.message, at))
        for event in run.events:
            self.store.add_event(event, at)
