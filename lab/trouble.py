"""The faults that the demo brings about: each with its name, whom it strikes, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

from lab import cgroups, faults, strace
from lab.cluster import Cluster, Member

SYNC_SECONDS = 0.1
LINK_SECONDS = 0.05
CPU_SHARE = 0.03
SMALL = (faults.SMALL_QUOTA, "--auto-compaction-mode=periodic", "--auto-compaction-retention=1m")
"""With a small quota old values have to go, or the load of the demo fills it in some minutes."""

Inject = Callable[[Cluster, Member], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What can be brought about, and is undone at the end of a block, whatever happens in it."""

    says: str
    """One sentence for who watches; `{member}` stands for whom it strikes."""
    strikes: Literal["the leader", "a follower", "all"]
    inject: Inject
    proxied: bool = False
    """Needs a cluster with links."""
    flags: tuple[str, ...] = ()
    """What the members of its cluster are started with."""
    needs: Callable[[], object] = lambda: None
    """Raises an error that says what is missing on this machine, before anything is begun."""
    seconds: float = 30.0
    """For how long the demo lets it last."""


def _slow_disk(_: Cluster, member: Member) -> AbstractContextManager[None]:
    return strace.slow_syncs(member.process.pid, SYNC_SECONDS)


def _slow_database(lab: Cluster, member: Member) -> AbstractContextManager[None]:
    return strace.slow_syncs(member.process.pid, SYNC_SECONDS, lab.folder / member.name / "member/snap/db")


def _starved_cpu(_: Cluster, member: Member) -> AbstractContextManager[None]:
    return cgroups.cpu_quota(member.process.pid, CPU_SHARE)


def _slow_network(lab: Cluster, _: Member) -> AbstractContextManager[None]:
    return faults.slow_links(lab, LINK_SECONDS)


def _slow_link(lab: Cluster, member: Member) -> AbstractContextManager[None]:
    return faults.slow_links(lab, LINK_SECONDS, member)


def _no_network(lab: Cluster, _: Member) -> AbstractContextManager[None]:
    return faults.no_leader(lab)


def _full(lab: Cluster, _: Member) -> AbstractContextManager[None]:
    return faults.no_space(lab)


def _descriptors(_: Cluster, member: Member) -> AbstractContextManager[None]:
    return faults.few_descriptors(member)


_SYNC = f"{SYNC_SECONDS * 1e3:g} ms"
_LINK = f"{LINK_SECONDS * 1e3:g} ms"
_SLOW_DISK_SAYS = f"every sync of {{member}} takes {_SYNC} longer"
_STARVED_SAYS = f"{{member}} gets no more than {CPU_SHARE:.0%} of a CPU"
_HUNG_SAYS = "{member} hangs: it is there, and answers nothing"
_KILLED_SAYS = "{member} has ended, as in a crash"
_TOLD_LATE = 75.0
"""etcd tells round trips every 30 s, smoothed, so that a slow network shows late."""

FAULTS = {
    "slow-disk": Fault(_SLOW_DISK_SAYS, "the leader", _slow_disk, needs=strace.command),
    "slow-disk-follower": Fault(_SLOW_DISK_SAYS, "a follower", _slow_disk, needs=strace.command),
    "slow-database": Fault(
        f"every sync of {{member}} to its database file takes {_SYNC} longer, to its log none",
        "the leader",
        _slow_database,
        needs=strace.command,
    ),
    "slow-network": Fault(
        f"between all members everything takes {_LINK} longer each way",
        "all",
        _slow_network,
        proxied=True,
        seconds=_TOLD_LATE,
    ),
    "slow-network-follower": Fault(
        f"between {{member}} and the others everything takes {_LINK} longer each way",
        "a follower",
        _slow_link,
        proxied=True,
        seconds=_TOLD_LATE,
    ),
    "cut-network": Fault("no member can reach another", "all", _no_network, proxied=True),
    "cut-network-follower": Fault(
        "{member} and the others cannot reach each other", "a follower", faults.isolated, proxied=True
    ),
    "hung": Fault(_HUNG_SAYS, "a follower", faults.hung),
    "hung-leader": Fault(_HUNG_SAYS, "the leader", faults.hung),
    "killed": Fault(_KILLED_SAYS, "a follower", faults.killed),
    "killed-leader": Fault(_KILLED_SAYS, "the leader", faults.killed),
    "full": Fault("the database has used up its quota", "all", _full, flags=SMALL),
    "descriptors": Fault("{member} has nearly all descriptors in use that it may open", "a follower", _descriptors),
    "starved-cpu": Fault(_STARVED_SAYS, "the leader", _starved_cpu, needs=cgroups.hierarchy),
    "starved-cpu-follower": Fault(_STARVED_SAYS, "a follower", _starved_cpu, needs=cgroups.hierarchy),
}


def listing() -> str:
    """All faults, a line each."""
    width = max(map(len, FAULTS))
    return "\n".join(f"  {name:{width}}  {one.says.format(member=one.strikes)}" for name, one in FAULTS.items())


@contextmanager
def injected(lab: Cluster, one: Fault) -> Iterator[str]:
    """Bring a fault about until the block ends; gives the sentence that says it."""
    member = leader = faults.leader(lab)
    if one.strikes == "a follower":
        member = next(other for other in lab.members if other is not leader)
    with one.inject(lab, member):
        yield one.says.format(member=member.name if one.strikes == "all" else f"{member.name}, {one.strikes},")
