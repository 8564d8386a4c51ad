"""What the members' pages show together: who leads, who is reached by whom, who stands out among the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import median_low

from etcd_latency.derive.diagnosis.limits import (
    SLOW_REQUESTS,
    SLOW_REQUESTS_SHARE,
    STANDS_OUT,
    USUAL_READ_SECONDS,
    Limit,
)
from etcd_latency.derive.diagnosis.symptoms import Symptoms, named
from etcd_latency.derive.diagnosis.views import ClusterView

Figure = Callable[[Symptoms], float | None]
"""One figure of a member; None where it is not known."""


@dataclass(frozen=True)
class Link:
    """Two members that can be asked, and the way between them."""

    one: Symptoms
    other: Symptoms

    @property
    def rtt(self) -> float | None:
        """The mean round trip in seconds, as the end has it that sees more of it; None where none was observed.

        What one end dials may take another way than what the other does.
        """
        seen = (self.one.rtt.get(self.other.name), self.other.rtt.get(self.one.name))
        return max((rtt for rtt in seen if rtt is not None), default=None)

    @property
    def rtt_before(self) -> float:
        """The same, before the interval; 0 where it was not observed."""
        seen = (self.one.rtt_before.get(self.other.name), self.other.rtt_before.get(self.one.name))
        return max((rtt for rtt in seen if rtt is not None), default=0.0)

    @property
    def is_lost(self) -> bool:
        """Whether one end has no connection to the other."""
        return self.other.name in self.one.lost or self.one.name in self.other.lost

    def touches(self, member: Symptoms) -> bool:
        """Whether it ends at this member."""
        return member in (self.one, self.other)

    def __str__(self) -> str:
        return f"{self.one.name} and {self.other.name}"


@dataclass(frozen=True)
class Cluster:
    """All members, by their symptoms."""

    view: ClusterView
    members: tuple[Symptoms, ...]

    @classmethod
    def of(cls, view: ClusterView) -> Cluster:
        """The members of a view."""
        names = named(view.members, view.names)
        return cls(view, tuple(Symptoms(member, names) for member in view.members))

    @cached_property
    def present(self) -> tuple[Symptoms, ...]:
        """Those whose page could be had."""
        return tuple(member for member in self.members if not member.is_missing)

    @cached_property
    def missing(self) -> tuple[Symptoms, ...]:
        """Those whose page could not be had."""
        return tuple(member for member in self.members if member.is_missing)

    @property
    def majority(self) -> int:
        """How many members must agree."""
        return self.view.voters // 2 + 1

    @property
    def has_leader(self) -> bool:
        """Whether anybody follows a leader."""
        return any(member.has_leader for member in self.present)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Between all members that are present."""
        return tuple(Link(one, other) for one, other in combinations(self.present, 2))

    @cached_property
    def asked(self) -> tuple[Symptoms, ...]:
        """Those of whom clients asked something."""
        return tuple(member for member in self.present if member.requests >= SLOW_REQUESTS)

    @cached_property
    def waiting(self) -> tuple[Symptoms, ...]:
        """Those whose clients wait: many of the requests to them are slow, and not because members are far apart."""
        slow = (member for member in self.asked if member.slow_requests_share >= SLOW_REQUESTS_SHARE)
        return tuple(member for member in slow if self._read_before(member) < USUAL_READ_SECONDS)

    def others(self, member: Symptoms) -> Iterator[Symptoms]:
        """All that are present, without this one."""
        return (other for other in self.present if other is not member)

    def of_others(self, member: Symptoms, figure: Figure) -> list[float]:
        """A figure of all others of whom it is known."""
        return [value for other in self.others(member) if (value := figure(other)) is not None]

    def stands_out(self, member: Symptoms, figure: Figure, limit: Limit) -> bool:
        """Whether a figure is too large, or large and far from that of the better half of the others.

        Of three members two may be at fault, and the third says what the machine can do.
        """
        value, others = figure(member), self.of_others(member, figure)
        if value is None:
            return False
        return value >= limit.alone or (
            bool(others) and value >= max(limit.with_others, STANDS_OUT * median_low(others))
        )

    def _read_before(self, member: Symptoms) -> float:
        """How long a read took before the interval, in seconds, by the ways alone.

        It asks the leader, who asks a majority whether it still leads; etcd counts that wait as a part of the request
        (server/etcdserver/v3_server.go: Range). Where the leader is not seen it is the longest of its own ways.
        """
        leaders = [one for one in self.present if one.leads]
        if not leaders:
            return max(member.rtt_before.values(), default=0.0)
        return max(Link(member, one).rtt_before + self._agreed_before(one) for one in leaders)

    def _agreed_before(self, leader: Symptoms) -> float:
        """How long a leader waited before for the nearest others that are a majority with it; seconds."""
        ways = [0.0, *sorted(Link(leader, other).rtt_before for other in self.others(leader))]
        return ways[min(self.majority, len(ways)) - 1]

    def sound_without(self, troubled: Sequence[Symptoms]) -> bool:
        """Whether enough members are left for a majority when these do not take part."""
        names = {member.name for member in (*troubled, *self.missing)}
        return self.view.voters - len(names) >= self.majority
