"""What is recorded: for each name a cluster, what befalls it, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from lab import faults, trouble
from lab.recordings import chores, mishaps, pressure
from lab.recordings.mishaps import GROWTH_SECONDS, Begin
from lab.recordings.pressure import rising
from lab.recordings.recording import PACE

WARM_UP_SECONDS = 10.0
SETTLED_SECONDS = 65.0
"""The check leaves round trips of the first minute after a start out, because they are no usual ones."""
MEGABYTES = 2**20
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story in three parts, each of so many runs: it is well, it is struck, it is well again."""

    says: str
    """What the middle part shows."""
    fault: Begin | None = None
    well: int = 20
    struck: int = 40
    again: int = 45
    spacing: float = 1.0
    """Seconds between two runs, really."""
    pace: float = PACE
    """Seconds between two runs, in a replay."""
    warm_up: float = WARM_UP_SECONDS
    """Seconds before the first run."""
    on_disk: bool = False
    """Whether the data lie on this machine's disk, and not in memory."""
    stage: dict[str, Any] = field(default_factory=dict)
    """What `lab.recordings.stage.standing` is asked for."""


def _demo(name: str, **options: Any) -> Scenario:
    """One of the demo's faults, on a cluster as it needs it."""
    one = trouble.FAULTS[name]
    needed = {"proxied": one.proxied} | options.pop("stage", {})
    return Scenario(one.says, lambda stage: trouble.injected(stage.lab, one), stage=needed, **options)


SYNC_SECONDS = 0.15
ENOUGH_COMMITS = 2.5
"""Seconds in which so slow a disk takes the five commits that a percentile needs; each is two syncs."""
SMALL = 32 * MEGABYTES
MIDDLE = 48 * MEGABYTES


def _quota(size: int) -> dict[str, Any]:
    return {"flags": (f"--quota-backend-bytes={size}",)}


LINK_SECONDS = 0.1
ROUND_TRIPS: dict[str, Any] = {"well": 64, "struck": 64, "again": 84, "spacing": 5.0, "warm_up": SETTLED_SECONDS}
"""etcd tells round trips twice in 30 s, and smooths them; a quarter of an hour is compared with the one before."""

WITH_API: dict[str, Any] = {"with_api": True}
PROXIED: dict[str, Any] = {"proxied": True}

