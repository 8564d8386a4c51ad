"""Members that are gone or hang, and a cluster without a leader."""

from __future__ import annotations

from collections.abc import Iterator

from etcd_latency.derive.diagnosis import limits, words
from etcd_latency.derive.diagnosis.case import CRITICAL, WARNING, Case, Hit
from etcd_latency.derive.diagnosis.cluster import Cluster
from etcd_latency.derive.diagnosis.symptoms import Symptoms


def lost_quorum(case: Case) -> Iterator[Hit]:
    """Nobody follows a leader because members do not reach each other, or too few are left."""
    cluster = case.cluster
    down = [member for member in cluster.missing if is_down(cluster, member)]
    slow = [stall.member for stall in case.stalls]
    apart = [link for link in cluster.links if link.is_lost and not any(map(link.touches, slow))]
    told: list[str] = []
    if is_leaderless(cluster):
        told.append(f"no leader: {words.all_of([one.name for one in cluster.present])} know none")
    if apart:
        told.append(f"no connection between {', '.join(map(str, apart))}")
    if down:
        told.append(f"{words.all_of([one.name for one in down])} do not answer; {cluster.majority} members must")
    too_few = cluster.view.voters - len(down) < cluster.majority
    if too_few or (is_leaderless(cluster) and (apart or cluster.missing or not case.stalls)):
        yield Hit(None, CRITICAL, tuple(told))


def lost_member(case: Case) -> Iterator[Hit]:
    """A member is gone, and the others know."""
    cluster = case.cluster
    more = cluster.view.voters - len(cluster.missing) - cluster.majority
    if more < 0 or is_leaderless(cluster):
        return
    for member in cluster.missing:
        if is_down(cluster, member):
            yield Hit(
                member,
                WARNING,
                (
                    _silence(member),
                    f"{words.all_of(_who_lost(cluster, member))} lost the connection to it",
                    f"{'no' if more == 0 else f'only {more}'} more of {cluster.view.voters} members may fail",
                ),
            )


def hung(case: Case) -> Iterator[Hit]:
    """A member does not answer, but its connections stand: its peers do not see that it hangs."""
    cluster = case.cluster
    for member in cluster.missing:
        if not cluster.present or is_down(cluster, member) or _answers(member):
            continue
        unaware = [other.name for other in cluster.present if other.name not in _who_lost(cluster, member)]
        seen = f"to {words.all_of(unaware)} it looks connected: its process is there, and does nothing"
        yield Hit(
            member,
            CRITICAL if member.view.timed_out else WARNING,
            (_silence(member), *((seen,) if unaware else ()), "whoever is connected to it waits for a time-out"),
        )


def many_elections(case: Case) -> Iterator[Hit]:
    """The leader changes again and again, or elections fail, though members reach each other."""
    seen = [one.gained("etcd_server_leader_changes_seen_total") for one in case.cluster.present]
    most = max(seen, default=0.0)
    if is_leaderless(case.cluster) and case.stalls:
        yield Hit(None, CRITICAL, ("no leader: elections fail while members are this slow",))
    elif most >= limits.LEADER_CHANGES and not case.is_explained:
        yield Hit(None, WARNING, (f"the leader changed {most:.0f} times in one interval",))


def is_down(cluster: Cluster, member: Symptoms) -> bool:
    """Whether a member that does not answer is gone, and does not only hang.

    Who is gone is lost to its peers, and what they send fails. Of one that hangs, the host still takes what is sent;
    3.4 closes the connection all the same.
    """
    if member.view.timed_out:
        return False
    lost = [other for other in cluster.others(member) if member.name in other.lost]
    return any(other.view.interval is None or other.failed_sends.get(member.name) for other in lost)


def is_leaderless(cluster: Cluster) -> bool:
    """Whether all that are present say that they follow no leader."""
    return bool(cluster.present) and all(member.has_leader is False for member in cluster.present)


def _who_lost(cluster: Cluster, member: Symptoms) -> list[str]:
    return [other.name for other in cluster.others(member) if member.name in other.lost]


def _answers(member: Symptoms) -> bool:
    """Whether it is only the page that could not be had."""
    return member.view.status is not None or member.view.read_seconds is not None


def _silence(member: Symptoms) -> str:
    return f"{member.name} does not answer{f': {member.view.failure}' if member.view.failure else ''}"
