"""Ratios and gaps of what stands on a member's page: how much is used of what there is, and how far one thing is
behind another.

A figure is there when all that it is made of is on the page. No figure is negative but the headroom, which is beyond
its limit then: what a page says is not of one instant, so a difference may come out below 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median_low

from etcd_latency.derive.pages import Reading

DEFAULT_QUOTA = 2 * 1024**3
"""Bytes that the database may have when the quota is set to 0 (etcd: server/storage/quota.go)."""

MOST_APPLY_LAG = 5000
"""Entries that may be committed and not yet applied. With more, etcd refuses requests with "too many requests"
(etcdserver/v3_server.go: maxGapBetweenApplyAndCommitIndex, 3.4 to 3.7)."""

WAIT_ON_PURPOSE = ("v3electionpb.Election", "v3lockpb.Lock")
"""Services whose unary calls return when it is the caller's turn, hours later maybe."""

FEWEST_MEMBERS = 2
"""One alone always has everything."""


def figures(page: Reading, now: float) -> dict[str, float]:
    """What follows from a page, by metric; `now` is the wall clock, in seconds since 1970."""
    found = {metric: figure(page) for metric, figure in FIGURES.items()}
    found["mvcc.compaction.age"] = compaction_age(page, now)
    return {metric: value for metric, value in found.items() if value is not None}


def descriptors_used(page: Reading) -> float | None:
    """Share of the file descriptors that the process may have; etcd's own count of them is ten minutes old."""
    return _share(page.value("process_open_fds"), page.value("process_max_fds"))


def quota_used(page: Reading) -> float | None:
    """Share of its quota that the database file has; None where the quota is turned off, which etcd shows as less
    than 0.
    """
    quota = page.value("etcd_server_quota_backend_bytes")
    return _share(page.value("etcd_mvcc_db_total_size_in_bytes"), DEFAULT_QUOTA if quota == 0 else quota)


def fragmentation(page: Reading) -> float | None:
    """Share of the database file that holds nothing."""
    size = page.value("etcd_mvcc_db_total_size_in_bytes")
    return _share(_gap(size, page.value("etcd_mvcc_db_total_size_in_use_in_bytes")), size)


def apply_lag(page: Reading) -> float | None:
    """Entries that are committed and not yet applied."""
    return _gap(page.value("etcd_server_proposals_committed_total"), page.value("etcd_server_proposals_applied_total"))


def apply_headroom(page: Reading) -> float | None:
    """Share that is left of the entries that may be committed and not yet applied; at 0 etcd refuses requests."""
    lag = apply_lag(page)
    return None if lag is None else 1 - lag / MOST_APPLY_LAG


def unfinished(page: Reading) -> float | None:
    """Unary calls that were started and are not handled yet.

    A stream such as Watch is handled only when it ends, hours after it was started, and so is a call that waits for
    a lock or an office.
    """
    return _gap(_prompt(page, "grpc_server_started_total"), _prompt(page, "grpc_server_handled_total"))


def _prompt(page: Reading, family: str) -> float | None:
    """Unary calls but for those that wait on purpose."""
    everything = page.total(family, grpc_type="unary")
    if everything is None:
        return None
    waiting = (page.total(family, grpc_type="unary", grpc_service=service) for service in WAIT_ON_PURPOSE)
    return everything - sum(filter(None, waiting))


def revision_age(page: Reading) -> float | None:
    """Revisions that the store still keeps beyond the last compaction; all of them before the first."""
    compacted = page.value("etcd_debugging_mvcc_compact_revision")
    return None if compacted is None else _gap(page.value("etcd_debugging_mvcc_current_revision"), max(0.0, compacted))


def compaction_age(page: Reading, now: float) -> float | None:
    """Seconds since the last compaction ended; None until the process has seen one, and before 3.5."""
    ended = page.value("etcd_debugging_mvcc_db_compaction_last")
    return _gap(now, ended) if ended else None


FIGURES: Mapping[str, Callable[[Reading], float | None]] = {
    "process.fds.used": descriptors_used,
    "mvcc.db.quota.used": quota_used,
    "mvcc.db.fragmentation": fragmentation,
    "server.proposals.apply_lag": apply_lag,
    "headroom.apply": apply_headroom,
    "grpc.server.unfinished": unfinished,
    "mvcc.revision.age": revision_age,
}


def shares(numbers: Mapping[str, float], fewest: float = 0.0) -> dict[str, float]:
    """By member, its share of what the members have together; nothing where that is no more than `fewest`."""
    together = sum(numbers.values())
    if len(numbers) < FEWEST_MEMBERS or not together > fewest:
        return {}
    return {member: number / together for member, number in numbers.items()}


def beside_others(numbers: Mapping[str, float], fewest: float = 0.0) -> dict[str, float]:
    """By member, how many times as many it has as the others usually do: 1 is even, whatever one of them has at once.

    Usual is the lower median of the others. Nothing where all have no more than `fewest` together, nor for whom the
    others usually have none.
    """
    if len(numbers) < FEWEST_MEMBERS or not sum(numbers.values()) > fewest:
        return {}
    usual = {member: median_low(numbers[other] for other in numbers if other != member) for member in numbers}
    return {member: number / usual[member] for member, number in numbers.items() if usual[member] > 0}


def imbalance(watchers: Mapping[str, float]) -> float | None:
    """How many times its fair share of watchers the busiest member has: 1 is even, the number of members the most."""
    found = shares(watchers)
    return max(found.values()) * len(found) if found else None


def watchers(page: Reading) -> float | None:
    """How many watchers a member has: those of the v3 store (what the v2 store calls its watchers is always 0)."""
    return page.value("etcd_debugging_mvcc_watcher_total")


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or whole is None or not whole > 0 else part / whole


def _gap(ahead: float | None, behind: float | None) -> float | None:
    return None if ahead is None or behind is None else max(0.0, ahead - behind)
