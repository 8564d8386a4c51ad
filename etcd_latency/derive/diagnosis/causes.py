"""The table of causes: how each finds whom it has hit, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from etcd_latency.derive.diagnosis.case import Case, Find, Hit
from etcd_latency.derive.diagnosis.cluster import Cluster
from etcd_latency.derive.diagnosis.presence import hung, lost_member, lost_quorum, many_elections
from etcd_latency.derive.diagnosis.room import few_descriptors, no_space
from etcd_latency.derive.diagnosis.slowness import much_load, slow_apply, slow_database, slow_network, slow_writes
from etcd_latency.derive.diagnosis.symptoms import FSYNC, RTT
from etcd_latency.derive.diagnosis.views import Cause, ClusterView, Diagnosed, Diagnosis
from etcd_latency.derive.pages import Interval


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    cause: Cause
    find: Find
    advice: tuple[str, ...]


TABLE: tuple[Row, ...] = (
    Row(
        "quorum",
        lost_quorum,
        (
            "Start the members that are down, and see that they reach each other's peer port.",
            "Restore from a snapshot only when a majority of the disks is lost.",
        ),
    ),
    Row(
        "hung_member",
        hung,
        (
            "See whether the process is stopped, or waits for a dead disk: `ps -o stat,wchan` on its host.",
            "Restart it; if it leads, the others elect another leader within a second.",
        ),
    ),
    Row(
        "space",
        no_space,
        (
            "Compact and defragment, one member after the other and the leader last, or raise --quota-backend-bytes.",
            "Then `etcdctl alarm disarm`: until that is done etcd refuses every write.",
        ),
    ),
    Row(
        "file_descriptors",
        few_descriptors,
        (
            "Raise the limit (LimitNOFILE) and restart the member.",
            "Look for clients that open connections and do not close them.",
        ),
    ),
    Row(
        "disk_wal",
        partial(slow_writes, cause="disk_wal"),
        (
            "See who else writes to its disk (`iostat -x 1`), and give etcd one of its own.",
            "If it leads, `etcdctl move-leader` to a member whose disk is well, as first aid.",
        ),
    ),
    Row(
        "disk_backend",
        slow_database,
        (
            "See whether the database's disk is another one than the log's, and is busy (`iostat -x 1`).",
            "See whether the database is large or fragmented, or is being compacted or defragmented.",
        ),
    ),
    Row(
        "cpu",
        partial(slow_writes, cause="cpu"),
        (
            "See whether it is throttled (its cgroup's cpu.stat: nr_throttled) or its host is overloaded (`vmstat 1`).",
            "Give it more CPU, or take others off its host; the disk is not at fault.",
        ),
    ),
    Row(
        "quorum",
        lost_member,
        ("See why the process ended (its log, `journalctl -u etcd`), and start it again.",),
    ),
    Row(
        "network",
        slow_network,
        (
            "Measure the way between these members (`ping`, `mtr`), and see what changed on it.",
            "If it is meant to be that long, raise --heartbeat-interval and --election-timeout on all members.",
        ),
    ),
    Row(
        "apply",
        slow_apply,
        (
            "Look for large transactions, deletes and ranges: etcd's log names them (`apply request took too long`).",
            "See whether the member has just restarted and is catching up.",
        ),
    ),
    Row(
        "load",
        much_load,
        ("See which clients and methods make the requests (grpc.server.handled by grpc_method), and slow them down.",),
    ),
    Row(
        "quorum",
        many_elections,
        ("See etcd's log for `lost leader`, and whether the election time-out fits the slowest round trip.",),
    ),
)
"""The causes; of findings that are as bad as each other the first is told first."""


def diagnose(view: ClusterView) -> Diagnosis:
    """What is wrong with a cluster, the worst first; a leader's trouble comes before a follower's."""
    case = Case(Cluster.of(view))
    found = [(hit, row) for row in TABLE for hit in row.find(case)]
    found.sort(key=lambda one: (-one[0].severity, one[0].member is not None and not one[0].member.leads))
    return Diagnosis(tuple(_diagnosed(hit, row) for hit, row in found), _thin(case.cluster))


def _diagnosed(hit: Hit, row: Row) -> Diagnosed:
    return Diagnosed(row.cause, hit.member.name if hit.member else "", hit.severity, hit.evidence, row.advice)


def _thin(cluster: Cluster) -> str:
    """Why too little was seen; empty where it was enough."""
    if not cluster.present:
        return "no member's page could be had"
    intervals = [member.view.interval for member in cluster.present if member.view.interval]
    if not intervals:
        return "there is only one page of each member yet"
    if not any(map(_went_on, intervals)):
        return "nothing was counted between the two pages of any member"
    return ""


def _went_on(interval: Interval) -> bool:
    """Whether anything was counted: a process that lives uses its CPU at least."""
    return bool(interval.gained("process_cpu_seconds_total") or interval.observed(FSYNC) or interval.observed(RTT))
