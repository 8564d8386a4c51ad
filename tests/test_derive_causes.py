"""The diagnosis: cause and member on recorded pages of real faults, and each rule of the table on made-up ones."""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from etcd_latency.derive.diagnosis import Cause, ClusterView, Diagnosis, MemberView, Severity, diagnose, words
from etcd_latency.derive.diagnosis.causes import TABLE
from etcd_latency.derive.histograms import Quantile
from etcd_latency.derive.pages import Interval, Reading
from etcd_latency.model import Status
from tests.conftest import FIXTURES
from tests.test_derive_health import status
from tests.test_derive_pages import columns, reading_of

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
MEMBERS = ("m1", "m2", "m3")


def cluster(*members: MemberView, **more: Any) -> ClusterView:
    """A cluster of which the pages alone are known."""
    return ClusterView(members, {}, len(members), **more)


def verdict(found: Diagnosis) -> tuple[str, str]:
    return found.cause, found.member


# ---- recorded pages


def between(before: str, after: str) -> ClusterView:
    """Pages that were recorded one after the other, of one cluster or, as after a restart, of two."""
    return cluster(
        *(
            MemberView(name, Interval(reading_of(before.format(name)), now), now)
            for name in MEMBERS
            for now in (reading_of(after.format(name), 15.0),)
        )
    )


FAULTS = "faults-3.5.16/"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("fsync-baseline", "fsync-delay100ms-follower-m1", ("disk_wal", "m1", WARNING)),
        # Both are in this interval; the leader's is the one that everybody feels.
        ("fsync-baseline", "fsync-delay100ms-leader-m2", ("disk_wal", "m2", CRITICAL)),
        ("fsync-delay100ms-follower-m1", "fsync-delay100ms-leader-m2", ("disk_wal", "m2", CRITICAL)),
        ("net-baseline", "net-delay50ms-all", ("network", "", CRITICAL)),
        ("net-baseline", "nospace", ("space", "", CRITICAL)),
        ("net-baseline", "fsync-baseline", ("none", "", Severity.NONE)),
        ("fsync-baseline", "net-baseline", ("none", "", Severity.NONE)),
    ],
)
def test_recorded_faults(before: str, after: str, expected: tuple[str, str, Severity]) -> None:
    """Of 3.5.16; the healthy pairs are of two clusters, so that the later one looks like a restart."""
    found = diagnose(between(f"{FAULTS}{before}-{{}}", f"{FAULTS}{after}-{{}}"))
    assert (*verdict(found), found.severity) == expected


@pytest.mark.parametrize("extensive", ["", "-extensive"])
@pytest.mark.parametrize("version", ["3.4.23", "3.5.16"])
def test_load_is_no_fault(version: str, extensive: str) -> None:
    """From an idle cluster to one under load nothing is named, whatever the page's size."""
    members = []
    for name in MEMBERS:
        idle, load = (
            reading_of(f"etcd-{version}/{path.name.removesuffix('.prom.gz')}")
            for kind in ("idle", "load")
            for role in ("leader", "follower")
            for path in FIXTURES.glob(f"etcd-{version}/{name}-{role}-{kind}{extensive}.prom.gz")
        )
        members.append(MemberView(name, Interval(idle, load), load))
    assert verdict(diagnose(cluster(*members))) == ("none", "")


def recorded_pair(folder: str) -> ClusterView:
    """The pages before and after a fault; a member whose page could not be had then has none."""
    return cluster(*(_recorded_member(FIXTURES / folder, name) for name in MEMBERS))


def _recorded_member(folder: Path, name: str) -> MemberView:
    before, after = (_recorded_page(folder / f"{when}-{name}.prom.gz") for when in ("before", "after"))
    interval = Interval(before, after) if before and after else None
    return MemberView(name, interval, after, failure="" if after else "no answer")


def _recorded_page(path: Path) -> Reading | None:
    return Reading(columns(gzip.decompress(path.read_bytes())), 0.0) if path.exists() else None


CAUSES = {
    "fsync": "disk_wal",
    "throttled": "disk_wal",
    "backend": "disk_backend",
    "cpu": "cpu",
    "delay": "network",
    "cutall": "quorum",
    "cut": "network",
    "kill": "quorum",
    "sigstop": "hung_member",
    "fds": "file_descriptors",
    "quota": "space",
    "healthy": "none",
}
"""What a recorded fault is, by the beginning of its folder's name; the first that fits."""

PAIRS = sorted(str(path.relative_to(FIXTURES)) for path in FIXTURES.glob("faults-*/*/"))


@pytest.mark.parametrize("page_seconds", [None, 0.005])
@pytest.mark.parametrize("folder", PAIRS)
def test_recorded_pairs(folder: str, page_seconds: float | None) -> None:
    """Of clusters of several versions; the folder's name says the fault, and ends with the member.

    The pages are cut down to the families that a diagnosis reads, and a few more. How long they take to come is not
    recorded; when they are played back, all come at once.
    """
    name = Path(folder).name
    cause = next(cause for start, cause in CAUSES.items() if name.startswith(start))
    target = name.rpartition("-")[2]
    view = recorded_pair(folder)
    view = replace(view, members=tuple(replace(one, page_seconds=page_seconds) for one in view.members))
    assert verdict(diagnose(view)) == (cause, "" if target == "cluster" else target)


@pytest.mark.parametrize("folder", PAIRS)
def test_the_order_of_members_does_not_matter(folder: str) -> None:
    """Nor does what they are called."""
    view = recorded_pair(folder)
    other = {"m1": "etcd-c", "m2": "etcd-b", "m3": "etcd-a"}
    turned = replace(view, members=tuple(replace(one, name=other[one.name]) for one in reversed(view.members)))
    found = diagnose(view)
    assert verdict(diagnose(turned)) == (found.cause, other.get(found.member, ""))


