"""What a member's histograms observed between two pages: means, which are exact, and percentiles.

Peers' round trips have a mean only, and not always: etcd probes a peer every 4 s, smooths what it finds, and observes
the result twice in 30 s, that of a peer it has lost as well. It begins at 0 when the process starts
(rafthttp/probing_status.go).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from etcd_latency.derive import histograms
from etcd_latency.derive.histograms import Resolution
from etcd_latency.derive.pages import START, Interval, Labels, Reading

PERCENTILES: Mapping[str, float] = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
"""By what the metric's name ends with."""

ROUND_TRIP = "etcd_network_peer_round_trip_time_seconds"

WARM_UP_SECONDS = 60.0
"""For so long after its start what a process says of round trips is too low."""

LONGEST_REMEMBERED_SECONDS = 90.0
"""An interval of 15 s often has no round trip in it, so the last one is remembered for three times 30 s."""


class Figure(NamedTuple):
    """A number about what one histogram observed."""

    labels: Labels
    suffix: str
    """What the metric's name ends with: avg, p50, p95 or p99."""
    value: float
    """In the family's unit."""
    resolution: Literal["exact"] | Resolution
    """How much it is worth: that of its bucket; at most this (`floor`); at least this (`ceiling`)."""


def intervals(interval: Interval, family: str, now: float) -> Iterator[Figure]:
    """Mean and percentiles of each of a family's histograms, where there is enough to tell them.

    `now` is the wall clock, in seconds since 1970.
    """
    if family == ROUND_TRIP:
        for peer, seconds in round_trips(interval, now).items():
            yield Figure((("To", peer),), "avg", seconds, "exact")
        return
    for labels, observed in interval.observed(family).items():
        mean = histograms.mean(observed)
        if mean is not None:
            yield Figure(labels, "avg", mean, "exact")
        for suffix, found in zip(PERCENTILES, histograms.quantiles(observed, PERCENTILES.values()), strict=False):
            yield Figure(labels, suffix, *found)


def round_trips(interval: Interval, now: float) -> dict[str, float]:
    """Mean round trip to each peer that the member is connected to, in seconds, by the peer's id on the page.

    Nothing from an interval that began less than a minute after the member's start.
    """
    observed = interval.observed(ROUND_TRIP)
    if not observed or is_warming_up(interval, now):
        return {}
    connected = active_peers(interval.now)
    found = ((dict(labels).get("To", ""), one) for labels, one in observed.items())
    means = {peer: histograms.mean(one) for peer, one in found if peer in connected}
    return {peer: mean for peer, mean in means.items() if mean is not None}


def is_warming_up(interval: Interval, now: float) -> bool:
    """Whether the interval holds round trips of the process's first minute; unknown by a clock that is behind."""
    start = interval.now.value(START)
    if start is None or start > now:
        return False
    began = start if interval.restarted else now - interval.seconds
    return began < start + WARM_UP_SECONDS


def active_peers(page: Reading) -> frozenset[str]:
    """The ids of those peers that a member is connected to."""
    peers = page.series("etcd_network_active_peers").items()
    return frozenset(dict(labels).get("Remote", "") for labels, connected in peers if connected > 0)


class RoundTrip(NamedTuple):
    """A mean that was seen at a time."""

    seconds: float
    seen: float
    """By the monotonic clock."""


def remembered(
    before: Mapping[str, RoundTrip], found: Mapping[str, float], connected: Collection[str], now: float
) -> dict[str, RoundTrip]:
    """The last mean round trip to each connected peer, unless it is too old; `now` is the monotonic clock."""
    known = {**before, **{peer: RoundTrip(seconds, now) for peer, seconds in found.items()}}
    return {
        peer: last
        for peer, last in known.items()
        if peer in connected and now - last.seen <= LONGEST_REMEMBERED_SECONDS
    }