SCENARIOS = {
    "healthy": Scenario("nothing", well=124, struck=0, again=0, spacing=PACE, warm_up=SETTLED_SECONDS, stage=WITH_API),
    "week": Scenario(
        chores.SAYS, chores.week, well=8, struck=104, again=16, spacing=PACE, warm_up=SETTLED_SECONDS, stage=WITH_API
    ),
    "far-apart": Scenario(
        "nothing: the members are 30 ms apart, as those of a cluster in three regions",
        well=64,
        struck=0,
        again=0,
        spacing=PACE,
        warm_up=SETTLED_SECONDS,
        stage=PROXIED | {"link_seconds": 0.015},
    ),
    "slow-disk-leader": Scenario(
        f"every sync of the leader takes {SYNC_SECONDS * 1e3:g} ms longer",
        mishaps.slow_syncs(SYNC_SECONDS),
        well=30,
        again=40,
        spacing=ENOUGH_COMMITS,
        warm_up=SETTLED_SECONDS,
    ),
    "slow-disk-follower": _demo("slow-disk-follower", again=60, spacing=2.0, stage={"version": "3.5.16"}),
    "slow-database": _demo("slow-database", again=60, spacing=2.0),
    "slow-network": Scenario(
        f"between all members everything takes {LINK_SECONDS * 1e3:g} ms longer each way",
        mishaps.slow_links(LINK_SECONDS, all_of_them=True),
        **ROUND_TRIPS,
        stage=PROXIED,
    ),
    "slow-network-follower": Scenario(
        f"between one follower and the others everything takes {LINK_SECONDS * 1e3:g} ms longer each way",
        mishaps.slow_links(LINK_SECONDS, all_of_them=False),
        **ROUND_TRIPS,
        stage=PROXIED,
    ),
    "cut-network": _demo("cut-network", well=30, again=70),
    "cut-network-follower": _demo("cut-network-follower", well=30, again=70),
    "flapping-network": Scenario(
        "a follower loses the others and finds them again, over and over",
        mishaps.flapping,
        well=30,
        again=70,
        stage=PROXIED,
    ),
    "hung-follower": _demo("hung", well=30, struck=55, again=40, stage={"version": "3.5.16"}),
    "killed-follower": _demo("killed", well=30, struck=55, again=40),
    "killed-leader": _demo("killed-leader", struck=25, again=40),
    "starved-cpu": _demo("starved-cpu", spacing=2.0, on_disk=True),  # who does not run is seen to wait for a disk
    "elections": Scenario(
        "the leader hands its office on again and again",
        lambda stage: pressure.elections(stage.lab, 0.1),
        well=30,
        struck=60,
        again=75,
        spacing=0.5,
        pace=MINUTE,  # its monitor looks at an hour
    ),
    "full": Scenario(
        "the database grows to its quota",
        lambda stage: pressure.growing(stage.lab, SMALL, rising(0.5, 1.05, 45)),
        well=30,
        struck=75,
        again=50,
        stage=_quota(SMALL) | {"version": "3.5.16"},
    ),
    "small-quota": Scenario(
        "a follower was given a smaller quota than the others have, and the database outgrows it",
        mishaps.small_quota(SMALL),
        struck=60,
        stage={"version": "3.5.16"},
    ),
    "corrupt": Scenario(
        "a byte in a follower's database is another one",
        mishaps.corrupt,
        stage={"flags": (mishaps.CORRUPT_CHECK,), "version": "3.5.16"},  # a crash may cost 3.5.1 data by itself
    ),
    "growth": Scenario(
        "the database grows steadily",
        lambda stage: pressure.growing(stage.lab, MIDDLE, rising(0.05, 0.65, GROWTH_SECONDS)),
        well=20,
        struck=120,
        again=60,
        spacing=0.5,
        pace=2 * MINUTE,  # its monitor looks half a day ahead
        stage=_quota(MIDDLE),
    ),
    "fragmentation": Scenario(
        "much was deleted, and the file is as large as it was",
        lambda stage: pressure.fragmented(stage.lab, MIDDLE, 0.45),
        struck=75,
        again=40,
        spacing=0.5,
        stage=_quota(MIDDLE),
    ),
    "descriptors": _demo("descriptors", spacing=0.5),
    "descriptors-growth": Scenario(
        "the connections to a follower grow steadily",
        mishaps.growing_descriptors,
        well=20,
        struck=120,
        again=60,
        spacing=0.5,
        pace=2 * MINUTE,  # as above
    ),
    "memory": Scenario(
        "clients of a follower ask for much, and do not take it",
        lambda stage: pressure.hoarders(stage.lab, mishaps.follower(stage.lab), 6, 120),
        well=75,
        struck=40,
        again=75,
        spacing=0.5,
        pace=MINUTE,  # its monitor compares with the hour before
    ),
    "stuck-apply": Scenario(
        f"every sync of a follower's database takes {mishaps.STUCK_SECONDS:g} s longer, under 1000 writes a second",
        mishaps.stuck_apply,
        struck=40,
    ),
    "crowd": Scenario(
        f"500 clients write through the leader, whose syncs take {mishaps.CROWDED_SYNC_SECONDS * 1e3:g} ms longer",
        mishaps.crowd,
    ),
    "slow-watchers": Scenario(
        "20 watchers of a follower do not read, while large values are written",
        lambda stage: pressure.deaf_watchers(stage.lab, mishaps.follower(stage.lab), 20, 0.01),
        struck=55,
    ),
    "uneven-watchers": Scenario(
        f"one member has {mishaps.UNEVEN[0]} watches, the others have {mishaps.UNEVEN[1]}",
        mishaps.uneven_watchers,
        struck=75,
        again=40,
        spacing=0.5,
    ),
    "moved-clients": Scenario(
        "the clients of a follower have gone to the other members",
        lambda stage: pressure.moved(stage, mishaps.follower(stage.lab)),
        well=42,
        struck=25,
        again=40,
        spacing=1.5,  # shares are told of 50 calls and more
        pace=MINUTE,  # its monitor compares with half an hour before
    ),
    "version-skew": Scenario(
        "an upgrade has stopped half-way: the members run three versions",
        mishaps.half_upgraded,
        well=20,
        struck=75,
        again=30,
        spacing=0.5,
        pace=MINUTE,  # its monitor bears an hour of it
        stage={"version": "3.4.23"},
    ),
    "old-certificate": Scenario(
        "the members' certificates end in 5 days",
        lambda stage: faults.old_certificate(stage.lab, timedelta(days=5)),
        well=30,
        struck=90,
        again=50,
        spacing=0.5,
    ),
    "api-slow-etcd": Scenario(
        "every sync of etcd's leader takes 600 ms longer", mishaps.slow_syncs(0.6), stage=WITH_API
    ),
    "api-no-etcd": Scenario(
        "no member of etcd can reach another",
        lambda stage: faults.no_leader(stage.lab),
        struck=30,
        stage=WITH_API | PROXIED,
    ),
    "hung-api": Scenario(
        "the API server hangs: it is there, and answers nothing", mishaps.hung_api, struck=30, stage=WITH_API
    ),
}