# ---- made-up pages

IDS = {"m1": "a1", "m2": "b2", "m3": "c3", "m4": "d4", "m5": "e5"}

DISK_BOUNDS = [0.001 * 2**power for power in range(14)]
RTT_BOUNDS = [0.0001 * 2**power for power in range(16)]

Spread = Mapping[float, int]
"""How often something took so many seconds."""

HEALTHY: Spread = {0.0007: 900, 0.0015: 90, 0.006: 10}


@dataclass(frozen=True)
class Made:
    """A member that has two pages, by what happened between them."""

    name: str
    fsync: Spread = field(default_factory=lambda: HEALTHY)
    commit: Spread = field(default_factory=lambda: {0.001: 90, 0.003: 10})
    apply: Spread = field(default_factory=lambda: {0.0001: 1000})
    rtt: Mapping[str, float] = field(default_factory=dict)
    rtt_before: float = 0.001
    observed: int = 2
    """How often each round trip is observed in the interval."""
    lost: Sequence[str] = ()
    failed_sends: Mapping[str, int] = field(default_factory=dict)
    leads: bool = False
    peers: Sequence[str] = MEMBERS
    requests: int = 1000
    refused: int = 0
    gauges: Mapping[str, float] = field(default_factory=dict)
    """What else is on the later page, or is there with another value."""

    def view(self, **more: Any) -> MemberView:
        now = self.page()
        nothing = replace(self, fsync={}, commit={}, apply={}, failed_sends={}, requests=0, refused=0)
        # On the earlier page round trips were observed, too, and were as they were before.
        before = replace(nothing, rtt=dict.fromkeys(IDS, self.rtt_before), gauges={"process_cpu_seconds_total": 1})
        return MemberView(self.name, Interval(before.page(first=True), now), now, **more)

    def page(self, *, first: bool = False) -> Reading:
        """Round trips were observed 4 times before the interval."""
        peers = [name for name in self.peers if name != self.name]
        text = [
            _one("etcd_server_id", {"server_id": IDS[self.name]}, 1),
            *(_one(name, {}, value) for name, value in (self._gauges() | dict(self.gauges)).items()),
            _type("etcd_network_active_peers", "gauge"),
            *(_line("etcd_network_active_peers", self._ends(peer), peer not in self.lost) for peer in peers),
            _type("etcd_network_peer_sent_failures_total", "counter"),
            *(
                _line("etcd_network_peer_sent_failures_total", {"To": IDS[peer]}, many)
                for peer, many in self.failed_sends.items()
            ),
            _one("etcd_server_client_requests_total", {"client_api_version": "3.5", "type": "unary"}, self.requests),
            _one("grpc_server_handled_total", {"grpc_code": "ResourceExhausted", "grpc_method": "Put"}, self.refused),
            _histogram("etcd_disk_wal_fsync_duration_seconds", DISK_BOUNDS, self.fsync),
            _histogram("etcd_disk_backend_commit_duration_seconds", DISK_BOUNDS, self.commit),
            _histogram("etcd_server_apply_duration_seconds", RTT_BOUNDS, self.apply, op="Put"),
            _type("etcd_network_peer_round_trip_time_seconds", "histogram"),
            *(
                _buckets(
                    "etcd_network_peer_round_trip_time_seconds",
                    RTT_BOUNDS,
                    Counter({self.rtt_before: 4})
                    + Counter({} if first else {self.rtt[peer]: self.observed} if peer in self.rtt else {}),
                    To=IDS[peer],
                )
                for peer in peers
            ),
        ]
        return Reading(columns("".join(text).encode()), 0.0)

    def _ends(self, peer: str) -> dict[str, str]:
        return {"Local": IDS[self.name], "Remote": IDS[peer]}

    def _gauges(self) -> dict[str, float]:
        return {
            "etcd_server_has_leader": 1,
            "etcd_server_is_leader": int(self.leads),
            "process_cpu_seconds_total": 2,
            "process_start_time_seconds": 1,
        }


def _type(family: str, kind: str) -> str:
    return f"# TYPE {family} {kind}\n"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    written = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{written}}} {float(value)}\n" if labels else f"{name} {float(value)}\n"


def _one(family: str, labels: Mapping[str, str], value: float) -> str:
    return _type(family, "untyped") + _line(family, labels, value)


def _histogram(family: str, bounds: Sequence[float], spread: Spread, **labels: str) -> str:
    return _type(family, "histogram") + _buckets(family, bounds, spread, **labels)


def _buckets(family: str, bounds: Sequence[float], spread: Spread, **labels: str) -> str:
    counts = [(f"{bound:g}", sum(many for took, many in spread.items() if took <= bound)) for bound in bounds]
    total = sum(spread.values())
    return "".join(
        (
            *(_line(f"{family}_bucket", labels | {"le": bound}, many) for bound, many in (*counts, ("+Inf", total))),
            _line(f"{family}_sum", labels, sum(took * many for took, many in spread.items())),
            _line(f"{family}_count", labels, total),
        )
    )


M1, M2, M3 = Made("m1", leads=True), Made("m2"), Made("m3")
FIVE = M1, M2, M3, Made("m4"), Made("m5")

SLOW: Spread = {0.1: 100}
DOUBLE: Spread = {0.2: 40}


def near(**rtt: float) -> dict[str, float]:
    """Round trips of 1 ms to all but those that are given."""
    return dict.fromkeys(IDS, 0.001) | rtt


def of(*members: Made) -> Diagnosis:
    return diagnose(cluster(*(member.view() for member in members)))


