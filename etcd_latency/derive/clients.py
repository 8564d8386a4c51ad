"""How much of what an API server waits for etcd is spent outside of etcd: in the network, in queues, on its own CPU?

Both sides are means over one interval, of reads and of writes apart, since a cluster with more writes is not slower.
What etcd spends is taken from the best source that there is. Each source covers all that happens in etcd, from a
request to its answer; a part, such as applying alone, would pass the rest off as spent outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from etcd_latency.derive.histograms import LEAST_OBSERVATIONS
from etcd_latency.derive.pages import Interval, Labels

Kind = Literal["read", "write"]

CALLS_TO_ETCD = "etcd_request_duration_seconds"
"""kube-apiserver's histogram of them (etcd3/metrics)."""

OPERATIONS: Mapping[str, Kind] = {
    "get": "read",
    "list": "read",
    "listOnlyKeys": "read",
    "listWithCount": "read",
    "create": "write",
    "delete": "write",
    "update": "write",
}
"""The operations of kube-apiserver (etcd3/metrics) by what they are for etcd."""

CALLS: Mapping[Kind, frozenset[str]] = {
    "read": frozenset(("Range", "ReadonlyTxn")),
    "write": frozenset(("Put", "DeleteRange", "Txn")),
}
"""etcd's names of them: gRPC methods, types of requests and operations that are applied."""

KINDS: tuple[Kind, ...] = ("read", "write")

Source = Literal["grpc_handling", "request", "store_and_quorum", "probe"]


class Spent(NamedTuple):
    """What some calls took together."""

    seconds: float
    calls: float

    @property
    def mean(self) -> float | None:
        """Seconds; None where there are too few calls to compare with others."""
        return self.seconds / self.calls if self.calls >= LEAST_OBSERVATIONS else None


NOTHING = Spent(0.0, 0.0)

FEWEST_HANDLED = 50
"""Calls that all members answer in an interval: of fewer, shares are chance. The check's own are some 15."""


class Measured(NamedTuple):
    """What is known of etcd beside the members' pages, in seconds; None where it is not."""

    commit: float | None = None
    """How long a write waits for the quorum: the estimate of `quorum.commit_latency`."""
    serializable_read: float | None = None
    """A read by one member alone, as the check has measured it: the mean over the members."""
    linearizable_read: float | None = None
    """A read through a quorum, likewise."""
    write: float | None = None
    """A request that goes through raft, likewise."""


@dataclass(frozen=True, slots=True)
class Split:
    """Where the time of an API server's calls goes; all in seconds, for each call."""

    kind: Kind
    waited: float
    """As the API server sees it."""
    inside: float
    """What etcd spends."""
    source: Source
    """Where `inside` is from: what was measured inside etcd for each call (`grpc_handling`, `request`), put together
    from its parts (`store_and_quorum`), or asked by the check itself (`probe`), network included."""

    @property
    def outside(self) -> float:
        """The rest. Never less than 0: the two means are of different calls, if of other clients' only."""
        return max(0.0, self.waited - self.inside)


def handled(interval: Interval) -> float | None:
    """Unary calls that a member answered, whatever it answered; None where that cannot be told."""
    return interval.gained("grpc_server_handled_total", grpc_type="unary")


def waits(calls: Mapping[str, Spent]) -> dict[Kind, Spent]:
    """What an API server waited, from what its calls took by operation."""
    found = dict.fromkeys(KINDS, NOTHING)
    for operation, spent in calls.items():
        kind = OPERATIONS.get(operation)
        if kind:
            found[kind] = both(found[kind], spent)
    return found


def split(waited: Mapping[Kind, Spent], members: Sequence[Interval], measured: Measured) -> tuple[Split, ...]:
    """For reads and for writes, where the time goes; nothing where one of the two sides is not known.

    `members` are those whose two pages are known: any of them may have answered the API server.
    """
    found = []
    for kind, spent in waited.items():
        seconds, inside = spent.mean, _inside(kind, members, measured)
        if seconds is not None and inside is not None:
            found.append(Split(kind, seconds, inside[1], inside[0]))
    return tuple(found)


def _inside(kind: Kind, members: Sequence[Interval], measured: Measured) -> tuple[Source, float] | None:
    """What etcd spends on a call, from the best source that has it."""
    for source, seconds in SOURCES.items():
        found = seconds(kind, members, measured)
        if found is not None:
            return source, found
    return None


def _grpc_handling(kind: Kind, members: Sequence[Interval], _: Measured) -> float | None:
    """Only with --metrics=extensive."""
    return _observed(members, "grpc_server_handling_seconds", "grpc_method", CALLS[kind]).mean


def _request(kind: Kind, members: Sequence[Interval], _: Measured) -> float | None:
    """From 3.7 on."""
    return _observed(members, "etcd_server_request_duration_seconds", "type", CALLS[kind]).mean


def _store_and_quorum(kind: Kind, members: Sequence[Interval], measured: Measured) -> float | None:
    """Applying a write (3.5) after the quorum has it; reading from the store (3.6) after the quorum has agreed."""
    if kind == "write":
        return _sum(_observed(members, "etcd_server_apply_duration_seconds", "op", CALLS[kind]).mean, measured.commit)
    return _sum(_observed(members, "etcd_server_range_duration_seconds").mean, _agreement(measured))


def _probe(kind: Kind, _: Sequence[Interval], measured: Measured) -> float | None:
    return measured.write if kind == "write" else measured.linearizable_read


SOURCES: Mapping[Source, Callable[[Kind, Sequence[Interval], Measured], float | None]] = {
    "grpc_handling": _grpc_handling,
    "request": _request,
    "store_and_quorum": _store_and_quorum,
    "probe": _probe,
}
"""The best one first."""


def _agreement(measured: Measured) -> float | None:
    """What a read through a quorum costs more than one without."""
    if measured.linearizable_read is None or measured.serializable_read is None:
        return None
    return max(0.0, measured.linearizable_read - measured.serializable_read)


def _observed(members: Iterable[Interval], family: str, label: str = "", values: frozenset[str] = frozenset()) -> Spent:
    """What all members spent on calls whose label has one of these values; on all calls without a label."""
    found = NOTHING
    for interval in members:
        for labels, one in interval.histograms(family).items():
            if not label or _value(labels, label) in values:
                found = both(found, Spent(one.sum, one.count))
    return found


def _value(labels: Labels, label: str) -> str:
    return dict(labels).get(label, "")


def both(one: Spent, other: Spent) -> Spent:
    """What two took together."""
    return Spent(one.seconds + other.seconds, one.calls + other.calls)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
