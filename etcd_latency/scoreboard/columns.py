"""What is shown of every member, as people write it: two or three digits and a unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor, isfinite
from typing import NamedTuple

from etcd_latency.derive.diagnosis import words
from etcd_latency.derive.histograms import Quantile, Resolution
from etcd_latency.model import Level
from etcd_latency.scoreboard.limits import Limit
from etcd_latency.scoreboard.values import Row

MARKS = {"floor": "<=", "bucket": "", "ceiling": ">"}
"""What is said of a percentile that its bucket does not tell: it is at most the first bound, or beyond the last."""

HOURS_BELOW_DAYS = 2

THOUSANDS = (("", 1.0), ("k", 1e3), ("M", 1e6))


class Column(NamedTuple):
    """One value of every member."""

    heads: tuple[str, str]
    """Two lines."""
    key: str
    """In JSON, and in `LIMITS`."""
    read: Callable[[Row], Quantile | float | None]
    write: Callable[[float], str]

    @property
    def name(self) -> str:
        """What it is called where it is not a column."""
        return " ".join(self.heads)

    def value(self, row: Row) -> float | None:
        """The number itself, without what is to be said about it."""
        found = self.read(row)
        value = found.value if isinstance(found, Quantile) else found
        return value if value is not None and isfinite(value) else None

    def resolution(self, row: Row) -> Resolution | None:
        """How much a percentile is worth."""
        found = self.read(row)
        return found.resolution if isinstance(found, Quantile) else None

    def text(self, row: Row) -> str:
        """The value as people write it."""
        value, resolution = self.value(row), self.resolution(row)
        if value is None:
            return "-"
        shown = words.first_bound(value) if resolution == "floor" else value
        return MARKS[resolution or "bucket"] + self.write(shown)

    def level(self, row: Row, limits: Mapping[str, Limit]) -> Level:
        """Whether it is beyond its limit; what is missing, or has none, is not."""
        value = self.value(row)
        return limits[self.key].level(value) if value is not None and self.key in limits else Level.OK


def entries(count: float) -> str:
    """Without a fourth digit: `999`, `5.3k`, `12k`."""
    unit, factor = next((one for one in THOUSANDS if count / one[1] < 999.5), THOUSANDS[-1])  # noqa: PLR2004
    number = count / factor
    return f"{number:.0f}{unit}" if number >= 9.95 else f"{number:.2g}{unit}"  # noqa: PLR2004 - what would be 10


def days_left(days: float) -> str:
    """Whole ones that are left, and hours where days would say little."""
    if days <= 0:
        return "ended"
    return f"{floor(days)} d" if days >= HOURS_BELOW_DAYS else f"{floor(days * 24)} h"


def _size(count: float) -> str:
    """With two digits, to leave room for names; evidence has three."""
    return words.size(count, digits=2)


COLUMNS = (
    Column(("fsync", "p99"), "fsync_p99_seconds", lambda row: row.fsync_p99, words.seconds),
    Column(("commit", "p99"), "backend_commit_p99_seconds", lambda row: row.commit_p99, words.seconds),
    Column(("peer", "RTT"), "peer_rtt_seconds", lambda row: row.rtt, words.seconds),
    Column(("apply", "lag"), "apply_lag_entries", lambda row: row.apply_lag, entries),
    Column(("db", "size"), "db_size_bytes", lambda row: row.db_size, _size),
    Column(("quota", "used"), "db_quota_used_ratio", lambda row: row.db_quota_used, words.share),
    Column(("fds", "used"), "file_descriptors_used_ratio", lambda row: row.fds_used, words.share),
    Column(("cert", "left"), "certificate_days_left", lambda row: row.certificate_days, days_left),
)
