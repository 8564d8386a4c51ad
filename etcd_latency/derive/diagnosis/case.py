"""A cluster, what several causes ask about it, and whom a cause has hit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from etcd_latency.derive.diagnosis import network
from etcd_latency.derive.diagnosis.cluster import Cluster
from etcd_latency.derive.diagnosis.stalls import Stall, stalls
from etcd_latency.derive.diagnosis.symptoms import Symptoms
from etcd_latency.derive.diagnosis.views import Severity

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Hit:
    """Whom a cause has hit."""

    member: Symptoms | None
    """None for the whole cluster."""
    severity: Severity
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A cluster, and what several causes ask about it."""

    cluster: Cluster

    @cached_property
    def stalls(self) -> tuple[Stall, ...]:
        """The members whose writes take long."""
        return tuple(stalls(self.cluster))

    @cached_property
    def network(self) -> tuple[network.Fault, ...]:
        """What is wrong between members."""
        return tuple(network.faults(self.cluster, self.stalls))

    @property
    def is_explained(self) -> bool:
        """Whether a disk, a CPU or the network is slow, so that what comes later in a request must be, too."""
        return bool(self.stalls or self.network)

    def severity(self, member: Symptoms) -> Severity:
        """How bad it is when a member is slow.

        A commit waits for the leader and for enough followers. One slow follower hurts nobody yet, while the others
        are a majority without it.
        """
        troubled = [stall.member for stall in self.stalls] + [member]
        return WARNING if not member.leads and self.cluster.sound_without(troubled) else CRITICAL


Find = Callable[[Case], Iterable[Hit]]
