"""What runs out: space for the database, descriptors for clients."""

from __future__ import annotations

from collections.abc import Iterator

from etcd_latency.derive.diagnosis import limits, words
from etcd_latency.derive.diagnosis.case import CRITICAL, WARNING, Case, Hit
from etcd_latency.derive.diagnosis.symptoms import Symptoms


def no_space(case: Case) -> Iterator[Hit]:
    """The database has outgrown its quota, or will soon."""
    cluster = case.cluster
    alarmed = [member for member in cluster.members if "NOSPACE" in (member.view.alarms or ())]
    used = {member: share for member in cluster.present if (share := _quota_used(member)) is not None}
    full = [member for member, share in used.items() if share >= limits.QUOTA_USED.alone]
    filling = [member for member, share in used.items() if share >= limits.QUOTA_USED.with_others]
    said = tuple(_quota_in_words(member, used[member]) for member in filling)
    if alarmed:
        said = (f"alarm NOSPACE at {words.all_of([member.name for member in alarmed])}: writes are refused", *said)
    refused = {member.name: number for member in cluster.present if (number := _refused(member))}
    stands = sum(refused.values()) >= limits.FEWEST_REFUSED and not any(map(_is_behind, cluster.present))
    if refused and (said or stands):
        told = words.many(sum(refused.values()), "request")
        said = (*said, f"{words.all_of([*refused])} refused {told} (ResourceExhausted)")
    if stands and not filling:
        said = (*said, "no database is near its quota, so that an alarm must still stand")
    if said:
        only = filling[0] if len(filling) == 1 and len(used) > 1 and not (alarmed or stands) else None
        yield Hit(only, CRITICAL if full or alarmed or stands else WARNING, said)


def few_descriptors(case: Case) -> Iterator[Hit]:
    """A member has nearly all the files and connections open that it may."""
    for member in case.cluster.present:
        used, most = member.value("process_open_fds"), member.value("process_max_fds")
        if used is None or most is None or most <= limits.KEPT_DESCRIPTORS:
            continue
        share = used / (most - limits.KEPT_DESCRIPTORS)
        if share >= limits.DESCRIPTORS_USED.with_others:
            yield Hit(
                member,
                CRITICAL if share >= limits.DESCRIPTORS_USED.alone else WARNING,
                (
                    f"{used:.0f} descriptors are open, {words.share(share)} of what clients may use",
                    f"its limit is {most:.0f}, of which etcd keeps {limits.KEPT_DESCRIPTORS} back",
                    "beyond that new clients hang while the metrics page still answers",
                ),
            )


def _quota_used(member: Symptoms) -> float | None:
    """The share of its quota that a member's database has; None without a quota (it is negative then)."""
    quota, size = member.value("etcd_server_quota_backend_bytes"), _database_size(member)
    return size / quota if quota is not None and quota > 0 and size is not None else None


def _database_size(member: Symptoms) -> float | None:
    return member.value("etcd_mvcc_db_total_size_in_bytes")


def _quota_in_words(member: Symptoms, used: float) -> str:
    size, quota = _database_size(member) or 0.0, member.value("etcd_server_quota_backend_bytes") or 0.0
    return (
        f"{member.name}: the database has {words.size(size)}, {words.share(used)} of its quota of {words.size(quota)}"
    )


def _refused(member: Symptoms) -> float:
    return member.gained("grpc_server_handled_total", grpc_code="ResourceExhausted")


def _is_behind(member: Symptoms) -> bool:
    """Then etcd may refuse requests for that, with the same code."""
    return (member.apply_lag or 0.0) >= limits.APPLY_LAG.with_others