def all_findings(found: Diagnosis) -> list[tuple[Cause, str, Severity]]:
    return [(one.cause, one.member, one.severity) for one in found.findings]


def evidence(found: Diagnosis) -> str:
    return "; ".join(found.findings[0].evidence)


def test_a_healthy_cluster() -> None:
    """Nothing is wrong, and that is said."""
    found = of(M1, M2, M3)
    assert (verdict(found), found.severity, found.thin) == (("none", ""), Severity.NONE, "")


def test_a_slow_follower_hurts_nobody_yet() -> None:
    """A warning, with the figures, those of the others, and what speaks for the disk."""
    found = of(M1, replace(M2, fsync=SLOW, commit=DOUBLE), M3)
    assert all_findings(found) == [("disk_wal", "m2", WARNING)]
    assert found.findings[0].evidence == (
        "WAL fsync took 100 ms on average (p99 127 ms) in 100 syncs; at most 0.82 ms on m1 and m3",
        "it follows: only its own clients wait, until one more member is slow",
        "most syncs are slow, not only some (p50 96 ms)",
        "a slow commit takes 2.0 times as long as a slow sync, as it does two",
    )
    assert found.findings[0].advice == next(row.advice for row in TABLE if row.cause == "disk_wal")


def test_a_slow_leader_hurts_everybody() -> None:
    found = of(replace(M1, fsync=SLOW, commit=DOUBLE), M2, M3)
    assert all_findings(found) == [("disk_wal", "m1", CRITICAL)]
    assert "every write waits for it" in evidence(found)


def test_who_led_when_it_became_slow_led() -> None:
    """A leader that is so slow that another one is elected is the one that hurt everybody."""
    slow = replace(M1, fsync={1.5: 8}, commit={3.0: 4})
    deposed = replace(slow, leads=False).page()
    view = replace(slow.view(), reading=deposed)
    assert view.interval
    view = replace(view, interval=Interval(view.interval.before, deposed))
    found = diagnose(cluster(view, replace(M2, leads=True).view(), M3.view()))
    assert all_findings(found) == [("disk_wal", "m1", CRITICAL)]


def test_two_slow_followers_hurt_everybody() -> None:
    """Of three members, no majority is left that is well; of five there is."""
    slow = [replace(M2, fsync=SLOW, commit=DOUBLE), replace(M3, fsync=SLOW, commit=DOUBLE)]
    assert all_findings(of(M1, *slow)) == [("disk_wal", "m2", CRITICAL), ("disk_wal", "m3", CRITICAL)]
    assert "no majority is well without it" in evidence(of(M1, *slow))
    five = of(*(replace(one, peers=tuple(IDS)) for one in (M1, *slow, Made("m4"), Made("m5"))))
    assert all_findings(five) == [("disk_wal", "m2", WARNING), ("disk_wal", "m3", WARNING)]


def test_the_leader_comes_first() -> None:
    """Of findings that are as bad as each other."""
    found = of(replace(M2, fsync=SLOW, commit=DOUBLE), replace(M1, fsync=SLOW, commit=DOUBLE), M3)
    assert [one.member for one in found.findings] == ["m1", "m2"]


def test_who_lost_the_most_time_comes_first() -> None:
    """Of two that led in turn, or of two that follow."""
    slow, slower = replace(M2, fsync=SLOW, commit=DOUBLE), replace(M3, fsync={0.5: 100}, commit={1.0: 10})
    assert [one.member for one in of(M1, slow, slower).findings] == ["m3", "m2"]
    both_lead = [replace(one, leads=True) for one in (slow, slower)]
    assert [one.member for one in of(replace(M1, leads=False), *both_lead).findings] == ["m3", "m2"]


def test_a_page_that_comes_at_once_is_weak() -> None:
    """One of a member that was starved was seen to: it takes two such signs to outweigh fast syncs."""
    held_up = replace(M2, fsync={0.0007: 700, 0.05: 30}, commit={})
    pages = (
        replace(M1, rtt={}).view(page_seconds=0.005),
        held_up.view(page_seconds=0.005),
        M3.view(page_seconds=0.005),
    )
    assert verdict(diagnose(cluster(*pages))) == ("cpu", "m2")


def test_commits_count_more_than_round_trips() -> None:
    """What is twice as slow does two syncs; round trips may be long for another reason."""
    slow = {"fsync": {0.0007: 1000, 0.021: 400}, "commit": {0.001: 100, 0.042: 80}}
    far = near(m2=0.025)
    found = of(replace(M1, rtt=far), replace(M2, rtt=near(), **slow), replace(M3, rtt=far))
    assert verdict(found) == ("disk_wal", "m2")
    assert "against it: peers wait 25 ms for its answers" in evidence(found)


def test_a_fault_in_a_small_part_of_the_interval() -> None:
    """100 slow syncs among 20,000 do not move the p99, but took most of the time."""
    slow = replace(M2, fsync={0.0007: 20000, 0.1: 100}, commit={0.001: 900, 0.2: 30})
    assert verdict(of(M1, slow, M3)) == ("disk_wal", "m2")


def test_a_small_delay_in_a_part_of_the_interval() -> None:
    """Commits show it first, as they are fewer; that syncs are slow as often says that it is the log's disk, too."""
    slow = replace(M2, fsync={0.0007: 5000, 0.021: 200}, commit={0.001: 140, 0.042: 60})
    assert verdict(of(M1, slow, M3)) == ("disk_wal", "m2")
    seldom = replace(slow, fsync={0.0007: 1000, 0.021: 20}, commit={0.042: 60})
    assert verdict(of(M1, seldom, M3)) == ("disk_backend", "m2")


