"""Means and percentiles: they agree with Prometheus' own, and say how much they are worth."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_latency.derive.histograms import (
    LEAST_OBSERVATIONS,
    Histogram,
    Quantile,
    gained,
    mean,
    merged,
    quantile,
    quantiles,
)

BOUNDS = (0.001, 0.002, 0.004, 0.008, math.inf)


def histogram(*each: float, bounds: tuple[float, ...] = BOUNDS, total: float = 0.0) -> Histogram:
    """A histogram by how many observations are in each bucket alone."""
    return Histogram(bounds, tuple(accumulate(each)), total)


def prometheus(q: float, bounds: tuple[float, ...], counts: tuple[float, ...]) -> float:
    """What promql/quantile.go (BucketQuantile, v2.42) computes, step by step and with no thought of ours."""
    observations = counts[-1]
    rank = q * observations
    bucket = 0
    while bucket < len(counts) - 1 and counts[bucket] < rank:
        bucket += 1
    if bucket == len(counts) - 1:
        return bounds[len(bounds) - 2]
    if bucket == 0 and bounds[0] <= 0:
        return bounds[0]
    start, end, count = 0.0, bounds[bucket], counts[bucket]
    if bucket > 0:
        start = bounds[bucket - 1]
        count -= counts[bucket - 1]
        rank -= counts[bucket - 1]
    return start + (end - start) * (rank / count)


SHARES = st.floats(min_value=0.001, max_value=1.0)


@st.composite
def made_up(draw: st.DrawFn) -> Histogram:
    """Any bounds, negative ones too, and at least as many observations as a percentile needs."""
    finite = draw(st.lists(st.floats(-10, 10), min_size=1, max_size=8, unique=True))
    each = draw(st.lists(st.integers(0, 1000), min_size=len(finite) + 1, max_size=len(finite) + 1))
    each[draw(st.integers(0, len(finite)))] += LEAST_OBSERVATIONS
    return histogram(*each, bounds=(*sorted(finite), math.inf))


@given(made_up(), SHARES)
def test_percentiles_agree_with_prometheus(one: Histogram, share: float) -> None:
    """A dashboard that asks Prometheus shows the same."""
    found = quantile(one, share)
    assert found is not None
    assert found.value == pytest.approx(prometheus(share, one.bounds, tuple(one.counts)), rel=1e-9, abs=1e-12)


@given(made_up(), SHARES, SHARES)
def test_percentiles_rise_with_the_share(one: Histogram, share: float, other: float) -> None:
    """The p99 is never below the p95."""
    lower, higher = quantile(one, min(share, other)), quantile(one, max(share, other))
    assert lower is not None
    assert higher is not None
    assert lower.value <= higher.value + 1e-12


@given(made_up(), SHARES)
def test_a_percentile_stays_in_its_bucket(one: Histogram, share: float) -> None:
    """And the resolution says which bucket that is: the first, beyond the last, or one between."""
    found = quantile(one, share)
    assert found is not None
    at = next(i for i, count in enumerate(one.counts) if count >= share * one.count)
    resolutions = {0: "floor", len(one.counts) - 1: "ceiling"}
    assert found.resolution == resolutions.get(at, "bucket")
    upper = one.bounds[at] if found.resolution != "ceiling" else one.bounds[-2]
    lower = one.bounds[at - 1] if at else min(0.0, upper)
    assert lower - 1e-12 <= found.value <= upper + 1e-12


@pytest.mark.parametrize(
    ("each", "share", "expected"),
    [
        ((10, 0, 0, 0, 0), 0.5, Quantile(0.0005, "floor")),
        ((0, 10, 0, 0, 0), 0.5, Quantile(0.0015, "bucket")),
        ((0, 0, 0, 0, 10), 0.5, Quantile(0.008, "ceiling")),
        ((90, 0, 0, 9, 1), 0.99, Quantile(0.008, "bucket")),
        ((2, 2, 0, 0, 0), 0.5, None),
    ],
)
def test_percentiles(each: tuple[int, ...], share: float, expected: Quantile | None) -> None:
    """Those below the first bound and beyond the last say so; of four observations there are none."""
    assert quantile(histogram(*each), share) == expected


@given(made_up(), st.lists(SHARES, max_size=4))
def test_several_percentiles_at_once(one: Histogram, shares: list[float]) -> None:
    """They are what each is by itself; none of nothing, or of too little."""
    assert quantiles(one, shares) == tuple(quantile(one, share) for share in shares)
    assert quantiles(None, shares) == quantiles(one, shares, least=int(one.count) + 1) == ()


def test_a_percentile_of_nothing() -> None:
    """There is none, and no mean either."""
    assert quantile(None, 0.5) is None
    assert mean(None) is None
    assert mean(histogram(0, 0, 0, 0, 0)) is None


def test_a_percentile_of_buckets_that_fall() -> None:
    """A page from two moments may have more in a bucket than in the next one, which is taken to have as many."""
    assert quantile(Histogram(BOUNDS, (10, 9, 10, 10, 10), 0.0), 1.0) == Quantile(0.001, "floor")


def test_the_mean_is_exact() -> None:
    """It comes from the sum, not from the buckets."""
    assert mean(histogram(4, 0, 0, 0, 0, total=0.002)) == 0.0005


def test_a_mean_that_is_no_number() -> None:
    """A page may say NaN."""
    assert mean(histogram(4, 0, 0, 0, 0, total=math.nan)) is None


def test_what_was_gained() -> None:
    """The differences; of a series that is new everything."""
    before, now = histogram(1, 1, 0, 0, 0, total=1.0), histogram(3, 1, 0, 0, 1, total=3.5)
    assert gained(before, now) == histogram(2, 0, 0, 0, 1, total=2.5)
    assert gained(None, now) == now


@pytest.mark.parametrize(
    "now",
    [
        histogram(1, 0, 0, 0, 0, total=5.0),
        histogram(0, 9, 0, 0, 0, total=5.0),
        histogram(3, 3, 0, 0, 0, total=0.5),
        histogram(3, 3, 0, bounds=(0.001, 0.002, math.inf), total=5.0),
    ],
    ids=["count fell", "a bucket fell", "sum fell", "other bounds"],
)
def test_what_was_gained_cannot_be_told(now: Histogram) -> None:
    """A process that started anew, or another version."""
    assert gained(histogram(1, 1, 0, 0, 0, total=1.0), now) is None


def test_merged() -> None:
    """All observations of all series; none of none, nor of different bounds."""
    one, other = histogram(1, 0, 0, 0, 2, total=1.0), histogram(0, 5, 0, 0, 0, total=0.5)
    assert merged([one, other]) == histogram(1, 5, 0, 0, 2, total=1.5)
    assert merged([]) is None
    assert merged([one, histogram(1, 2, bounds=(1.0, math.inf))]) is None


@given(st.lists(st.integers(0, 9), min_size=5, max_size=5), st.lists(st.integers(0, 9), min_size=5, max_size=5))
def test_what_is_gained_can_be_added_again(before: list[int], more: list[int]) -> None:
    """So no observation is lost between two pages."""
    first = histogram(*before, total=float(sum(before)))
    second = merged([first, histogram(*more, total=float(sum(more)))])
    assert second is not None
    gain = gained(first, second)
    assert gain is not None
    assert merged([first, gain]) == second
