"""The table, as data: which figures are compared, and what they must reach."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bench import heats, prometheus
from bench.heats import Heat, Results
from bench.measure import Figures, difference, ratio


class Compare(Enum):
    """How two figures become the one that counts."""

    FASTER = "peer / ours"
    SHARE = "ours / peer"
    VALUE = "ours"
    EXTRA = "ours - peer"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    heat: str
    work: str
    ours: str
    peer: str | None
    compare: Compare
    unit: str = "ms"
    must: float | None = None
    aim: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row with its figures; without, when its peer is not installed."""

    row: Row
    ours: Figures
    peer: Figures | None
    result: float | None

    @property
    def met(self) -> bool | None:
        """Whether it reaches what it must; None where it must reach nothing."""
        return self._reaches(self.row.must)

    @property
    def aimed(self) -> bool | None:
        """The same for what it aims at."""
        return self._reaches(self.row.aim)

    def _reaches(self, bound: float | None) -> bool | None:
        if bound is None or self.result is None:
            return None
        return self.result >= bound if self.row.compare is Compare.FASTER else self.result <= bound


@dataclass(frozen=True, slots=True)
class Measurement:
    """A heat, and how many rounds it takes."""

    heat: Heat
    rounds: int
    quick: int


HEATS = {
    "etcd": Measurement(heats.etcd_page, 60, 10),
    "big": Measurement(heats.big_page, 5, 2),
    "recorded": Measurement(heats.recorded_page, 5, 2),
    "peak": Measurement(heats.peak_memory, 1, 1),
    "endpoint": Measurement(heats.memory_per_endpoint, 1, 1),
    "etcd-cpu": Measurement(heats.etcd_itself, 5, 2),
    "growth": Measurement(heats.growth, 5, 2),
    "wall": Measurement(heats.wall, 20, 5),
    "new-histograms": Measurement(heats.new_histograms, 1, 1),
    "new-calls": Measurement(heats.new_calls, 1, 1),
    "new-counters": Measurement(heats.new_counters, 1, 1),
    "full": Measurement(heats.full_runs, 20, 5),
}
"""What `--only` names."""

ETCD = "etcd page, extensive metrics: CPU"
BIG = "API server page 40 MB: CPU"
RECORDED = "API server page 22 MB, 1.20.2 with 400 CRDs: CPU"
PEAK = "peak memory over the start, 40 MB page"
ENDPOINT = "memory per endpoint, 200 endpoints"
GROWTH = "CPU per member"
NEW = "24 new series inside a family of 23,000 lines: extra CPU"

FASTER, SHARE, VALUE, EXTRA = Compare.FASTER, Compare.SHARE, Compare.VALUE, Compare.EXTRA

