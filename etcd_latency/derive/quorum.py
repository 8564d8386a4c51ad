"""Can the members still decide together, how many more may fail, and how long does a decision take?

A cluster of n voting members needs q = n // 2 + 1 of them for everything it decides; learners have no vote.

What holds, and is tested for all inputs:

- 0 <= fault tolerance <= (n - 1) // 2; it never grows when a member fails.
- A quorum is called lost only when it is: who was not asked is given the benefit of the doubt.
- No estimate of a commit falls when an fsync or a round trip takes longer, and none depends on what members are
  called. Losing a member never makes it shorter: estimate <= one_failure_away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median_low

from etcd_latency.model import Level, Verdict

FAR_SLOWER_TIMES = 2.0
FAR_SLOWER_SECONDS = 0.01
"""Both must be exceeded before one is called slower than others: etcd's own documents take 10 ms for a good fsync
(FAQ, "apply entries took too long"), and below that a difference is noise."""


def needed(voters: int) -> int:
    """How many of these voting members must agree."""
    return voters // 2 + 1


@dataclass(frozen=True, slots=True)
class Voter:
    """What is known in this run of one voting member."""

    name: str
    reachable: bool | None
    """Whether it gave any answer; None where it was not asked."""
    has_leader: bool | None = None
    """What its page, or its status, says."""
    reads: bool | None = None
    """Whether it could read through a quorum; None where it was not asked to, or may not be."""

    @property
    def healthy(self) -> bool | None:
        """Whether it takes part in what the cluster decides; None where that cannot be told.

        An alarm does not count: a cluster that is out of space still decides.
        """
        if self.reachable is False:
            return False
        return self.has_leader if self.reads is None else self.reads


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many members there are to decide."""

    voters: int
    """Voting members that there should be."""
    healthy: int
    """Those that take part, as far as they were asked."""
    unknown: int
    """Those of which it cannot be told."""
    reachable: int | None
    """Those that gave any answer; None where nobody was asked."""
    failing: tuple[str, ...] = ()
    """The names of those that do not take part."""

    @property
    def is_lost(self) -> bool:
        """Whether too few take part, even if everybody does who was not asked."""
        return self.healthy + self.unknown < needed(self.voters)

    @property
    def fault_tolerance(self) -> int | None:
        """How many more may fail; None while that depends on members of which nothing is known."""
        at_least, at_most = self._tolerance(self.healthy), self._tolerance(self.healthy + self.unknown)
        return at_least if at_least == at_most else None

    @property
    def is_even(self) -> bool:
        """Whether one member less would tolerate as many failures."""
        return self.voters > 0 and self.voters % 2 == 0

    def figures(self) -> dict[str, float]:
        """What there is to submit, by metric; nothing about members that could not be counted."""
        counted = self.unknown < self.voters
        found: dict[str, float | None] = {
            "cluster.members.voting": self.voters,
            "cluster.members.even": int(self.is_even),
            "cluster.members.healthy": self.healthy if counted else None,
            "cluster.members.reachable": self.reachable,
            "cluster.fault_tolerance": self.fault_tolerance,
        }
        return {metric: value for metric, value in found.items() if value is not None}

    def _tolerance(self, healthy: int) -> int:
        return max(0, healthy - needed(self.voters))


def counted(known: Iterable[Voter], voters: int) -> Quorum:
    """Count the voting members; `voters` is how many the member list has, or else the configuration.

    Who is in the list and was not asked is unknown. The list may be older than what is known: it never has fewer
    voters than answered.
    """
    found = tuple(known)
    states = [one.healthy for one in found]
    asked = [one.reachable for one in found if one.reachable is not None]
    expected = max(voters, len(found))
    return Quorum(
        expected,
        states.count(True),
        states.count(None) + expected - len(found),
        asked.count(True) if asked else None,
        tuple(one.name for one in found if one.healthy is False),
    )


def judged(found: Quorum) -> Verdict:
    """The service check: critical without a quorum, a warning where the next failure is the end of it.

    A cluster of one never tolerates any, which is no news.
    """
    if not found.voters or found.unknown == found.voters:
        return Verdict(Level.UNKNOWN, "nothing is known of any voting member")
    if found.is_lost:
        return Verdict(Level.CRITICAL, f"quorum lost, {needed(found.voters)} must agree: {_taking_part(found)}")
    if found.fault_tolerance is None:
        advice = "add the others to `members`, or turn on `discover_members`"
        return Verdict(Level.UNKNOWN, f"{_taking_part(found)}: {advice}")
    if found.fault_tolerance == 0 and found.voters > 1:
        return Verdict(Level.WARNING, f"one more failure stops all writes: {_taking_part(found)}{_even(found)}")
    return Verdict(Level.OK)


def even_size(voters: int) -> str:
    """What to tell about a number of members that is even; empty where it is not."""
    if voters < 1 or voters % 2:
        return ""
    return (
        f"{voters} voting members tolerate no more failures than {voters - 1} do, and each write needs one more of "
        "them: add a member, or remove one"
    )


def _taking_part(found: Quorum) -> str:
    names = f"; not taking part: {', '.join(found.failing)}" if found.failing else ""
    unknown = f"; nothing is known of {found.unknown}" if found.unknown else ""
    return f"{found.healthy} of {found.voters} voting members take part{names}{unknown}"


def _even(found: Quorum) -> str:
    return f"; {even_size(found.voters)}" if found.is_even else ""


