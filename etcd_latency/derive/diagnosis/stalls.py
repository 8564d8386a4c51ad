"""A member whose writes to the disk take long: is it the disk, or does the process not get to run?

Both show the same figure first: a high p99 of the log's syncs. So each explanation has signs that speak for it, and
the one that has more wins. A newcomer can check each by hand on two pages of the member.

=============  ====================================  ==============================================
what is seen   a slow disk                           too little CPU
=============  ====================================  ==============================================
median sync    slow: every sync meets the disk       fast: most fall into times when it runs
commits        twice as slow as syncs: they do two   no slower than syncs: they wait for their turn
peers          get their answers at once             wait: round trips to it are long
its page       comes at once                         comes late, and so do reads
=============  ====================================  ==============================================

How slow commits are counts most: it tells by the disk's own work. Round trips and pages may be late for other reasons.
When commits are held up and syncs are not, it is the disk or the file that holds the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean, median_low

from etcd_latency.derive.diagnosis import limits, words
from etcd_latency.derive.diagnosis.cluster import Cluster, Figure
from etcd_latency.derive.diagnosis.symptoms import Symptoms, Timing
from etcd_latency.derive.diagnosis.views import Cause

Sign = Callable[[Cluster, Symptoms], str]
"""What is seen of a member, in words; empty where it is not seen."""

TimingOf = Callable[[Symptoms], Timing | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One cause of slow writes."""

    cause: Cause
    needs: Sign
    """Without which it is not this."""
    signs: tuple[tuple[Sign, int], ...]
    """What speaks for it, and how much."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A member whose writes take long, and the best explanation."""

    member: Symptoms
    cause: Cause
    evidence: tuple[str, ...]


def fsync(member: Symptoms) -> Timing | None:
    return member.fsync


def commit(member: Symptoms) -> Timing | None:
    return member.commit


def syncs_are_slow(cluster: Cluster, member: Symptoms) -> str:
    """The log's: by themselves, or somewhat when commits are slow and they are so at least as often."""
    slow = _is_slow(cluster, member, fsync, limits.FSYNC_P99, limits.FSYNC_MEAN) or _both_are_slow(cluster, member)
    return _told(cluster, member, fsync, "WAL fsync", "sync") if slow else ""


def commits_are_slow(cluster: Cluster, member: Symptoms) -> str:
    """The database's."""
    slow = _is_slow(cluster, member, commit, limits.COMMIT_P99, limits.COMMIT_MEAN)
    return _told(cluster, member, commit, "Backend commit", "commit") if slow else ""


def writes_are_slow(cluster: Cluster, member: Symptoms) -> str:
    """Of either kind."""
    return syncs_are_slow(cluster, member) or commits_are_slow(cluster, member)


def commits_alone_are_slow(cluster: Cluster, member: Symptoms) -> str:
    """While the log's syncs are not."""
    return "" if syncs_are_slow(cluster, member) else commits_are_slow(cluster, member)


def most_syncs_are_slow(_: Cluster, member: Symptoms) -> str:
    found = member.fsync
    if not found or found.p50.value < limits.MOSTLY_FAST_SECONDS:
        return ""
    return f"most syncs are slow, not only some (p50 {words.percentile(found.p50)})"


def most_syncs_are_fast(_: Cluster, member: Symptoms) -> str:
    found = member.fsync
    if not found or found.p50.value >= limits.MOSTLY_FAST_SECONDS or found.slow < limits.FEWEST_SLOW:
        return ""
    return f"most syncs are fast (p50 {words.percentile(found.p50)}), only some are held up"


def most_commits_are_slow(_: Cluster, member: Symptoms) -> str:
    found = member.commit
    if not found or found.p50.value < limits.SLOW_SECONDS:
        return ""
    return f"most commits are slow, not only some (p50 {words.percentile(found.p50)})"


