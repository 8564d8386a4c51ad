"""What one member's pages show: the figures that causes are told by, and no judgement yet."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isfinite

from etcd_latency.derive import histograms
from etcd_latency.derive.diagnosis.limits import FEWEST_SLOW, SLOW_REQUESTS, SLOW_SECONDS
from etcd_latency.derive.diagnosis.views import MemberView
from etcd_latency.derive.histograms import Histogram, Quantile
from etcd_latency.derive.pages import Labels, Reading

FSYNC = "etcd_disk_wal_fsync_duration_seconds"
COMMIT = "etcd_disk_backend_commit_duration_seconds"
APPLY = "etcd_server_apply_duration_seconds"
RTT = "etcd_network_peer_round_trip_time_seconds"
WELL_KNOWN = 0.25
"""What the fast ones took may be off by this share of what the slow ones did."""

ACTIVE = "etcd_network_active_peers"
SEND_FAILURES = "etcd_network_peer_sent_failures_total"
LEADS = "etcd_server_is_leader"


@dataclass(frozen=True, slots=True)
class Timing:
    """What one kind of work took in an interval; seconds."""

    count: float
    """How often it was done."""
    mean: float
    p50: Quantile
    p99: Quantile
    slow: float
    """How often it took more than `SLOW_SECONDS`."""
    slow_mean: float
    """What those took on average, about: the others are taken to be spread evenly over their buckets."""

    @property
    def lost(self) -> float:
        """What the slow ones took together, in seconds."""
        return self.slow * self.slow_mean

    @property
    def slow_share(self) -> float:
        """How much of all the time went into the slow ones."""
        total = self.mean * self.count
        return self.lost / total if total > 0 else 0.0


def timing(histogram: Histogram | None) -> Timing | None:
    """The figures of a histogram; None where it has fewer observations than could be too many slow ones.

    Those are fewer than a percentile that is shown to people should have: a disk that takes 3 s does little in 10 s.
    """
    mean = histograms.mean(histogram)
    percentiles = histograms.quantiles(histogram, (0.5, 0.99), least=FEWEST_SLOW)
    if histogram is None or mean is None or not percentiles:
        return None
    p50, p99 = percentiles
    slow, slow_mean = _slow(histogram)
    return Timing(histogram.count, mean, p50, p99, slow, slow_mean)


def _slow(histogram: Histogram) -> tuple[float, float]:
    """How many took more than `SLOW_SECONDS`, and their mean.

    It is what is left of the sum when the fast ones are taken out, as far as the slow ones' buckets allow it; where
    the fast ones are so many that it is not known well enough what they took, the middle of the slow ones' buckets.
    """
    first = bisect_right(histogram.bounds, SLOW_SECONDS)
    many = histogram.count - (histogram.counts[first - 1] if first else 0.0)
    if many <= 0:
        return 0.0, 0.0
    each = [histogram.counts[0], *(after - before for before, after in pairwise(histogram.counts))]
    buckets = list(zip(each, (0.0, *histogram.bounds), histogram.bounds, strict=False))
    fast, slow = buckets[:first], [bucket for bucket in buckets[first:] if bucket[0]]
    least = sum(number * low for number, low, _ in slow)
    most = sum(number * (high if isfinite(high) else 2 * low) for number, low, high in slow)
    left = histogram.sum - sum(number * (low + high) / 2 for number, low, high in fast)
    uncertain = sum(number * (high - low) / 2 for number, low, high in fast)
    is_known = uncertain <= WELL_KNOWN * least
    return many, (min(max(left, least), most) if is_known else (least + most) / 2) / many


@dataclass(frozen=True, eq=False)
class Symptoms:
    """One member, by its pages; what is not known is None or missing. Each is itself, whatever its figures."""

    view: MemberView
    names: Mapping[str, str]
    """What people call the member with an id."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.view.name

    @property
    def is_missing(self) -> bool:
        """Whether its page could not be had in this run."""
        return self.view.reading is None

    @cached_property
    def fsync(self) -> Timing | None:
        """Writing the log: each entry must be on the disk before it counts."""
        return self._timing(FSYNC)

    @cached_property
    def commit(self) -> Timing | None:
        """Writing the database: a batch every 100 ms, beside the requests, with two syncs."""
        return self._timing(COMMIT)

    @cached_property
    def apply(self) -> Timing | None:
        """Carrying out what was agreed on; 3.5 and later."""
        return self._timing(APPLY)

    @cached_property
    def leads(self) -> bool:
        """Whether it leads, or did at the interval's beginning."""
        readings = (self.view.reading, self.view.interval.before if self.view.interval else None)
        return any(reading is not None and reading.value(LEADS) == 1 for reading in readings)

    @cached_property
    def has_leader(self) -> bool | None:
        """Whether it follows a leader, or is the one."""
        if self.view.status:
            return self.view.status.leader != 0
        value = self.value("etcd_server_has_leader")
        return None if value is None else value == 1

    @cached_property
    def lost(self) -> frozenset[str]:
        """The peers that it has no connection to, by name."""
        if self.view.reading is None:
            return frozenset()
        peers = self.view.reading.series(ACTIVE)
        return frozenset(self._named(labels, "Remote") for labels, active in peers.items() if active == 0)

    @cached_property
    def failed_sends(self) -> Mapping[str, float]:
        """To each peer, how many messages could not be sent in the interval."""
        gains = self.view.interval.gains(SEND_FAILURES) if self.view.interval else {}
        return {self._named(labels, "To"): gain for labels, gain in gains.items()}

    @cached_property
    def rtt(self) -> Mapping[str, float]:
        """The mean round trip to each peer that it is connected to, as observed in the interval; seconds."""
        return self._means(self.view.interval.observed(RTT) if self.view.interval else {})

    @cached_property
    def measured(self) -> float:
        """How often the round trip to a peer was observed in the interval, at most."""
        series = self.view.interval.observed(RTT) if self.view.interval else {}
        return max((one.count for one in series.values()), default=0.0)

    @cached_property
    def rtt_before(self) -> Mapping[str, float]:
        """The same, from its start until the interval."""
        return self._means(self.view.interval.before.histograms(RTT) if self.view.interval else {})

    @cached_property
    def requests(self) -> float:
        """How many requests clients made of it in the interval."""
        return self.gained("etcd_server_client_requests_total", type="unary")

    @cached_property
    def slow_requests_share(self) -> float:
        """Which share of them took more than 100 ms, reads that wait for the leader included."""
        slow = self.gained("etcd_server_slow_apply_total")
        return slow / self.requests if self.requests and slow >= SLOW_REQUESTS else 0.0

    @cached_property
    def apply_lag(self) -> float | None:
        """How many entries were agreed on and not carried out yet."""
        committed = self.value("etcd_server_proposals_committed_total")
        applied = self.value("etcd_server_proposals_applied_total")
        return None if committed is None or applied is None else committed - applied

    def value(self, family: str) -> float | None:
        """The value of a family of one series on the newest page."""
        return self.view.reading.value(family) if self.view.reading else None

    def gained(self, family: str, **labels: str) -> float:
        """What a counter gained in the interval; 0 where it is not known, as it is evidence only when it grew."""
        return (self.view.interval.gained(family, **labels) or 0.0) if self.view.interval else 0.0

    def _timing(self, family: str) -> Timing | None:
        return timing(self.view.interval.histogram(family)) if self.view.interval else None

    def _means(self, series: Mapping[Labels, Histogram]) -> Mapping[str, float]:
        means = {self._named(labels, "To"): histograms.mean(one) for labels, one in series.items()}
        return {peer: mean for peer, mean in means.items() if mean is not None and peer not in self.lost}

    def _named(self, labels: Labels, label: str) -> str:
        peer = dict(labels).get(label, "")
        return self.names.get(peer, peer)


def named(views: Sequence[MemberView], names: Mapping[str, str]) -> Mapping[str, str]:
    """What people call the member with an id: as the member list has it, else as each page says who it is.

    Whose page could not be had is the peer that is left over, where that is only one.
    """
    known = {identity: view.name for view in views for reading in _readings(view) for identity in _identities(reading)}
    known |= dict(names)
    nameless = [view.name for view in views if view.name not in known.values()]
    peers = {peer for view in views for reading in _readings(view) for peer in _peers(reading)} - known.keys()
    if len(nameless) == len(peers) == 1:
        known[peers.pop()] = nameless[0]
    return known


def _readings(view: MemberView) -> Iterable[Reading]:
    return filter(None, (view.reading, view.interval.before if view.interval else None))


def _identities(reading: Reading) -> Iterable[str]:
    return (dict(labels).get("server_id", "") for labels in reading.numbers("etcd_server_id").series)


def _peers(reading: Reading) -> Iterable[str]:
    return (dict(labels).get("Remote", "") for labels in reading.numbers(ACTIVE).series)
