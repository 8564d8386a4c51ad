"""What a histogram says: its mean, which is exact, and its percentiles, which are as fine as its buckets.

A percentile is interpolated as Prometheus does it (promql/quantile.go: BucketQuantile), so that ours and a dashboard's
agree. Where the buckets cannot tell, the percentile says so: etcd's for the disk begin at 1 ms, and a fast disk stays
below that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite
from operator import add, ge, gt, sub
from typing import Literal, NamedTuple

LEAST_OBSERVATIONS = 5
"""A percentile of fewer is the chance of one of them."""

Resolution = Literal["bucket", "floor", "ceiling"]
"""How much a percentile is worth: that of its bucket, at most the first bound, at least the last finite one."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """What one series of a histogram holds, or what it gained between two pages."""

    bounds: tuple[float, ...]
    """Upper bounds in the family's unit, ascending; the last one is infinite."""
    counts: Sequence[float]
    """How many observations were at most each bound: they include those of the bounds before."""
    sum: float
    """Of all observations, in the family's unit."""

    @property
    def count(self) -> float:
        """How many observations there are."""
        return self.counts[-1]


class Quantile(NamedTuple):
    """A percentile, and how much it is worth."""

    value: float
    """In the family's unit."""
    resolution: Resolution


def gained(before: Histogram | None, now: Histogram) -> Histogram | None:
    """What was observed since; None when that cannot be told, because the counts fell or the bounds are others.

    A series that was not there before was empty.
    """
    if before is None:
        return now
    if before.bounds != now.bounds or not all(map(ge, now.counts, before.counts)) or now.sum < before.sum:
        return None
    return Histogram(now.bounds, tuple(map(sub, now.counts, before.counts)), now.sum - before.sum)


def merged(histograms: Iterable[Histogram]) -> Histogram | None:
    """All observations in one histogram; None when there is none, or the bounds differ."""
    found: Histogram | None = None
    for one in histograms:
        if found is None:
            found = one
        elif found.bounds != one.bounds:
            return None
        else:
            found = Histogram(found.bounds, tuple(map(add, found.counts, one.counts)), found.sum + one.sum)
    return found


def mean(histogram: Histogram | None) -> float | None:
    """The mean of what was observed, in the family's unit: exact. None when nothing was."""
    if histogram is None or not histogram.count > 0:
        return None
    found = histogram.sum / histogram.count
    return found if isfinite(found) else None


def quantile(histogram: Histogram | None, share: float, least: int = LEAST_OBSERVATIONS) -> Quantile | None:
    """The value that this share of the observations (above 0, at most 1) does not exceed, as Prometheus has it.

    None below `least` observations. Within a bucket the observations are taken to be spread evenly; the first one
    begins at 0. Beyond the last finite bound nothing is known but that bound.
    """
    return next(iter(quantiles(histogram, (share,), least)), None)


def quantiles(
    histogram: Histogram | None, shares: Iterable[float], least: int = LEAST_OBSERVATIONS
) -> tuple[Quantile, ...]:
    """The same for several shares at once; none below `least` observations."""
    if histogram is None or not histogram.count >= least:
        return ()
    counts = histogram.counts
    if any(map(gt, counts, counts[1:])):  # they are not of one instant; what a bucket has, those after it have, too
        counts = tuple(accumulate(counts, max))
    return tuple([_quantile(histogram.bounds, counts, share) for share in shares])


def _quantile(bounds: Sequence[float], counts: Sequence[float], share: float) -> Quantile:
    rank = share * counts[-1]
    at = bisect_left(counts, rank, hi=len(counts) - 1)
    if at == len(counts) - 1:
        return Quantile(bounds[-2], "ceiling")
    if at == 0 and bounds[0] <= 0:
        return Quantile(bounds[0], "floor")
    lower, below = (bounds[at - 1], counts[at - 1]) if at else (0.0, 0.0)
    value = lower + (bounds[at] - lower) * ((rank - below) / (counts[at] - below))
    return Quantile(value, "bucket" if at else "floor")
