"""How far is a member from the limits at which etcd hurts, whoever is to blame?

Each headroom is a share: 1 is as far away as can be, 0 is the limit, and what is negative is beyond it. It falls when
anything measured grows, and rises with the limit.

While etcd's raft loop waits for the disk it sends no heartbeats (etcdserver/raft.go: start), so the slowest fsync is
how late a leader's heartbeats may be. So the headroom of the one who leads is what counts; that of another member is
what would be left if it led.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import isfinite

from etcd_latency.derive.histograms import Histogram

ROUND_TRIPS_PER_ELECTION = 10.0
"""An election time-out is to be at least this many round trips (etcd: op-guide, tuning)."""

ROUND_TRIPS_PER_HEARTBEAT = 0.5
"""A heartbeat interval is to be at least this many round trips (the same guide)."""


def slowest(observed: Histogram | None) -> float | None:
    """The longest that was observed, at most: in the family's unit; None when nothing was.

    It is in the last bucket with anything in it. That bucket's bound is twice the one before, so the sum is asked as
    well: the slowest took no more than what is left when everything else took as little as its bucket allows.
    """
    if observed is None or not observed.count > 0:
        return None
    lowest, in_buckets = (0.0, *observed.bounds), [observed.counts[0], *(b - a for a, b in pairwise(observed.counts))]
    last = max(at for at, number in enumerate(in_buckets) if number > 0)
    least = sum(number * lowest[at] for at, number in enumerate(in_buckets) if number > 0)
    by_sum = observed.sum - (least - lowest[last])
    found = min(observed.bounds[last], max(by_sum, lowest[last]))
    return found if isfinite(found) else None


def to_limits(fsync: float | None, round_trips: Iterable[float], heartbeat: float, election: float) -> dict[str, float]:
    """What is left to the time-outs, by metric; nothing where an fsync or a round trip was not seen.

    `fsync` is the slowest of the WAL in the interval, `round_trips` the means to the other members, `heartbeat` and
    `election` the options of etcd: all in seconds. A member without others has no elections.
    """
    farthest = max(round_trips, default=None)
    if fsync is None or farthest is None:
        return {}
    late = max(fsync, ROUND_TRIPS_PER_HEARTBEAT * farthest)
    silent = max(heartbeat + fsync, ROUND_TRIPS_PER_ELECTION * farthest)
    return {"headroom.heartbeat": 1 - late / heartbeat, "headroom.election": 1 - silent / election}