@dataclass(frozen=True, slots=True)
class CommitLatency:
    """How long a write waits to be committed, as far as disks and network decide it. All in seconds."""

    estimate: float
    """With all members as they are now."""
    one_failure_away: float | None
    """After the failure of the follower that would be missed most; None where a quorum would be lost, or nothing is
    known of the next one."""
    acknowledged: Mapping[str, float]
    """By member, when the leader knows that it has the write on its disk."""
    if_led_by: Mapping[str, float]
    """By member, the estimate if it led; those of which too little is known are missing."""
    leader: str
    drag: str
    """Who is far slower than the others, so that it is waited for, now or when others fail; empty where nobody is."""
    best_leader: str
    """Who would lead best: the one who leads, unless another's estimate is far shorter."""

    def figures(self) -> dict[str, float]:
        """What there is to submit of the cluster, by metric."""
        found = {
            "cluster.commit_latency.estimate": self.estimate,
            "cluster.commit_latency.one_failure_away": self.one_failure_away,
        }
        return {metric: value for metric, value in found.items() if value is not None}

    def figures_by_member(self) -> dict[str, dict[str, float]]:
        """What there is to submit of each voting member, by its name and the metric."""
        found: dict[str, dict[str, float]] = {}
        for name, seconds in self.acknowledged.items():
            found[name] = {
                "cluster.commit_latency.acknowledged": seconds,
                "cluster.commit_latency.drag": int(name == self.drag),
            }
        for name, seconds in self.if_led_by.items():
            found.setdefault(name, {}).update(
                {
                    "cluster.commit_latency.if_led_by": seconds,
                    "cluster.commit_latency.best_leader": int(name == self.best_leader),
                }
            )
        return found

    def told(self) -> tuple[str, ...]:
        """Who drags, what that means, and who would lead better: for people."""
        found = []
        if self.drag:
            found.append(self._waited_for(self.drag))
        if self.best_leader != self.leader:
            found.append(
                f"with {self.best_leader} as leader a write would take {_span(self.if_led_by[self.best_leader])} "
                f"instead of {_span(self.estimate)}: etcdctl move-leader"
            )
        return tuple(found)

    def _waited_for(self, drag: str) -> str:
        seconds = self.acknowledged[drag]
        if drag == self.leader:
            return f"every write waits for the leader {drag}, {_span(self.estimate)}"
        if not is_far_slower(seconds, self.estimate):
            return f"every write waits for {drag}, {_span(self.estimate)}"
        next_one = self.one_failure_away == seconds
        return (
            f"{drag} is far behind the others, {_span(seconds)} against {_span(self.estimate)}: "
            f"no write waits for it yet{', after one more failure all do' * next_one}"
        )


def commit_latency(
    fsync: Mapping[str, float],
    round_trips: Mapping[tuple[str, str], float],
    leader: str,
    voters: int,
) -> CommitLatency | None:
    """Estimate how long a commit takes; None where too little is known to tell.

    `fsync` holds the mean fsync of the voting members' WAL, `round_trips` the mean round trip from the first of a pair
    to the second as the first has measured it, both in seconds. Of whom one of them is missing counts as no help: so
    the estimate is the longest that it can be.

    The leader sends an entry and writes it at the same time, so an entry is committed when q members have it: the
    q-th smallest of {fsync of the leader, round trip + fsync of each other}. It is not handed on before the leader's
    own write is done, for the loop that does both takes one batch after the other (etcd 3.4 to 3.7,
    etcdserver/raft.go: start): a leader with a slow disk holds up everybody, a slow follower nobody. In the lab an
    fsync of 500 ms left 2 of 110 writes a second when it was the leader's, and 70 when it was a follower's (3.4.23,
    3.5.1).
    """
    answers = _acknowledged(fsync, round_trips, leader)
    estimate = _nth(answers, leader, needed(voters))
    if estimate is None:
        return None
    led = ((name, _nth(_acknowledged(fsync, round_trips, name), name, needed(voters))) for name in fsync)
    if_led_by = {name: seconds for name, seconds in led if seconds is not None}
    return CommitLatency(
        estimate,
        _nth(answers, leader, needed(voters) + 1),
        answers,
        if_led_by,
        leader,
        _drag(answers),
        _best(if_led_by, leader),
    )


def is_far_slower(seconds: float, others: float) -> bool:
    """Whether the difference is more than noise."""
    return seconds > FAR_SLOWER_TIMES * others and seconds - others > FAR_SLOWER_SECONDS


def _acknowledged(
    fsync: Mapping[str, float], round_trips: Mapping[tuple[str, str], float], leader: str
) -> dict[str, float]:
    """By member, how long it takes until this leader knows that it has an entry on its disk."""
    return {
        name: seconds + (0.0 if name == leader else round_trips[leader, name])
        for name, seconds in fsync.items()
        if name == leader or (leader, name) in round_trips
    }


def _nth(answers: Mapping[str, float], leader: str, number: int) -> float | None:
    """When this many have an entry, the leader among them."""
    if leader not in answers or len(answers) < number:
        return None
    return max(answers[leader], sorted(answers.values())[number - 1])


def _drag(answers: Mapping[str, float]) -> str:
    slowest = max(answers, key=lambda name: answers[name])
    return slowest if is_far_slower(answers[slowest], median_low(answers.values())) else ""


def _best(if_led_by: Mapping[str, float], leader: str) -> str:
    best = min(if_led_by, key=lambda name: if_led_by[name])
    return best if is_far_slower(if_led_by[leader], if_led_by[best]) else leader


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
