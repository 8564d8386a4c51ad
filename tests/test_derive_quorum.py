"""How many must agree, who takes part, what one more failure means; and how long a commit takes, for all inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_latency.derive.quorum import (
    CommitLatency,
    Quorum,
    Voter,
    commit_latency,
    counted,
    even_size,
    is_far_slower,
    judged,
    needed,
)
from etcd_latency.model import Level, Verdict

NOT_YET = "no write waits for it yet"
OK, WARNING, CRITICAL, UNKNOWN = Level.OK, Level.WARNING, Level.CRITICAL, Level.UNKNOWN


def well(name: str) -> Voter:
    return Voter(name, reachable=True, has_leader=True, reads=True)


def down(name: str) -> Voter:
    return Voter(name, reachable=False)


def unasked(name: str) -> Voter:
    return Voter(name, reachable=None)


@pytest.mark.parametrize(("voters", "must"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)])
def test_how_many_must_agree(voters: int, must: int) -> None:
    """More than half."""
    assert needed(voters) == must


@pytest.mark.parametrize(
    ("voter", "healthy"),
    [
        (well("a"), True),
        (down("a"), False),
        (unasked("a"), None),
        (Voter("a", reachable=True), None),
        (Voter("a", reachable=True, has_leader=True), True),
        (Voter("a", reachable=True, has_leader=False), False),
        (Voter("a", reachable=True, has_leader=True, reads=False), False),
        (Voter("a", reachable=True, has_leader=False, reads=True), True),
        (Voter("a", reachable=False, has_leader=True), False),
    ],
)
def test_who_takes_part(voter: Voter, *, healthy: bool | None) -> None:
    """A read through a quorum is the best proof, a leader the next best; who does not answer takes no part."""
    assert voter.healthy is healthy


@pytest.mark.parametrize(
    ("up", "failed", "tolerance", "level", "words"),
    [
        (1, 0, 0, OK, ""),
        (0, 1, 0, CRITICAL, "quorum lost, 1 must agree: 0 of 1 voting members take part; not taking part: down-0"),
        (2, 0, 0, WARNING, "one more failure stops all writes: 2 of 2 voting members take part; 2 voting members "),
        (1, 1, 0, CRITICAL, "quorum lost, 2 must agree: 1 of 2 voting members take part; not taking part: down-0"),
        (3, 0, 1, OK, ""),
        (
            2,
            1,
            0,
            WARNING,
            "one more failure stops all writes: 2 of 3 voting members take part; not taking part: down-0",
        ),
        (
            1,
            2,
            0,
            CRITICAL,
            "quorum lost, 2 must agree: 1 of 3 voting members take part; not taking part: down-0, down-1",
        ),
        (4, 0, 1, OK, ""),
        (5, 0, 2, OK, ""),
        (4, 1, 1, OK, ""),
        (3, 2, 0, WARNING, "one more failure stops all writes: 3 of 5 voting members take part; "),
        (2, 3, 0, CRITICAL, "quorum lost, 3 must agree: 2 of 5 "),
    ],
)
def test_levels(up: int, failed: int, tolerance: int, level: Level, words: str) -> None:
    """A warning at the last member that must not fail, critical one later; a cluster of one is no warning."""
    found = counted(
        [*(well(f"up-{at}") for at in range(up)), *(down(f"down-{at}") for at in range(failed))], up + failed
    )
    assert found.fault_tolerance == tolerance
    verdict = judged(found)
    assert verdict.level == level
    assert verdict.reason.startswith(words)
    assert bool(verdict.reason) == bool(words)


def test_the_figures() -> None:
    """What there is to submit of a cluster of which one member is down."""
    assert counted([well("a"), well("b"), down("c")], 3).figures() == {
        "cluster.members.voting": 3,
        "cluster.members.even": 0,
        "cluster.members.healthy": 2,
        "cluster.members.reachable": 2,
        "cluster.fault_tolerance": 0,
    }


def test_nothing_is_said_of_who_was_not_asked() -> None:
    """With one of three members configured, nobody knows how many may fail; that the quorum is lost is not known."""
    found = counted([well("a")], 3)
    assert found.figures() == {
        "cluster.members.voting": 3,
        "cluster.members.even": 0,
        "cluster.members.healthy": 1,
        "cluster.members.reachable": 1,
    }
    assert judged(found) == Verdict(
        UNKNOWN,
        "1 of 3 voting members take part; nothing is known of 2: add the others to `members`, or turn on "
        "`discover_members`",
    )


def test_nobody_was_asked() -> None:
    """There are no numbers of nobody."""
    found = counted([unasked("a"), unasked("b"), unasked("c")], 3)
    assert found.figures() == {"cluster.members.voting": 3, "cluster.members.even": 0}
    assert judged(found) == judged(counted([], 0)) == Verdict(UNKNOWN, "nothing is known of any voting member")


def test_what_is_sure_is_said_though_somebody_was_not_asked() -> None:
    """With one down of three, no failure more is tolerated, whatever the third does."""
    found = counted([well("a"), down("b"), unasked("c")], 3)
    assert (found.fault_tolerance, judged(found).level) == (0, WARNING)
    assert judged(counted([down("a"), down("b"), unasked("c")], 3)).level == CRITICAL


def test_a_list_that_is_older_than_who_answered() -> None:
    """There are at least as many voting members as are known."""
    assert counted([well("a"), well("b"), well("c")], 1).voters == 3


@pytest.mark.parametrize("voters", [0, 1, 3, 5])
def test_odd_sizes_need_no_words(voters: int) -> None:
    """As they should be."""
    assert even_size(voters) == ""


def test_an_even_size_is_told() -> None:
    """With the reason and what to do."""
    assert even_size(4) == (
        "4 voting members tolerate no more failures than 3 do, and each write needs one more of them: add a member, "
        "or remove one"
    )


voters = st.lists(
    st.builds(
        Voter,
        st.uuids().map(str),
        st.sampled_from([True, False, None]),
        st.sampled_from([True, False, None]),
        st.sampled_from([True, False, None]),
    ),
    max_size=9,
)


@given(voters, st.integers(0, 9))
def test_bounds_of_the_tolerance(known: list[Voter], listed: int) -> None:
    """It is never below 0, nor more than half of the members could fail; a lost quorum tolerates none."""
    found = counted(known, listed)
    assert found.healthy + len(found.failing) + found.unknown == found.voters
    tolerance = found.fault_tolerance
    if tolerance is not None:
        assert 0 <= tolerance <= max(0, (found.voters - 1) // 2)
    if found.voters and found.is_lost:
        assert tolerance == 0
        assert judged(found).level in (CRITICAL, UNKNOWN)


@given(voters, st.integers(0, 9), st.integers(0, 8))
def test_a_failure_makes_nothing_better(known: list[Voter], listed: int, which: int) -> None:
    """Neither the tolerance nor the verdict."""
    before = counted(known, listed)
    failed = [replace(one, reachable=False) if at == which else one for at, one in enumerate(known)]
    after = counted(failed, listed)
    assert after.healthy <= before.healthy
    assert after.is_lost >= before.is_lost
    if None not in (before.fault_tolerance, after.fault_tolerance):
        assert (after.fault_tolerance or 0) <= (before.fault_tolerance or 0)


def pairs(fsync: Mapping[str, float], seconds: float = 0.001) -> dict[tuple[str, str], float]:
    """The same round trip between all."""
    return {(one, other): seconds for one in fsync for other in fsync if one != other}


def estimated(fsync: dict[str, float], leader: str = "a", round_trip: float = 0.001) -> CommitLatency:
    found = commit_latency(fsync, pairs(fsync, round_trip), leader, len(fsync))
    assert found is not None
    return found


def test_a_healthy_cluster() -> None:
    """The leader and the faster of the others decide; nobody drags."""
    found = estimated({"a": 0.002, "b": 0.003, "c": 0.004})
    assert (found.estimate, found.one_failure_away) == (pytest.approx(0.004), pytest.approx(0.005))
    assert found.acknowledged == {"a": 0.002, "b": pytest.approx(0.004), "c": pytest.approx(0.005)}
    assert (found.drag, found.best_leader) == ("", "a")


def test_a_slow_follower_hurts_nobody_yet() -> None:
    """It shows in what one failure would do, and is named."""
    found = estimated({"a": 0.001, "b": 0.001, "c": 0.100})
    assert found.estimate == pytest.approx(0.002)
    assert found.one_failure_away == pytest.approx(0.101)
    assert (found.drag, found.best_leader) == ("c", "a")


def test_a_slow_leader_hurts_everybody() -> None:
    """Two fast followers are enough for raft, but the leader tells nobody before its own write is done."""
    found = estimated({"a": 0.100, "b": 0.001, "c": 0.001})
    assert found.estimate == found.one_failure_away == 0.100
    assert found.drag == "a"
    assert found.best_leader == "b"
    assert found.if_led_by == {"a": 0.100, "b": pytest.approx(0.002), "c": pytest.approx(0.002)}


def test_a_member_far_away() -> None:
    """A slow link counts as a slow disk does; who is in the middle would lead best."""
    fsync = dict.fromkeys("abc", 0.001)
    links = pairs(fsync) | {("a", "b"): 0.080, ("b", "a"): 0.080, ("a", "c"): 0.040, ("c", "a"): 0.040}
    found = commit_latency(fsync, links, "a", 3)
    assert found is not None
    assert (found.estimate, found.one_failure_away) == (pytest.approx(0.041), pytest.approx(0.081))
    assert found.best_leader == "b"


@pytest.mark.parametrize(
    ("fsync", "told"),
    [
        ((0.002, 0.003, 0.004), ()),
        (
            (0.100, 0.001, 0.001),
            (
                "every write waits for the leader a, 100 ms",
                "with b as leader a write would take 2 ms instead of 100 ms: etcdctl move-leader",
            ),
        ),
        (
            (0.001, 0.001, 1.500),
            (f"c is far behind the others, 1.5 s against 2 ms: {NOT_YET}, after one more failure all do",),
        ),
        ((0.001, 0.090), ("every write waits for b, 91 ms",)),
    ],
)
def test_what_is_told(fsync: tuple[float, ...], told: tuple[str, ...]) -> None:
    """Who drags, and what that means now and later."""
    assert estimated(dict(zip("abc", fsync, strict=False))).told() == told


def test_one_that_drags_where_nobody_may_fail() -> None:
    """Of five, two are not known; the slow one is all that there is."""
    fsync = dict.fromkeys("abc", 0.001) | {"c": 0.5}
    found = commit_latency(fsync, pairs(fsync), "a", 5)
    assert found is not None
    assert found.told() == ("every write waits for c, 501 ms",)


def test_one_that_drags_among_many() -> None:
    """Of five, one failure more does not make it matter."""
    fsync = dict.fromkeys("abcde", 0.001) | {"e": 0.5}
    assert estimated(fsync).told() == (f"e is far behind the others, 501 ms against 2 ms: {NOT_YET}",)


def test_the_figures_of_a_commit() -> None:
    """What there is to submit, of the cluster and of each member."""
    found = estimated({"a": 0.001, "b": 0.001, "c": 0.100})
    assert found.figures() == {
        "cluster.commit_latency.estimate": pytest.approx(0.002),
        "cluster.commit_latency.one_failure_away": pytest.approx(0.101),
    }
    assert found.figures_by_member()["c"] == {
        "cluster.commit_latency.acknowledged": pytest.approx(0.101),
        "cluster.commit_latency.drag": 1,
        "cluster.commit_latency.if_led_by": pytest.approx(0.100),
        "cluster.commit_latency.best_leader": 0,
    }
    alone = commit_latency({"a": 0.001}, {}, "a", 1)
    assert alone is not None
    assert alone.figures() == {"cluster.commit_latency.estimate": 0.001}


def test_a_member_that_could_lead_and_is_cut_off_from_the_leader() -> None:
    """Each figure is there for those of whom it is known."""
    fsync = dict.fromkeys("abc", 0.001)
    found = commit_latency(fsync, {("a", "b"): 0.001, ("c", "b"): 0.001}, "a", 3)
    assert found is not None
    assert set(found.figures_by_member()["c"]) == {
        "cluster.commit_latency.if_led_by",
        "cluster.commit_latency.best_leader",
    }
    assert set(found.figures_by_member()["b"]) == {
        "cluster.commit_latency.acknowledged",
        "cluster.commit_latency.drag",
    }


@pytest.mark.parametrize(
    ("known", "voters", "expected"),
    [("abc", 3, (0.002, 0.002)), ("ab", 3, (0.002, None)), ("a", 3, None), ("bc", 3, None), ("a", 1, (0.001, None))],
)
def test_members_of_which_nothing_is_known(
    known: str, voters: int, expected: tuple[float, float | None] | None
) -> None:
    """They are no help; without the leader, or too few to decide, there is no estimate."""
    fsync = dict.fromkeys(known, 0.001)
    found = commit_latency(fsync, pairs(fsync), "a", voters)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.estimate == pytest.approx(expected[0])
        assert found.one_failure_away == (expected[1] and pytest.approx(expected[1]))


def test_a_follower_without_a_round_trip_is_no_help() -> None:
    """It may be cut off from the leader, whatever its disk does."""
    fsync = dict.fromkeys("abc", 0.001)
    links = {link: seconds for link, seconds in pairs(fsync).items() if "c" not in link}
    found = commit_latency(fsync, links, "a", 3)
    assert found is not None
    assert (found.one_failure_away, set(found.acknowledged)) == (None, {"a", "b"})
    assert set(found.if_led_by) == {"a", "b"}


def test_there_is_no_leader() -> None:
    """Nobody commits."""
    fsync = dict.fromkeys("abc", 0.001)
    assert commit_latency(fsync, pairs(fsync), "", 3) is None


@pytest.mark.parametrize(("seconds", "others", "far"), [(0.02, 0.001, True), (0.009, 0.001, False), (0.1, 0.06, False)])
def test_what_is_more_than_noise(seconds: float, others: float, *, far: bool) -> None:
    """More than twice as long, and more than 10 ms longer."""
    assert is_far_slower(seconds, others) is far


names = st.lists(st.sampled_from("abcdefghi"), min_size=1, max_size=7, unique=True)
durations = st.floats(0, 10)


@st.composite
def clusters(draw: st.DrawFn) -> tuple[dict[str, float], dict[tuple[str, str], float], str, int]:
    """Fsyncs and round trips of some members, of which some are not known; a leader; how many vote."""
    members = draw(names)
    fsync = {name: draw(durations) for name in members}
    links = {link: draw(durations) for link in pairs(fsync) if draw(st.booleans()) or draw(st.booleans())}
    return fsync, links, draw(st.sampled_from(members)), len(members) + draw(st.integers(0, 2))


@given(clusters(), st.data())
def test_nothing_gets_faster_by_a_longer_wait(
    cluster: tuple[dict[str, float], dict[tuple[str, str], float], str, int], data: st.DataObject
) -> None:
    """No estimate falls when one fsync, or one round trip, takes longer."""
    fsync, links, leader, voters = cluster
    before = commit_latency(fsync, links, leader, voters)
    longer = data.draw(durations)
    which = data.draw(st.sampled_from([*fsync, *links]))
    if isinstance(which, str):
        fsync = fsync | {which: fsync[which] + longer}
    else:
        links = links | {which: links[which] + longer}
    after = commit_latency(fsync, links, leader, voters)
    assert (before is None) == (after is None)
    if before and after:
        assert before.estimate <= after.estimate
        assert (before.one_failure_away or 0) <= (after.one_failure_away or 0)
        assert all(before.if_led_by[name] <= seconds for name, seconds in after.if_led_by.items())


@given(clusters(), st.permutations("abcdefghi"))
def test_names_mean_nothing(
    cluster: tuple[dict[str, float], dict[tuple[str, str], float], str, int], others: list[str]
) -> None:
    """With other names the numbers are the same, and the same members are meant."""
    fsync, links, leader, voters = cluster
    renamed = dict(zip("abcdefghi", others, strict=True)) | {"": ""}
    before = commit_latency(fsync, links, leader, voters)
    after = commit_latency(
        {renamed[name]: seconds for name, seconds in fsync.items()},
        {(renamed[one], renamed[other]): seconds for (one, other), seconds in links.items()},
        renamed[leader],
        voters,
    )
    if before is None:
        assert after is None
        return
    assert after == CommitLatency(
        before.estimate,
        before.one_failure_away,
        {renamed[name]: seconds for name, seconds in before.acknowledged.items()},
        {renamed[name]: seconds for name, seconds in before.if_led_by.items()},
        renamed[leader],
        renamed[before.drag],
        renamed[before.best_leader],
    )


@given(clusters())
def test_what_holds_for_every_estimate(
    cluster: tuple[dict[str, float], dict[tuple[str, str], float], str, int],
) -> None:
    """A failure makes nothing faster, nothing is committed before the leader's own write, and where that is not the
    slowest the estimate is the q-th smallest of all.
    """
    fsync, links, leader, voters = cluster
    found = commit_latency(fsync, links, leader, voters)
    if found is None:
        return
    assert found.estimate <= (found.one_failure_away if found.one_failure_away is not None else found.estimate)
    assert fsync[leader] <= found.estimate
    assert found.if_led_by[leader] == found.estimate
    assert found.if_led_by[found.best_leader] <= found.estimate
    smallest = sorted(found.acknowledged.values())[needed(voters) - 1]
    assert found.estimate == max(smallest, fsync[leader])


@given(clusters())
def test_one_failure_away(cluster: tuple[dict[str, float], dict[tuple[str, str], float], str, int]) -> None:
    """It is the estimate without the follower that is missed most; without any other it is no shorter than with it."""
    fsync, links, leader, voters = cluster
    found = commit_latency(fsync, links, leader, voters)
    if found is None or found.one_failure_away is None:
        return
    left = [{name: seconds for name, seconds in fsync.items() if name != gone} for gone in fsync if gone != leader]
    without = [after.estimate for one in left if (after := commit_latency(one, links, leader, voters))]
    assert len(without) == len(left)
    assert min(without) >= found.estimate
    assert max(without) == found.one_failure_away


def test_a_quorum_is_a_value() -> None:
    """Two that were counted alike are equal."""
    assert counted([well("a")], 1) == Quorum(1, 1, 0, 1)
