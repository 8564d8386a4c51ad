"""What is done to a healthy cluster in an ordinary week, one thing after the other: nobody wants to be woken for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from lab import faults
from lab.recordings import pressure
from lab.recordings.stage import Stage

REST_SECONDS = 45.0
"""Between two chores: three runs of the check."""
DOWN_SECONDS = 5.0
"""What it takes to start a member's new container."""
BUSY_SECONDS = 180.0
NIGHT_SECONDS = 360.0
MORNING_SECONDS = 240.0


@contextmanager
def week(stage: Stage) -> Iterator[None]:
    """Do all chores beside the block; it ends when they are done, and raises what went wrong with them."""
    with ThreadPoolExecutor(1, "chores") as pool:
        work = pool.submit(_work, stage)
        yield
        work.result()


def _work(stage: Stage) -> None:
    for chore in CHORES:
        chore(stage)
        time.sleep(REST_SECONDS)


def _back_up(stage: Stage) -> None:
    """Save a snapshot; etcd takes it from one member."""
    target = stage.lab.folder / "backup.db"
    stage.lab.etcdctl("snapshot", "save", str(target), members=stage.lab.members[:1])


def _compact(stage: Stage) -> None:
    faults.compact(stage.lab)


def _defragment(stage: Stage) -> None:
    """Each member by itself, as the documentation advises: it serves nobody meanwhile."""
    for member in stage.lab.members:
        stage.lab.etcdctl("defrag", members=[member])
        time.sleep(REST_SECONDS / 3)


def _restart(stage: Stage) -> None:
    """Start the members again one by one, as for a new flag; the leader last, or each may cost an election."""
    leads = faults.leader(stage.lab)
    for member in sorted(stage.lab.members, key=lambda member: member is leads):
        with faults.killed(stage.lab, member):
            time.sleep(DOWN_SECONDS)
        time.sleep(REST_SECONDS)


def _hand_on(stage: Stage) -> None:
    """Give the leader's office to another member, as before work on its host."""
    leads = faults.leader(stage.lab)
    heir = next(member for member in stage.lab.members if member is not leads)
    faults.patiently(stage.lab, "move-leader", faults.member_id(stage.lab, heir))


def _grow(stage: Stage) -> None:
    """Add a member that learns, and take it away again."""
    with faults.learner(stage.lab):
        time.sleep(REST_SECONDS)


def _rush(stage: Stage) -> None:
    """Let 50 clients more write 150 keys a second."""
    with pressure.crowd(stage.lab, stage.lab.members[0], "s"):
        time.sleep(BUSY_SECONDS)


def _night(stage: Stage) -> None:
    """Nobody asks for anything for a while; then all are back at once."""
    stage.clients.close()
    time.sleep(NIGHT_SECONDS)
    stage.work()
    time.sleep(MORNING_SECONDS)


CHORES: tuple[Callable[[Stage], None], ...] = (
    _back_up,
    _compact,
    _defragment,
    _hand_on,
    _restart,
    _grow,
    _rush,
    _night,
)

SAYS = (
    "a backup, a compaction, a defragmentation, a new leader, members that start again one by one, a learner, a rush "
    "and a night without clients"
)