def test_a_machine_that_is_slow_for_all() -> None:
    """What is beyond etcd's own limits, but the same for all, is nobody's fault; beyond those of pagers it is."""
    busy = {0.0007: 900, 0.015: 90, 0.03: 10}
    assert verdict(of(*(replace(one, fsync=busy) for one in (M1, M2, M3)))) == ("none", "")
    slow = {0.0007: 900, 0.4: 100}
    assert {one.cause for one in of(*(replace(one, fsync=slow) for one in (M1, M2, M3))).findings} == {"cpu"}
    slower = {0.2: 1000}
    found = of(*(replace(one, fsync=slower) for one in (M1, M2, M3)))
    assert all_findings(found) == [("disk_wal", name, CRITICAL) for name in MEMBERS]


def test_a_member_that_is_twice_as_slow_as_another() -> None:
    """Is not yet at fault."""
    busy = {0.001: 900, 0.02: 50, 0.03: 50}
    busier = {0.001: 900, 0.02: 40, 0.06: 60}
    assert verdict(of(replace(M1, fsync=busy), replace(M2, fsync=busy), replace(M3, fsync=busier))) == ("none", "")


def test_a_hiccup_is_chance() -> None:
    """One in a long interval, that held up one member alone."""
    assert of(M1, replace(M2, fsync={0.0007: 260, 0.06: 4}), M3).cause == "none"
    assert of(M1, replace(M2, fsync={0.0007: 260, 0.06: 40}), M3).cause == "cpu"


@pytest.mark.parametrize(("many", "expected"), [(10, "none"), (20, "disk_wal")])
def test_a_disk_that_is_a_little_slow(many: int, expected: str) -> None:
    """At 10 ms a sync, when there are enough of them."""
    assert of(M1, replace(M2, fsync={0.0107: many}, commit={}), M3).cause == expected


@pytest.mark.parametrize(("slow", "expected"), [(2, "none"), (3, "disk_wal")])
def test_few_slow_ones_are_chance(slow: int, expected: str) -> None:
    """The first sync after a rest takes longer."""
    assert of(M1, replace(M2, fsync={0.3: slow}, commit={}), M3).cause == expected


def test_single_members() -> None:
    """Without others to compare with, the limits are those that people are paged for."""
    busy = {0.0007: 900, 0.06: 100}
    assert verdict(of(replace(M1, fsync=busy))) == ("none", "")
    assert verdict(of(replace(M1, fsync={0.1: 100}, commit=DOUBLE))) == ("disk_wal", "m1")


STARVED = {"fsync": {0.0007: 250, 0.1: 40}, "commit": {0.001: 70, 0.105: 20}}
"""As a cgroup with 3 % of a CPU makes it: most syncs are fast, and commits that are held up take no longer."""


def test_a_starved_cpu_is_no_slow_disk() -> None:
    """Though the p99 is as high."""
    found = of(replace(M1, **STARVED), M2, M3)
    assert all_findings(found) == [("cpu", "m1", CRITICAL)]
    assert "most syncs are fast" in evidence(found)
    assert "a commit that is held up takes no longer (107 ms) than a sync (101 ms)" in evidence(found)


def test_peers_that_wait_speak_for_a_starved_cpu() -> None:
    """And no network is at fault then."""
    slow = near(m2=0.06)
    found = of(
        replace(M1, rtt=slow),
        replace(M2, fsync={0.0007: 250, 0.1: 40}, commit={}, rtt=near(m1=0.05, m3=0.05)),
        replace(M3, rtt=slow),
    )
    assert all_findings(found) == [("cpu", "m2", WARNING)]
    assert "peers wait 60 ms for its answers, and 1 ms for each other's" in evidence(found)


def test_a_disk_that_stalls_now_and_then() -> None:
    """Most syncs are fast, too, but the process is there for its peers and for us."""
    found = diagnose(
        cluster(
            replace(M1, rtt=near()).view(page_seconds=0.006),
            replace(M2, fsync={0.0007: 250, 0.1: 40}, commit={}, rtt=near()).view(page_seconds=0.006),
            replace(M3, rtt=near()).view(page_seconds=0.006),
        )
    )
    assert verdict(found) == ("disk_wal", "m2")
    assert "its page took only 6 ms" in evidence(found)
    assert "against it: most syncs are fast" in evidence(found)


@pytest.mark.parametrize(
    ("seconds", "others", "expected"),
    [(0.2, 0.006, "cpu"), (0.006, 0.006, "disk_wal"), (0.04, 0.006, "disk_wal"), (0.1, 0.06, "disk_wal")],
)
def test_how_long_the_page_took(seconds: float, others: float, expected: str) -> None:
    """Who gets no CPU is late with its page as well, and much later than the others."""
    held_up = {0.0007: 250, 0.1: 40}
    slow = replace(M2, fsync=held_up, commit={}, rtt=near())
    pages = (
        replace(M1, rtt=near()).view(page_seconds=others),
        slow.view(page_seconds=seconds),
        replace(M3, rtt=near()).view(page_seconds=others),
    )
    assert verdict(diagnose(cluster(*pages))) == (expected, "m2")


@pytest.mark.parametrize(("seconds", "expected"), [(0.2, "cpu"), (0.002, "disk_wal")])
def test_how_long_a_read_took(seconds: float, expected: str) -> None:
    """One that a member answers alone meets no disk; it decides where two signs are even."""
    held_up = replace(M2, fsync={0.0007: 250, 0.1: 40}, commit={}, rtt=near())
    pages = (
        replace(M1, rtt=near()).view(page_seconds=0.005, read_seconds=0.001),
        held_up.view(page_seconds=0.005, read_seconds=seconds),
        replace(M3, rtt=near()).view(page_seconds=0.005, read_seconds=0.001),
    )
    assert verdict(diagnose(cluster(*pages))) == (expected, "m2")