ROWS = (
    Row("etcd", ETCD, heats.OURS_BUCKETS, heats.OFFICIAL, FASTER, must=8, aim=12),
    Row("etcd", ETCD, heats.OURS, heats.OFFICIAL, FASTER),
    Row("etcd", ETCD, heats.OURS_DERIVED, heats.OFFICIAL, FASTER),
    Row("etcd", ETCD, heats.OURS_BUCKETS, heats.GET_IDENTITY, SHARE, must=2.0, aim=1.5),
    Row("etcd", ETCD, heats.OURS, heats.GET_IDENTITY, SHARE),
    Row("etcd", ETCD, heats.OURS_DERIVED, heats.GET_IDENTITY, SHARE),
    Row("etcd", ETCD, heats.OURS_BUCKETS, heats.GET_GZIP, SHARE),
    Row("etcd", ETCD, heats.OURS_BUCKETS, heats.V2, FASTER),
    Row("etcd", ETCD, heats.OURS_BUCKETS, heats.V2_TUNED, FASTER),
    Row("etcd", ETCD, heats.OURS_BUCKETS, heats.PARSER, FASTER),
    Row("etcd", ETCD, heats.OURS_BUCKETS, heats.PROMETHEUS, FASTER),
    Row("big", BIG, heats.OURS_TAG, heats.V2, FASTER, must=20, aim=30),
    Row("big", BIG, heats.OURS, heats.V2_NO_BUCKETS, FASTER, must=20, aim=30),
    Row("big", BIG, heats.OURS_BUCKETS, heats.V2, FASTER),
    Row("big", BIG, heats.OURS_TAG, heats.V2_TUNED, FASTER),
    Row("big", BIG, heats.OURS_TAG, heats.GET_GZIP, SHARE, must=1.4, aim=1.2),
    Row("big", BIG, heats.OURS, heats.GET_GZIP, SHARE, must=1.4, aim=1.2),
    Row("big", BIG, heats.OURS_TAG_IDENTITY, heats.GET_IDENTITY, SHARE, must=1.4, aim=1.2),
    Row("big", BIG, heats.OURS_IDENTITY, heats.GET_IDENTITY, SHARE, must=1.4, aim=1.2),
    Row("recorded", RECORDED, heats.OURS_TAG, heats.V2, FASTER, must=15, aim=25),
    Row("recorded", RECORDED, heats.OURS, heats.V2_NO_BUCKETS, FASTER, must=15, aim=25),
    Row("recorded", RECORDED, heats.OURS_TAG, heats.GET_GZIP, SHARE),
    Row("peak", PEAK, heats.OURS_TAG, heats.V2, VALUE, "MB", must=55, aim=30),
    Row("peak", PEAK, heats.OURS, heats.V2, VALUE, "MB", must=55, aim=30),
    Row("endpoint", ENDPOINT, heats.OURS_BUCKETS, heats.V2, VALUE, "MB", must=0.7, aim=0.3),
    Row("endpoint", ENDPOINT, heats.OURS, heats.V2, VALUE, "MB", must=0.7, aim=0.3),
    Row("etcd-cpu", "etcd's own CPU for a scrape", heats.OURS, heats.OFFICIAL, SHARE, must=0.65, aim=0.5),
    Row("etcd-cpu", "etcd's own CPU for a scrape", heats.OURS, heats.GET_IDENTITY, SHARE),
    *(
        Row("growth", GROWTH, heats.members(size), heats.members(1), SHARE, must=1.15)
        for size in heats.SIZES
        if size > 1
    ),
    Row(
        "wall", "a run on the clock, 7 members that take 20 ms", heats.OURS, heats.V2_IN_TURN, SHARE, must=0.35, aim=0.2
    ),
    Row("new-calls", f"{NEW} (counters, API server)", heats.SEES_NEW, heats.SEES_NONE, EXTRA, must=20, aim=5),
    Row("new-counters", f"{NEW} (counters, member)", heats.SEES_NEW, heats.SEES_NONE, EXTRA, must=20, aim=5),
    Row(
        "new-histograms",
        "24 new histograms, 1,008 lines, inside a family of 23,000 lines: extra CPU",
        heats.SEES_NEW,
        heats.SEES_NONE,
        EXTRA,
    ),
    Row("full", "all of a run with an idle cluster of three: CPU", heats.FULL_CPU, None, VALUE),
    Row("full", "all of a run with an idle cluster of three: on the clock", heats.FULL_CLOCK, None, VALUE),
)


def outcome(row: Row, results: Results) -> Outcome:
    """A row with what its heat gave."""
    ours, peer = results[row.ours], results.get(row.peer or "")
    return Outcome(row, ours, peer, _result(row.compare, ours, peer))


def _result(compare: Compare, ours: Figures, peer: Figures | None) -> float | None:
    if compare is Compare.VALUE:
        return ours.median
    if peer is None:
        return None
    if compare is Compare.EXTRA:
        return difference(ours, peer)
    return ratio(peer, ours) if compare is Compare.FASTER else ratio(ours, peer)


NOT_INSTALLED = f"not installed (Debian: {prometheus.PACKAGE})"
