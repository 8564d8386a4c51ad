"""Is a member healthy, as `etcdctl endpoint health` judges it?

etcdctl (3.5: etcdctl/ctlv3/command/ep_command.go) reads the key `health` through a quorum, takes a denied
permission for a yes, and from 3.5 on counts any active alarm as unhealthy. Where the gateway cannot be asked,
etcd's own /health says the same: alarms, leader, a read through a quorum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from etcd_latency.errors import Down, TargetError
from etcd_latency.model import Alarm, Failure, HttpHealth, Level, NameOf, Read, Status, Verdict

WITH_ALARMS = (3, 5)
"""The first version in which etcdctl asks for alarms, too."""


def judged(
    read: Read | Failure,
    status: Status | None,
    page: HttpHealth | None,
    alarms: Iterable[Alarm],
    name: NameOf,
) -> Verdict:
    """What `etcdctl endpoint health` would say."""
    if isinstance(read, Read):
        return _by_alarms(status, alarms, name)
    if isinstance(read.error, Down):
        return Verdict(Level.CRITICAL, "; ".join([*_reasons(status, page), str(read.error)]))
    if status and status.is_learner:
        return Verdict(Level.UNKNOWN, f"{read.error}; etcdctl calls every learner unhealthy")
    return _by_page(read.error, page)


def alarmed(known: Iterable[Alarm] | None, why_not: TargetError | None, name: NameOf) -> Verdict:
    """Whether an alarm is active anywhere in the cluster, as far as this member knows."""
    if known is None:
        return Verdict(Level.UNKNOWN, str(why_not or "not asked yet"))
    text = told(known, name)
    return Verdict(Level.CRITICAL, text) if text else Verdict(Level.OK)


def told(alarms: Iterable[Alarm], name: NameOf) -> str:
    """`ALARM NOSPACE raised by etcd-1: what to do`, for every alarm."""
    return "; ".join(
        f"ALARM {alarm.kind} raised by {name(alarm.member_id)}: {ADVICE.get(alarm.kind, 'see etcdctl alarm list')}"
        for alarm in sorted(set(alarms), key=lambda alarm: (alarm.kind, alarm.member_id))
    )


ADVICE = {
    "NOSPACE": "every write is refused; compact, defragment each member, then etcdctl alarm disarm",
    "CORRUPT": "its data differs from the others'; take it out, and let a new member take its place",
}


def _by_alarms(status: Status | None, alarms: Iterable[Alarm], name: NameOf) -> Verdict:
    text = told(alarms, name)
    counts = status is None or _version(status.version) >= WITH_ALARMS
    return Verdict(Level.CRITICAL, text) if text and counts else Verdict(Level.OK)


def _by_page(why: TargetError, page: HttpHealth | None) -> Verdict:
    if page is None:
        return Verdict(Level.UNKNOWN, str(why))
    if page.passed:
        return Verdict(Level.OK)
    return Verdict(Level.CRITICAL, page.reason or f"etcd's own /health answers HTTP {page.status_code}")


def _reasons(status: Status | None, page: HttpHealth | None) -> Iterable[str]:
    """Etcd's own words for what is wrong, from where there are any."""
    if page and not page.passed and page.reason:
        yield page.reason
    elif status and not status.leader:
        yield "RAFT NO LEADER"


def _version(text: str) -> tuple[int, int]:
    """`3.5.16` as (3, 5); the newest there is where it cannot be read."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (99, 0)