def test_the_database_is_slow_and_the_log_a_little() -> None:
    """Less than half as many syncs as commits are held up."""
    slow = replace(M2, fsync={0.0007: 400, 0.03: 12}, commit={0.2: 60})
    assert verdict(of(M1, slow, M3)) == ("disk_backend", "m2")


def test_only_the_database_is_slow() -> None:
    """Nobody waits for that but those who are connected to the member, even if it leads."""
    found = of(replace(M1, commit=DOUBLE), M2, M3)
    assert all_findings(found) == [("disk_backend", "m1", WARNING)]
    assert "40 of 40 commits are held up, but only 0 of 1000 syncs (WAL fsync p99 2 ms)" in evidence(found)
    assert "against it" not in evidence(found)


def test_a_database_that_is_a_little_slow() -> None:
    """By its mean: no commit is as long as a p99 must be that stands out by itself."""
    assert verdict(of(M1, replace(M2, commit={0.03: 100}), M3)) == ("disk_backend", "m2")


def test_a_slow_database_in_a_part_of_the_interval() -> None:
    """Most commits were fast, but no sync was held up, as it would be without CPU."""
    assert verdict(of(M1, replace(M2, commit={0.001: 80, 0.2: 40}), M3)) == ("disk_backend", "m2")


# ---- the network


def test_a_delay_on_all_ways_of_a_member() -> None:
    found = of(replace(M1, rtt=near(m2=0.1)), replace(M2, rtt=dict.fromkeys(IDS, 0.1)), replace(M3, rtt=near(m2=0.1)))
    assert all_findings(found) == [("network", "m2", WARNING)]
    assert found.findings[0].evidence == (
        "the round trip between m1 and m2 takes 100 ms (1 ms before)",
        "the round trip between m2 and m3 takes 100 ms (1 ms before)",
        "but the one between m1 and m3 takes 1 ms (1 ms before)",
    )


def test_a_delay_on_the_way_to_a_member() -> None:
    """Its own measurements are fine: they go another way."""
    found = of(replace(M1, rtt=near(m2=0.06)), replace(M2, rtt=near()), replace(M3, rtt=near(m2=0.06)))
    assert all_findings(found) == [("network", "m2", WARNING)]
    assert "takes 60 ms when m1 asks, and 1 ms when m2 does" in evidence(found)


def test_a_delay_on_the_ways_of_the_leader() -> None:
    found = of(replace(M1, rtt=near(m2=0.1, m3=0.1)), replace(M2, rtt=near(m1=0.1)), replace(M3, rtt=near(m1=0.1)))
    assert all_findings(found) == [("network", "m1", CRITICAL)]


def test_a_delay_everywhere() -> None:
    """It is nobody's, even where one member's ways are somewhat longer than the others'."""
    slow = dict.fromkeys(IDS, 0.06)
    found = of(replace(M1, rtt=slow), replace(M2, rtt=slow), replace(M3, rtt=slow | {"m1": 0.13}))
    assert all_findings(found) == [("network", "", CRITICAL)]


def test_one_slow_link() -> None:
    """Both ends see it, and each reaches the third one at once: it is told of the end that does not lead."""
    found = of(replace(M1, rtt=near(m3=0.06)), replace(M2, rtt=near()), replace(M3, rtt=near(m1=0.06)))
    assert all_findings(found) == [("network", "m3", WARNING)]


def test_one_slow_link_between_followers() -> None:
    """It is told of the end that the other waits for longer."""
    found = of(replace(M1, rtt=near()), replace(M2, rtt=near(m3=0.05)), replace(M3, rtt=near(m2=0.09)))
    assert all_findings(found) == [("network", "m2", WARNING)]


def test_a_round_trip_that_one_end_alone_sees() -> None:
    """After a restart etcd's smoothed value may be anything for a while; a large one is believed."""
    for seconds, expected in ((0.043, "none"), (0.2, "network")):
        found = of(replace(M1, rtt=near(m3=seconds)), replace(M2, rtt=near()), replace(M3, rtt=near()))
        assert found.cause == expected


def test_the_last_link_that_is_left() -> None:
    """It cannot be compared with another, so that it must be long by itself; in a cluster of two it is the only one."""
    for seconds, expected in ((0.06, ["hung_member"]), (0.1, ["network", "hung_member"])):
        left = replace(M1, rtt=near(m3=seconds)).view(), replace(M3, rtt=near(m1=seconds)).view()
        found = diagnose(cluster(left[0], GONE, left[1]))
        assert [one.cause for one in found.findings] == expected
        pair = [replace(one, peers=("m1", "m3"), rtt=near(m1=0.06, m3=0.06)) for one in (M1, M3)]
        assert verdict(of(*pair)) == ("network", "m3")


def test_members_that_always_were_far_from_each_other() -> None:
    """Are no fault, as long as elections have time enough."""
    far = [replace(one, rtt=dict.fromkeys(IDS, 0.06), rtt_before=0.06) for one in (M1, M2, M3)]
    assert of(*far).cause == "none"
    short = diagnose(cluster(*(one.view() for one in far), election_seconds=0.5))
    assert all_findings(short) == [("network", "", CRITICAL)]


def test_a_peer_that_is_gone() -> None:
    """Its last round trip is observed for ever, and says nothing; nor does one that was removed from the cluster."""
    old = near(m4=5.0)
    found = of(*(replace(one, rtt=old, lost=["m4"], peers=(*MEMBERS, "m4")) for one in (M1, M2, M3)))
    assert verdict(found) == ("none", "")


