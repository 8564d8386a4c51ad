"""What is slow: writes, the network, applying; and clients that wait though nothing is."""

from __future__ import annotations

from collections.abc import Iterator

from etcd_latency.derive.diagnosis import limits, network, words
from etcd_latency.derive.diagnosis.case import CRITICAL, WARNING, Case, Hit
from etcd_latency.derive.diagnosis.presence import is_leaderless
from etcd_latency.derive.diagnosis.symptoms import Symptoms
from etcd_latency.derive.diagnosis.views import Cause


def slow_writes(case: Case, cause: Cause) -> Iterator[Hit]:
    """The members whose writes are slow for this reason; see `stalls`."""
    for stall in case.stalls:
        if stall.cause != cause:
            continue
        first, *more = stall.evidence
        yield Hit(stall.member, case.severity(stall.member), (first, _whom_it_hurts(case, stall.member), *more))


def slow_database(case: Case) -> Iterator[Hit]:
    """The members whose commits alone are slow: nobody else waits for them, whoever leads."""
    for stall in case.stalls:
        if stall.cause == "disk_backend":
            whom = "it applies late: its own clients wait"
            first, *more = stall.evidence
            yield Hit(stall.member, WARNING, (first, whom, *more))


def slow_network(case: Case) -> Iterator[Hit]:
    """See `network`."""
    for fault in case.network:
        if fault.member is None and is_leaderless(case.cluster):
            continue  # that is told as the quorum's loss
        severity = case.severity(fault.member) if fault.member else CRITICAL
        yield Hit(fault.member, severity, fault.evidence)


def slow_apply(case: Case) -> Iterator[Hit]:
    """A member falls behind in carrying out what was agreed on, though nothing below is slow."""
    for member in case.cluster.present:
        told = tuple(filter(None, (_lag_in_words(member), "" if case.is_explained else _apply_in_words(member))))
        if told:
            lag = member.apply_lag or 0.0
            yield Hit(member, CRITICAL if lag >= limits.APPLY_LAG.alone else case.severity(member), told)


def much_load(case: Case) -> Iterator[Hit]:
    """Clients wait in line, though nothing is slow."""
    if case.is_explained or case.cluster.missing:
        return
    pending = {member: member.value("etcd_server_proposals_pending") or 0.0 for member in case.cluster.present}
    told = []
    if sum(pending.values()) >= limits.PENDING_PROPOSALS:
        each = ", ".join(f"{number:.0f} on {member.name}" for member, number in pending.items())
        told.append(f"{sum(pending.values()):.0f} proposals wait to be agreed on ({each})")
    if case.cluster.waiting:
        told.append(f"requests that took more than 100 ms: {network.waiting_in_words(case.cluster.waiting)}")
    if told:
        yield Hit(None, WARNING, (*told, "neither a disk, a CPU nor a link is slow"))


def _whom_it_hurts(case: Case, member: Symptoms) -> str:
    if member.leads:
        return "it leads: every write waits for it"
    if case.severity(member) == CRITICAL:
        return "it follows, but no majority is well without it: every write waits"
    return "it follows: only its own clients wait, until one more member is slow"


def _lag_in_words(member: Symptoms) -> str:
    lag = member.apply_lag
    if lag is None or lag < limits.APPLY_LAG.with_others:
        return ""
    return (
        f"{lag:.0f} entries are agreed on and not applied; from {limits.APPLY_LAG.alone:.0f} on etcd refuses requests"
    )


def _apply_in_words(member: Symptoms) -> str:
    took = member.apply
    if took is None or took.lost < limits.APPLY_LOST_SECONDS or took.p99.value < limits.APPLY_SECONDS:
        return ""
    return (
        f"applying took {words.seconds(took.mean)} on average (p99 {words.percentile(took.p99)}) "
        f"in {took.count:.0f} entries, though its writes to the disk are well"
    )
