"""A board and its rows, and how bad it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from etcd_latency.derive.diagnosis import Diagnosis
from etcd_latency.derive.histograms import Quantile
from etcd_latency.model import Level
from etcd_latency.scoreboard.limits import LIMITS, Limit

Clean = Callable[[str], str]
"""Makes a text from elsewhere fit to show: what a label or a server says may hold what a terminal obeys."""


class Health(NamedTuple):
    """Whether a member serves, and in words why not."""

    state: Literal["ok", "failed", "unknown"]
    words: str = ""


NOT_ASKED = Health("unknown")


@dataclass(frozen=True, slots=True)
class Row:
    """One member; None is what could not be measured."""

    name: str
    leader: bool | None = None
    is_learner: bool | None = None
    fsync_p99: Quantile | None = None
    """Seconds, of the write-ahead log."""
    commit_p99: Quantile | None = None
    """Seconds, of the database."""
    rtt: float | None = None
    """Seconds: the mean of the other members' round trips to this one."""
    apply_lag: float | None = None
    """Entries that are committed and not yet applied."""
    db_size: float | None = None
    """Bytes."""
    db_quota_used: float | None = None
    """Ratio."""
    fds_used: float | None = None
    """Ratio of the file descriptors that it may open."""
    health: Health = NOT_ASKED
    certificate_days: float | None = None
    """Until the first of its certificates ends; negative after it."""


@dataclass(frozen=True, slots=True)
class Board:
    """All that is told of one cluster."""

    cluster: str
    rows: tuple[Row, ...]
    diagnosis: Diagnosis
    notes: tuple[str, ...] = ()
    """What is good to know beside it, such as signals that a member does not offer."""
    limits: Mapping[str, Limit] = field(default_factory=lambda: LIMITS)

    @property
    def level(self) -> Level:
        """How bad it is; its number is the exit code."""
        if self.diagnosis.severity:
            return Level(int(self.diagnosis.severity))
        return Level.UNKNOWN if self.diagnosis.thin else Level.OK


WORST_FIRST = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)
"""Trouble that is known comes before what is not known."""


def worst(levels: Iterable[Level]) -> Level:
    """What counts of several clusters."""
    return min(levels, key=WORST_FIRST.index, default=Level.UNKNOWN)


def word(level: Level) -> str:
    """As JSON has it; also the name of the style that belongs to it."""
    return level.name.lower()