def test_a_member_that_is_cut_off() -> None:
    """All ways to it are lost, and its page comes."""
    found = of(
        replace(M1, lost=["m2"]),
        replace(M2, lost=["m1", "m3"], gauges={"etcd_server_has_leader": 0}),
        replace(M3, lost=["m2"]),
    )
    assert all_findings(found) == [("network", "m2", WARNING)]
    assert found.findings[0].evidence == (
        "m2 has no connection to m1 and m3, though their pages come",
        "m2 follows no leader",
    )


def test_a_link_that_is_cut() -> None:
    """One end may see it alone."""
    found = of(replace(M1, lost=["m3"]), M2, M3)
    assert all_findings(found) == [("network", "m3", WARNING)]
    assert "no connection between m1 and m3" in evidence(found)


def test_a_member_without_a_leader() -> None:
    """Its connections stand, and it follows nobody."""
    assert all_findings(of(M1, M2, replace(M3, gauges={"etcd_server_has_leader": 0}))) == [("network", "m3", WARNING)]


WAITING = {"etcd_server_slow_apply_total": 480}


def test_requests_that_wait_for_something() -> None:
    """When no round trip was observed, and nothing else is slow, it is the network by exclusion."""
    everywhere = of(*(replace(one, gauges=WAITING) for one in (M1, M2, M3)))
    assert all_findings(everywhere) == [("network", "", CRITICAL)]
    assert "48 % of 1000 on m1" in evidence(everywhere)
    assert all_findings(of(M1, replace(M2, gauges=WAITING), M3)) == [("network", "m2", WARNING)]
    measured = [replace(one, gauges=WAITING, rtt=near()) for one in (M1, M2, M3)]
    assert all_findings(of(*measured)) == [("network", "", CRITICAL)]
    assert all_findings(of(*(replace(one, observed=4) for one in measured))) == [("load", "", WARNING)]
    assert of(M1, replace(M2, requests=20, gauges={"etcd_server_slow_apply_total": 5}), M3).cause == "none"
    disk = of(replace(M1, gauges=WAITING, fsync=SLOW, commit=DOUBLE), replace(M2, gauges=WAITING), M3)
    assert all_findings(disk) == [("disk_wal", "m1", CRITICAL)]


def test_requests_that_always_waited() -> None:
    """Reads of members that are far from each other wait for the way to the leader, and its way to a majority."""
    near, far = ([replace(one, gauges=WAITING, rtt_before=rtt) for one in (M1, M2, M3)] for rtt in (0.015, 0.06))
    assert all_findings(of(*near)) == [("network", "", CRITICAL)]
    assert verdict(of(*far)) == ("none", "")
    assert verdict(of(*(replace(one, rtt=dict.fromkeys(IDS, 0.06), observed=4) for one in far))) == ("none", "")
    assert verdict(of(near[0], near[1], far[2])) == ("network", "")
    assert verdict(of(M1, near[1], far[2])) == ("network", "m2")
    assert verdict(of(M1, M2, far[2])) == ("none", "")
    assert verdict(of(far[0], M2, near[2])) == ("none", "")


def test_a_majority_that_is_near() -> None:
    """Of five members the leader waits for two; who is far away waits for its own way as well."""
    five = [replace(one, gauges=WAITING, rtt_before=0.001) for one in FIVE]
    two_far = [*five[:3], *(replace(one, rtt_before=0.06) for one in five[3:])]
    assert "on m1, 48 % of 1000 on m2, 48 % of 1000 on m3" in evidence(of(*two_far))
    assert "on m4" not in evidence(of(*two_far))
    assert verdict(of(*five[:2], *(replace(one, rtt_before=0.06) for one in five[2:]))) == ("none", "")


def test_a_member_far_from_those_that_are_not_measured() -> None:
    """Whoever measures one member alone does not see who leads: then its own ways are what is known."""
    for rtt, expected in ((0.001, "network"), (0.06, "none")):
        alone = replace(M2, gauges=WAITING, rtt_before=rtt).view()
        assert diagnose(ClusterView((alone,), {}, 3)).cause == expected


# ---- members that are gone, or hang

GONE = MemberView("m2", None, None, failure="connection refused")


def test_a_member_that_hangs_unseen() -> None:
    """Its peers still have their connections to it."""
    found = diagnose(cluster(M1.view(), GONE, M3.view()))
    assert all_findings(found) == [("hung_member", "m2", WARNING)]
    assert found.findings[0].evidence == (
        "m2 does not answer: connection refused",
        "to m1 and m3 it looks connected: its process is there, and does nothing",
        "whoever is connected to it waits for a time-out",
    )


def test_a_member_that_keeps_us_waiting() -> None:
    """It hangs, whatever its peers have noticed."""
    hangs = replace(GONE, timed_out=True, failure="no answer within 5 s")
    lost = {"lost": ["m2"], "failed_sends": {"m2": 9}}
    for others in ((M1, M3), (replace(M1, **lost), replace(M3, **lost))):
        found = diagnose(cluster(others[0].view(), hangs, others[1].view()))
        assert all_findings(found) == [("hung_member", "m2", CRITICAL)]


def test_a_member_that_hangs_and_was_noticed() -> None:
    """As 3.4 does within seconds: the connection is closed, but no message to it fails."""
    found = diagnose(cluster(replace(M1, lost=["m2"]).view(), GONE, replace(M3, lost=["m2"]).view()))
    assert verdict(found) == ("hung_member", "m2")


def test_a_member_whose_probes_answer() -> None:
    """It does not hang: its page alone cannot be had, for a reason of its own."""
    alive = replace(GONE, read_seconds=0.002)
    assert diagnose(cluster(M1.view(), alive, M3.view())).findings == ()


