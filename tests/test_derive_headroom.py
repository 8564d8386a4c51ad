"""How far a member is from its limits: by hand, on recorded faults, and for all inputs."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_latency.derive.headroom import slowest, to_limits
from etcd_latency.derive.histograms import Histogram
from etcd_latency.derive.pages import Interval
from tests.test_derive_pages import FSYNC, reading_of

SLOW_LEADER = "fsync-delay100ms-leader-m2"
BOUNDS = (0.001, 0.002, 0.004, 0.008, math.inf)


def observed(*values: float) -> Histogram:
    """A histogram of these values."""
    each = [0] * len(BOUNDS)
    for value in values:
        each[bisect_left(BOUNDS, value)] += 1
    return Histogram(BOUNDS, tuple(accumulate(each)), sum(values))


def test_nothing_was_observed() -> None:
    """Then nothing was the slowest."""
    assert slowest(None) is None
    assert slowest(observed()) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.0005, 0.0007, 0.0031), 0.004),  # many small ones: no more than the bound is known
        ((0.0031,), 0.0031),  # one alone is known exactly, by the sum
        ((0.003, 0.003, 0.003), 0.004),
        ((0.0001, 0.0061), 0.0062),  # what the small one took may have been the other's
        ((0.5, 0.0005), 0.5005),  # beyond the last finite bound the sum says it
    ],
)
def test_the_slowest_that_can_have_been(values: tuple[float, ...], expected: float) -> None:
    """By the bound of its bucket, or by the sum where that says more."""
    assert slowest(observed(*values)) == pytest.approx(expected)


@given(st.lists(st.floats(0, 20), min_size=1, max_size=40))
def test_the_slowest_is_never_slower_than_that(values: list[float]) -> None:
    """What was observed is at most what is said; and what is said is in the same bucket, or the longest possible."""
    found = slowest(observed(*values))
    assert found is not None
    assert found >= max(values) or found == pytest.approx(max(values))
    assert found <= max(sum(values), *values) or found == pytest.approx(sum(values))
    assert found <= BOUNDS[bisect_left(BOUNDS, max(values))]


@pytest.mark.parametrize(
    ("fsync", "round_trips", "heartbeat", "election"),
    [
        (0.001, (0.001,), 0.99, 0.899),  # nothing but the heartbeat itself
        (0.100, (0.001,), 0.0, 0.8),  # a heartbeat is late from here on
        (0.900, (0.001,), -8.0, 0.0),  # silent for an election time-out
        (0.001, (0.002, 0.050), 0.75, 0.5),  # the farthest peer counts
        (0.001, (0.100,), 0.5, 0.0),  # ten round trips are the least that a time-out should be
    ],
)
def test_headroom(fsync: float, round_trips: tuple[float, ...], heartbeat: float, election: float) -> None:
    """With etcd's defaults, 100 and 1000 ms."""
    found = to_limits(fsync, round_trips, 0.1, 1.0)
    assert found == {"headroom.heartbeat": pytest.approx(heartbeat), "headroom.election": pytest.approx(election)}


@pytest.mark.parametrize(("fsync", "round_trips"), [(None, (0.001,)), (0.001, ()), (None, ())])
def test_one_half_is_not_known(fsync: float | None, round_trips: tuple[float, ...]) -> None:
    """Then nothing is said; nor of a member without others."""
    assert to_limits(fsync, round_trips, 0.1, 1.0) == {}


durations = st.floats(0, 10)
limits = st.floats(0.001, 60)


@given(durations, st.lists(durations, min_size=1, max_size=6), limits, limits, durations)
def test_headroom_falls_with_what_is_measured_and_rises_with_the_limit(
    fsync: float, round_trips: list[float], heartbeat: float, election: float, more: float
) -> None:
    """Never above 1; a longer wait leaves less, a longer time-out more."""
    found = to_limits(fsync, round_trips, heartbeat, election)
    assert max(found.values()) <= 1
    for worse in (
        to_limits(fsync + more, round_trips, heartbeat, election),
        to_limits(fsync, [*round_trips, more], heartbeat, election),
        to_limits(fsync, [one + more for one in round_trips], heartbeat, election),
    ):
        assert all(worse[name] <= value for name, value in found.items())
    longer = to_limits(fsync, round_trips, heartbeat, election + more)
    assert longer["headroom.election"] >= found["headroom.election"]


def test_a_slow_disk_of_a_real_member() -> None:
    """An fsync that was made to take 100 ms eats the whole heartbeat interval, and a tenth of the election's."""
    pages = [
        reading_of(f"faults-3.5.16/{page}", at) for at, page in enumerate(("fsync-baseline-m2", f"{SLOW_LEADER}-m2"))
    ]
    fsync = slowest(Interval(*pages).histogram(FSYNC))
    assert fsync is not None
    assert 0.100 <= fsync <= 0.128
    found = to_limits(fsync, [0.004], 0.1, 1.0)
    assert found["headroom.heartbeat"] <= 0
    assert found["headroom.election"] == pytest.approx(0.8, abs=0.03)
