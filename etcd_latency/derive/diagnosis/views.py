"""What a diagnosis is made from, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from etcd_latency.derive.pages import Interval, Reading
from etcd_latency.model import Status

Cause = Literal[
    "disk_wal",
    "disk_backend",
    "network",
    "cpu",
    "apply",
    "load",
    "quorum",
    "space",
    "file_descriptors",
    "hung_member",
]
"""What may be wrong; assets/runbook.md has a heading for each."""


class Severity(IntEnum):
    """How bad it is."""

    NONE = 0
    WARNING = 1
    """It hurts nobody yet."""
    CRITICAL = 2
    """Whoever writes to the cluster waits, or will not be able to."""


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """One thing that is wrong, and with whom."""

    cause: Cause
    member: str
    """Its name; empty where it is the whole cluster."""
    severity: Severity
    evidence: tuple[str, ...]
    """What was seen, in words and figures; the strongest first."""
    advice: tuple[str, ...]
    """What to do next."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that is wrong with a cluster."""

    findings: tuple[Diagnosed, ...]
    """The worst first."""
    thin: str = ""
    """Why it cannot be said that nothing else is wrong; empty where enough was seen."""

    @property
    def severity(self) -> Severity:
        """Of the worst."""
        return self.findings[0].severity if self.findings else Severity.NONE

    @property
    def cause(self) -> Cause | Literal["none", "unknown"]:
        """The worst; `unknown` when nothing was found but too little was seen."""
        if self.findings:
            return self.findings[0].cause
        return "unknown" if self.thin else "none"

    @property
    def member(self) -> str:
        """Whom the worst is about; empty where it is the whole cluster, or nobody."""
        return self.findings[0].member if self.findings else ""


@dataclass(frozen=True, slots=True)
class MemberView:
    """What is known of one member: its pages, and what its probes said where they were asked."""

    name: str
    interval: Interval | None
    """None while there are no two pages."""
    reading: Reading | None
    """The newest page; None when it could not be had in this run."""
    failure: str = ""
    """Why the page could not be had."""
    timed_out: bool = False
    """Nothing came until the time was over: the process hangs. A refusal comes at once."""
    page_seconds: float | None = None
    """How long its page took."""
    status: Status | None = None
    alarms: frozenset[str] | None = None
    """NOSPACE, CORRUPT; None where nobody said."""
    read_seconds: float | None = None
    """A read that this member answers alone."""
    quorum_read_seconds: float | None = None
    """A read for which it asks the leader."""
    write_seconds: float | None = None
    """What goes through raft as a write does."""
    health: str = ""
    """The words of a health probe that failed."""


@dataclass(frozen=True, slots=True)
class ClusterView:
    """All members of a cluster in one run."""

    members: tuple[MemberView, ...]
    names: Mapping[str, str]
    """What people call the member with an id (hexadecimal, as on pages); may lack any."""
    voters: int
    """How many members vote."""
    heartbeat_seconds: float = 0.1
    election_seconds: float = 1.0