def test_a_member_that_is_gone() -> None:
    """Its peers know, and what they send to it fails."""
    left = [replace(one, lost=["m2"], failed_sends={"m2": 500}).view() for one in (M1, M3)]
    found = diagnose(cluster(left[0], GONE, left[1]))
    assert all_findings(found) == [("quorum", "m2", WARNING)]
    assert found.findings[0].evidence == (
        "m2 does not answer: connection refused",
        "m1 and m3 lost the connection to it",
        "no more of 3 members may fail",
    )
    five = [
        replace(one, peers=tuple(IDS), lost=["m2"], failed_sends={"m2": 5}).view() for one in FIVE if one.name != "m2"
    ]
    four = diagnose(cluster(*five[:1], GONE, *five[1:]))
    assert "only 1 more of 5 members may fail" in evidence(four)


def test_one_slow_member_more_than_a_cluster_can_bear() -> None:
    """A slow follower is critical when another member is gone."""
    left = replace(M1, lost=["m2"], failed_sends={"m2": 500}), replace(M3, lost=["m2"], fsync=SLOW, commit=DOUBLE)
    found = diagnose(cluster(left[0].view(), GONE, left[1].view()))
    assert all_findings(found) == [("disk_wal", "m3", CRITICAL), ("quorum", "m2", WARNING)]


NO_LEADER = {"etcd_server_has_leader": 0}


def test_no_leader() -> None:
    """Members that do not reach each other elect none."""
    found = of(
        *(replace(one, lost=[name for name in MEMBERS if name != one.name], gauges=NO_LEADER) for one in (M1, M2, M3))
    )
    assert all_findings(found) == [("quorum", "", CRITICAL)]
    assert "no leader: m1, m2 and m3 know none" in evidence(found)


def test_too_few_members() -> None:
    """The one that is left need not have noticed yet."""
    left = replace(M1, lost=["m2", "m3"], failed_sends={"m2": 9, "m3": 9}, gauges=NO_LEADER)
    names = {identity: name for name, identity in IDS.items()}
    for one in (left, replace(left, gauges={})):
        view = cluster(one.view(), GONE, replace(GONE, name="m3"))
        assert all_findings(diagnose(replace(view, names=names))) == [("quorum", "", CRITICAL)]


def test_a_slow_leader_that_others_gave_up() -> None:
    """Connections to it are lost because it is slow: that is the reason, and comes first."""
    slow = replace(M1, fsync={2.0: 10}, commit={4.0: 5}, gauges=NO_LEADER, lost=["m2", "m3"])
    found = of(slow, *(replace(one, gauges=NO_LEADER, lost=["m1"]) for one in (M2, M3)))
    assert verdict(found) == ("disk_wal", "m1")


def test_elections_that_fail_for_a_reason() -> None:
    """The reason comes first."""
    slow = replace(M1, fsync={2.0: 10}, commit={4.0: 5}, gauges=NO_LEADER)
    found = of(slow, *(replace(one, gauges=NO_LEADER) for one in (M2, M3)))
    assert all_findings(found) == [("disk_wal", "m1", CRITICAL), ("quorum", "", CRITICAL)]


@pytest.mark.parametrize(("changes", "expected"), [(2, "none"), (3, "quorum")])
def test_many_elections(changes: int, expected: str) -> None:
    """One is a change of hands."""
    found = of(*(replace(one, gauges={"etcd_server_leader_changes_seen_total": changes}) for one in (M1, M2, M3)))
    assert found.cause == expected


def test_what_a_probe_knows_of_the_leader() -> None:
    """A status is newer than the page."""
    none: Status = replace(status(), leader=0)
    views = [replace(one.view(), status=none) for one in (M1, M2, M3)]
    assert verdict(diagnose(cluster(*views))) == ("quorum", "")


# ---- room


def room(size: float, quota: float = 1 << 30) -> dict[str, float]:
    return {"etcd_mvcc_db_total_size_in_bytes": size, "etcd_server_quota_backend_bytes": quota}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((0.5, 0.5, 0.5), []),
        ((0.85, 0.85, 0.85), [("space", "", WARNING)]),
        ((0.96, 0.96, 0.96), [("space", "", CRITICAL)]),
        ((1.01, 0.99, 0.98), [("space", "", CRITICAL)]),
        ((0.5, 0.9, 0.5), [("space", "m2", WARNING)]),
        ((0.5, 1.0, 0.5), [("space", "m2", CRITICAL)]),
    ],
)
def test_the_quota(sizes: tuple[float, ...], expected: list[tuple[str, str, Severity]]) -> None:
    """It is one member's matter when the others have room: then a defragmentation of that one helps."""
    members = zip((M1, M2, M3), sizes, strict=True)
    assert all_findings(of(*(replace(one, gauges=room(size * (1 << 30))) for one, size in members))) == expected


def test_no_quota() -> None:
    """It is negative when there is none."""
    assert of(*(replace(one, gauges=room(1 << 33, -1)) for one in (M1, M2, M3))).cause == "none"


def test_an_alarm() -> None:
    """It stands until it is disarmed, whatever the size; a probe knows, or what is refused tells."""
    told = diagnose(cluster(M1.view(), M2.view(alarms=frozenset({"NOSPACE"})), M3.view()))
    assert all_findings(told) == [("space", "", CRITICAL)]
    assert "alarm NOSPACE at m2" in evidence(told)
    refused = of(replace(M1, refused=300), M2, M3)
    assert all_findings(refused) == [("space", "", CRITICAL)]
    assert refused.findings[0].evidence == (
        "m1 refused 300 requests (ResourceExhausted)",
        "no database is near its quota, so that an alarm must still stand",
    )
    full = of(*(replace(one, refused=300, gauges=room(1 << 30)) for one in (M1, M2, M3)))
    assert "m1, m2 and m3 refused 900 requests (ResourceExhausted)" in evidence(full)
    assert "must still stand" not in evidence(full)


