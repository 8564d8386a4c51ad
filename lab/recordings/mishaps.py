"""What befalls a stage in a scenario: faults, pressure, or one with the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lab import cluster, faults, strace
from lab.cluster import Cluster, Member
from lab.process import LabError
from lab.recipes import ETCD
from lab.recordings import pressure
from lab.recordings.pressure import rising
from lab.recordings.stage import Stage

STUCK_SECONDS = 8.0
CROWDED_SYNC_SECONDS = 0.2
UNEVEN = (235, 20, 20)
"""Watches on each member; 250 streams are all that a member's gateway has, and others need some."""
DESCRIPTORS = 400
DESCRIPTORS_USED = 0.55
"""What connections take of them in the end; some 30 are the member's own."""
GROWTH_SECONDS = 60.0
FLAP_SECONDS = 1.0
CORRUPT_CHECK = "--experimental-corrupt-check-time=5s"
"""The flag of a cluster whose leader compares what members have."""
INTACT, BROKEN = "this value is intact", "this value is broken"
"""As long as each other, so that all else stays where it is."""

Begin = Callable[[Stage], AbstractContextManager[Any]]


def slow_syncs(seconds: float) -> Begin:
    """Let every sync of the leader take so much longer."""
    return lambda stage: strace.slow_syncs(faults.leader(stage.lab).process.pid, seconds)


def slow_links(seconds: float, *, all_of_them: bool) -> Begin:
    """Delay what members say to each other, or what one follower says and hears, each way."""
    return lambda stage: faults.slow_links(stage.lab, seconds, None if all_of_them else follower(stage.lab))


def follower(lab: Cluster) -> Member:
    """The first member that does not lead."""
    leads = faults.leader(lab)
    return next(member for member in lab.members if member is not leads)


@contextmanager
def stuck_apply(stage: Stage) -> Iterator[None]:
    """Let a follower apply next to nothing of many writes."""
    lab, behind = stage.lab, follower(stage.lab)
    database = lab.folder / behind.name / "member/snap/db"
    with (
        strace.slow_syncs(behind.process.pid, STUCK_SECONDS, database),
        pressure.crowd(lab, faults.leader(lab), "m"),
    ):
        yield


@contextmanager
def crowd(stage: Stage) -> Iterator[None]:
    """Let many clients wait for a leader whose disk is slow."""
    leads = faults.leader(stage.lab)
    with strace.slow_syncs(leads.process.pid, CROWDED_SYNC_SECONDS), pressure.crowd(stage.lab, leads, "l"):
        yield


@contextmanager
def uneven_watchers(stage: Stage) -> Iterator[None]:
    """Hold most watches on one member."""
    with ExitStack() as stack:
        for member, count in zip(stage.lab.members, UNEVEN, strict=True):
            stack.enter_context(pressure.watchers(stage.lab, member, count))
        yield


@contextmanager
def growing_descriptors(stage: Stage) -> Iterator[None]:
    """Let a follower open few files and connections, and more and more clients connect to it."""
    member, count = follower(stage.lab), rising(0, DESCRIPTORS * DESCRIPTORS_USED, GROWTH_SECONDS)
    with faults.descriptors_limited(member, DESCRIPTORS), pressure.connected(member, count):
        yield


@contextmanager
def half_upgraded(stage: Stage) -> Iterator[None]:
    """Start all members but the first with newer versions; at the end all with the newest."""
    lab, newest = stage.lab, ETCD["3.5.16"].program("etcd")
    for member, binary in zip(lab.members[1:], (cluster.etcd_binary(), newest), strict=True):
        faults.exchange(lab, member, binary)
    yield
    for member in lab.members[:-1]:
        faults.exchange(lab, member, newest)


@contextmanager
def flapping(stage: Stage) -> Iterator[None]:
    """Let a follower lose the others and find them again, over and over."""
    with pressure.meanwhile(partial(_flap, stage.lab, follower(stage.lab))):
        yield


def _flap(lab: Cluster, member: Member, stop: threading.Event) -> None:
    while not stop.is_set():
        with faults.isolated(lab, member):
            stop.wait(FLAP_SECONDS)
        stop.wait(FLAP_SECONDS)


def small_quota(quota: int) -> Begin:
    """Start a follower with less room (bytes) than the others have, and let the database outgrow it."""
    return partial(_outgrown, quota)


@contextmanager
def _outgrown(quota: int, stage: Stage) -> Iterator[None]:
    lab, small = stage.lab, follower(stage.lab)
    flag = f"--quota-backend-bytes={quota}"
    with faults.killed(lab, small):
        small.command.append(flag)
    with pressure.growing(lab, quota, rising(0.5, 1.2, GROWTH_SECONDS / 2)):
        yield
    with faults.killed(lab, small):
        small.command.remove(flag)


@contextmanager
def corrupt(stage: Stage) -> Iterator[None]:
    """Change a byte in a follower's database; who leads compares what members have, and raises the alarm."""
    lab, member = stage.lab, follower(stage.lab)
    database = lab.folder / member.name / "member/snap/db"
    lab.etcdctl("put", "/intact", INTACT)
    faults.wait_until("the value is in the file", lambda: INTACT.encode() in database.read_bytes())
    member.process.kill()
    _replace(database, INTACT, BROKEN)
    faults.started(lab, member)  # by then the alarm may have been raised
    yield
    with faults.killed(lab, member):
        _replace(database, BROKEN, INTACT)
        lab.etcdctl("alarm", "disarm", members=[other for other in lab.members if other is not member])


def _replace(database: Path, before: str, after: str) -> None:
    held = database.read_bytes()
    if before.encode() not in held:
        raise LabError(f"{database.name} has no value {before!r} that could be changed")
    database.write_bytes(held.replace(before.encode(), after.encode()))


@contextmanager
def hung_api(stage: Stage) -> Iterator[None]:
    """Stop the API server without ending it."""
    if stage.api is None:
        raise LabError("this scenario needs a stage with an API server: with_api=True")
    stage.api.process.pause()
    try:
        yield
    finally:
        stage.api.process.resume()