def syncs_are_not_held_up(_: Cluster, member: Symptoms) -> str:
    syncs, commits = member.fsync, member.commit
    if not syncs or not commits or syncs.slow > commits.slow / 2:
        return ""
    return (
        f"{_share(commits)} commits are held up, but only {_share(syncs)} syncs "
        f"(WAL fsync p99 {words.percentile(syncs.p99)})"
    )


def _share(found: Timing) -> str:
    return f"{found.slow:.0f} of {found.count:.0f}"


def commits_take_twice(_: Cluster, member: Symptoms) -> str:
    took = _slow_ones(member)
    if not took or took[1] < limits.TWICE * took[0]:
        return ""
    return f"a slow commit takes {took[1] / took[0]:.1f} times as long as a slow sync, as it does two"


def commits_take_no_longer(_: Cluster, member: Symptoms) -> str:
    took = _slow_ones(member)
    if not took or took[1] >= limits.TWICE * took[0]:
        return ""
    return (
        f"a commit that is held up takes no longer ({words.seconds(took[1])}) than a sync ({words.seconds(took[0])}), "
        "though it does two"
    )


def peers_wait(cluster: Cluster, member: Symptoms) -> str:
    rtt = _rtt_to(cluster, member)
    if rtt is None or rtt[0] < max(limits.STARVED_RTT_SECONDS, limits.STARVED_RTT * rtt[1]):
        return ""
    return f"peers wait {words.seconds(rtt[0])} for its answers, and {words.seconds(rtt[1])} for each other's"


def peers_do_not_wait(cluster: Cluster, member: Symptoms) -> str:
    rtt = _rtt_to(cluster, member)
    if rtt is None or peers_wait(cluster, member):
        return ""
    return f"its peers wait only {words.seconds(rtt[0])} for its answers"


def page_is_late(cluster: Cluster, member: Symptoms) -> str:
    return _late(cluster, member, lambda one: one.view.page_seconds, "its page")


def page_comes_at_once(cluster: Cluster, member: Symptoms) -> str:
    took = member.view.page_seconds
    return "" if took is None or page_is_late(cluster, member) else f"its page took only {words.seconds(took)}"


def reads_are_late(cluster: Cluster, member: Symptoms) -> str:
    return _late(cluster, member, lambda one: one.view.read_seconds, "a read that it answers alone")


EXPLANATIONS = (
    Explanation(
        "disk_wal",
        needs=syncs_are_slow,
        signs=(
            (most_syncs_are_slow, 2),
            (commits_take_twice, 4),
            (peers_do_not_wait, 1),
            (page_comes_at_once, 1),
        ),
    ),
    Explanation(
        "disk_backend",
        needs=commits_alone_are_slow,
        signs=((syncs_are_not_held_up, 4), (most_commits_are_slow, 4), (peers_do_not_wait, 1), (page_comes_at_once, 1)),
    ),
    Explanation(
        "cpu",
        needs=writes_are_slow,
        signs=(
            (most_syncs_are_fast, 2),
            (commits_take_no_longer, 4),
            (peers_wait, 2),
            (page_is_late, 2),
            (reads_are_late, 1),
        ),
    ),
)
"""Each counts as much as its signs; of those that count the same, the first."""


def stalls(cluster: Cluster) -> Iterator[Stall]:
    """The members whose writes take long, each with its best explanation, and with what speaks for another one.

    Who lost the most time comes first.
    """
    for member in sorted(cluster.present, key=_lost, reverse=True):
        seen = {one: _seen(one, cluster, member) for one in EXPLANATIONS if one.needs(cluster, member)}
        if seen:
            best = max(seen, key=lambda one: sum(seen[one].values()))
            against = {told: None for one in seen for told in seen[one] if told not in seen[best]}
            evidence = (best.needs(cluster, member), *seen[best], *(f"against it: {told}" for told in against))
            yield Stall(member, best.cause, evidence)


def _lost(member: Symptoms) -> float:
    """What slow writes took together, in seconds."""
    return sum(timing.lost for timing in (member.fsync, member.commit) if timing)