def test_requests_that_are_refused_for_another_reason() -> None:
    """With the same code etcd says that it is too far behind."""
    lag = {"etcd_server_proposals_committed_total": 9000, "etcd_server_proposals_applied_total": 3000}
    found = of(replace(M1, refused=300, gauges=lag), M2, M3)
    assert all_findings(found) == [("apply", "m1", CRITICAL)]


@pytest.mark.parametrize(
    ("used", "most", "expected"),
    [
        (600, 1000, []),
        (700, 1000, [("file_descriptors", "m2", WARNING)]),
        (840, 1000, [("file_descriptors", "m2", CRITICAL)]),
        (30, 100, []),
    ],
)
def test_descriptors(used: float, most: float, expected: list[tuple[str, str, Severity]]) -> None:
    """Of what etcd does not keep back for itself; a limit below that says nothing."""
    full = replace(M2, gauges={"process_open_fds": used, "process_max_fds": most})
    assert all_findings(of(M1, full, M3)) == expected


# ---- apply and load


@pytest.mark.parametrize(
    ("applied", "expected"), [(9500, []), (8500, [("apply", "m2", WARNING)]), (4000, [("apply", "m2", CRITICAL)])]
)
def test_a_member_that_falls_behind(applied: float, expected: list[tuple[str, str, Severity]]) -> None:
    """Beyond 5000 entries etcd refuses requests."""
    behind = {"etcd_server_proposals_committed_total": 10000, "etcd_server_proposals_applied_total": applied}
    assert all_findings(of(M1, replace(M2, gauges=behind), M3)) == expected


def test_slow_applying() -> None:
    """Unless the disk is slow, for then it waits for that."""
    hiccup = replace(M2, apply={0.0001: 90, 0.12: 5})
    assert of(M1, hiccup, M3).cause == "none"
    slow = replace(M2, apply={0.0001: 90, 0.3: 10})
    assert all_findings(of(M1, slow, M3)) == [("apply", "m2", WARNING)]
    assert verdict(of(M1, replace(slow, commit=DOUBLE), M3)) == ("disk_backend", "m2")


@pytest.mark.parametrize(("pending", "expected"), [(300, "none"), (400, "load")])
def test_proposals_that_wait(pending: float, expected: str) -> None:
    """In their hundreds, at all members together, while nothing is slow."""
    waiting = [replace(one, gauges={"etcd_server_proposals_pending": pending}) for one in (M1, M2, M3)]
    assert of(*waiting).cause == expected
    assert of(replace(waiting[0], fsync=SLOW, commit=DOUBLE), *waiting[1:]).findings[-1].cause == "disk_wal"


# ---- what is too little


def test_no_page() -> None:
    """Of nobody: it may as well be the way from here to them."""
    found = diagnose(cluster(*(replace(GONE, name=name) for name in MEMBERS)))
    assert (found.cause, found.severity, found.findings) == ("unknown", Severity.NONE, ())
    assert found.thin == "no member's page could be had"


def test_one_page_each() -> None:
    """What a single page tells is told."""
    first = [replace(one.view(), interval=None) for one in (M1, M2, M3)]
    assert diagnose(cluster(*first)).thin == "there is only one page of each member yet"
    full = replace(M2, gauges={"process_open_fds": 999, "process_max_fds": 1000}).page()
    found = diagnose(cluster(first[0], replace(first[1], reading=full), first[2]))
    assert verdict(found) == ("file_descriptors", "m2")
    assert found.thin


def test_the_same_pages_twice() -> None:
    """They say nothing, not that all is well."""
    pages = [one.page() for one in (M1, M2, M3)]
    views = [MemberView(name, Interval(page, page), page) for name, page in zip(MEMBERS, pages, strict=True)]
    found = diagnose(cluster(*views))
    assert found.cause == "unknown"
    assert found.thin == "nothing was counted between the two pages of any member"


def test_one_page_that_came_again() -> None:
    """The others have something to say."""
    page = M3.page()
    found = diagnose(cluster(M1.view(), M2.view(), MemberView("m3", Interval(page, page), page)))
    assert (found.cause, found.thin) == ("none", "")


def test_an_idle_cluster() -> None:
    """Nobody writes, but it lives."""
    idle = [replace(one, fsync={}, commit={}, apply={}, requests=0) for one in (M1, M2, M3)]
    found = of(*idle)
    assert (found.cause, found.thin) == ("none", "")


# ---- words


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.00074, "0.74 ms"), (0.0999, "100 ms"), (0.1014, "101 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (1.5, "1.5 s")],
)
def test_seconds_in_words(value: float, expected: str) -> None:
    assert words.seconds(value) == expected


def test_percentiles_in_words() -> None:
    """They say what their bucket leaves open."""
    assert words.percentile(Quantile(0.0005, "floor")) == "<=1 ms"
    assert words.percentile(Quantile(0.1, "bucket")) == "100 ms"
    assert words.percentile(Quantile(8.192, "ceiling")) == "above 8.2 s"


def test_other_words() -> None:
    assert [words.size(value) for value in (512, 16 << 20, 3 << 29)] == ["512 bytes", "16 MiB", "1.5 GiB"]
    assert [words.all_of(names) for names in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert (words.many(1, "sync"), words.many(2, "sync"), words.share(0.476)) == ("1 sync", "2 syncs", "48 %")
    assert words.share(math.inf) == "more than 1000 times"
