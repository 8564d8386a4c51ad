"""The smallest Agent: runs the check and flushes what it submitted, as far as a table needs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from etcd_latency.catalog import NAMESPACE
from etcd_latency.standalone import Run, prepare, run
from lab.datadog.aggregator import Aggregator

Series = tuple[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Flush:
    """The points of one run."""

    points: Mapping[Series, float]
    seconds: float | None
    """Since the run before; None in the first one."""
    run: Run

    def value(self, name: str, *tags: str) -> float | None:
        """The sum of all series of this metric with these tags; None where there is no such series."""
        wanted = frozenset(tags)
        values = [value for (series, carried), value in self.points.items() if series == name and wanted <= carried]
        return sum(values) if values else None

    def rate(self, name: str, *tags: str) -> float | None:
        """A count per second."""
        grown = self.value(name, *tags)
        return None if grown is None or not self.seconds else grown / self.seconds

    def mean(self, name: str, *tags: str) -> float | None:
        """The mean of what a histogram observed since the run before; None when it observed nothing."""
        total, count = self.value(f"{name}.sum", *tags), self.value(f"{name}.count", *tags)
        return None if total is None or not count else total / count


class Agent:
    """One instance of the check, run again and again."""

    def __init__(self, instance: Mapping[str, Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = prepare({}, [instance])
        self._clock = clock
        self._aggregator = Aggregator()
        self._flushed_at: float | None = None

    def flush(self) -> Flush:
        """Run the check once and flush."""
        now = self._clock()
        result = run(self._checks)
        points = {
            (point.name.removeprefix(f"{NAMESPACE}."), point.tags): point.value
            for point in self._aggregator.points(result, now)
        }
        seconds = None if self._flushed_at is None else now - self._flushed_at
        self._flushed_at = now
        return Flush(points, seconds, result)