def _seen(one: Explanation, cluster: Cluster, member: Symptoms) -> Mapping[str, int]:
    """The signs that are seen, in words, and what each counts."""
    return {told: weight for sign, weight in one.signs if (told := sign(cluster, member))}


def _is_slow(cluster: Cluster, member: Symptoms, of: TimingOf, p99: limits.Limit, mean: limits.Limit) -> bool:
    found = of(member)
    if found is None or not _weighs(found):
        return False
    return (
        cluster.stands_out(member, _figure(of, lambda timing: timing.mean), mean)
        or cluster.stands_out(member, _figure(of, lambda timing: timing.p99.value), p99)
        or _has_long_ones(cluster, member, of)
    )


def _weighs(found: Timing) -> bool:
    """Whether it is no chance: most of enough are slow, or some took much time."""
    is_often_slow = found.slow >= limits.FEWEST_SLOW
    if found.p50.value >= limits.MOSTLY_FAST_SECONDS:
        return is_often_slow or found.count >= limits.ENOUGH_WRITES
    return is_often_slow and found.lost >= limits.LOST_SECONDS


def _both_are_slow(cluster: Cluster, member: Symptoms) -> bool:
    syncs, commits = member.fsync, member.commit
    if not syncs or not commits or syncs.slow < commits.slow or not commits_are_slow(cluster, member):
        return False
    return cluster.stands_out(member, _figure(fsync, lambda timing: timing.p99.value), limits.FSYNC_P99_WITH_COMMITS)


def _has_long_ones(cluster: Cluster, member: Symptoms, of: TimingOf) -> bool:
    """Whether few, but long ones took much of the time, which the others had not."""
    found = of(member)
    if found is None or found.slow_mean < limits.LONG_SECONDS or found.slow_share < limits.SLOW_TIME_SHARE:
        return False
    others = cluster.of_others(member, _figure(of, lambda timing: timing.slow_share))
    return bool(others) and found.slow_share >= limits.STANDS_OUT * median_low(others)


def _figure(of: TimingOf, get: Callable[[Timing], float]) -> Figure:
    def figure(member: Symptoms) -> float | None:
        found = of(member)
        return None if found is None else get(found)

    return figure


def _told(cluster: Cluster, member: Symptoms, of: TimingOf, what: str, each: str) -> str:
    found = of(member)
    if found is None:
        return ""
    told = (
        f"{what} took {words.seconds(found.mean)} on average (p99 {words.percentile(found.p99)}) "
        f"in {words.many(found.count, each)}"
    )
    others = [other for other in cluster.others(member) if of(other)]
    means = cluster.of_others(member, _figure(of, lambda timing: timing.mean))
    return (
        f"{told}; at most {words.seconds(max(means))} on {words.all_of([one.name for one in others])}"
        if others
        else told
    )


def _late(cluster: Cluster, member: Symptoms, seconds: Figure, what: str) -> str:
    took, others = seconds(member), cluster.of_others(member, seconds)
    if took is None or took < max((limits.PAGE_SECONDS, *(limits.STANDS_OUT * other for other in others))):
        return ""
    return f"{what} took {words.seconds(took)}"


def _slow_ones(member: Symptoms) -> tuple[float, float] | None:
    """What slow syncs and slow commits took; None where there are too few of either."""
    syncs, commits = member.fsync, member.commit
    if not syncs or not commits or min(syncs.slow, commits.slow) < limits.FEWEST_SLOW:
        return None
    return syncs.slow_mean, commits.slow_mean


def _rtt_to(cluster: Cluster, member: Symptoms) -> tuple[float, float] | None:
    """The mean round trip from the others to a member, and among the others; None where either was not observed."""
    to_it = cluster.of_others(member, lambda other: other.rtt.get(member.name))
    among = [link.rtt for link in cluster.links if not link.touches(member) and link.rtt is not None]
    return (fmean(to_it), fmean(among)) if to_it and among else None
