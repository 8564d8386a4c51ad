"""Is a member healthy, as etcdctl judges it: every combination of answers, and the words for each."""

from __future__ import annotations

import pytest

from etcd_latency.derive import health, kubernetes
from etcd_latency.errors import (
    BadPage,
    Moved,
    NotOffered,
    NotPermitted,
    Refused,
    TargetError,
    TimedOut,
    TlsRefused,
    Unhealthy,
    Unreachable,
)
from etcd_latency.model import Alarm, Failure, HttpHealth, Level, Read, Status, Verdict

OK = Verdict(Level.OK)
READ, DENIED = Read(0.002, permitted=True), Read(0.002, permitted=False)
PASSED = HttpHealth(200, passed=True, reason="", seconds=0.001)
NOSPACE, CORRUPT = Alarm("NOSPACE", 1), Alarm("CORRUPT", 2)

FULL = (
    "ALARM NOSPACE raised by etcd-1: every write is refused; compact, defragment each member, then etcdctl alarm disarm"
)
DIFFERENT = (
    "ALARM CORRUPT raised by etcd-2: "
    "its data differs from the others'; take it out, and let a new member take its place"
)
NO_QUORUM = "request timed out: etcd took the question and could not do it"


def status(version: str = "3.5.16", leader: int = 1) -> Status:
    return Status(
        cluster_id=9,
        member_id=1,
        version=version,
        db_size=1,
        db_size_in_use=1,
        db_size_quota=None,
        leader=leader,
        raft_term=2,
        raft_index=3,
        raft_applied_index=3,
        is_learner=False,
        errors=(),
        alarms=(),
    )


def failed(reason: str = "", status_code: int = 503) -> HttpHealth:
    return HttpHealth(status_code, passed=False, reason=reason, seconds=0.001)


def named(number: int) -> str:
    return f"etcd-{number}"


def critical(reason: str) -> Verdict:
    return Verdict(Level.CRITICAL, reason)


@pytest.mark.parametrize(
    ("read", "said", "page", "alarms", "verdict"),
    [
        (READ, status(), PASSED, (), OK),
        (READ, None, None, (), OK),
        (DENIED, status(), None, (), OK),
        (DENIED, None, failed("RAFT NO LEADER"), (), OK),
        (READ, status(), failed("ALARM NOSPACE"), (), OK),
        (READ, status(), PASSED, (NOSPACE,), critical(FULL)),
        (DENIED, status(), None, (NOSPACE,), critical(FULL)),
        (READ, status("3.5.0"), None, (NOSPACE,), critical(FULL)),
        (READ, status("3.10.1"), None, (NOSPACE,), critical(FULL)),
        (READ, status("4.0.0"), None, (NOSPACE,), critical(FULL)),
        (READ, status("3.6.0-rc.1"), None, (NOSPACE,), critical(FULL)),
        (READ, status(""), None, (NOSPACE,), critical(FULL)),
        (READ, None, None, (NOSPACE,), critical(FULL)),
        (READ, status("3.4.23"), PASSED, (NOSPACE,), OK),
        (READ, status("3.3.27"), PASSED, (CORRUPT,), OK),
        (READ, status(), None, (NOSPACE, CORRUPT, NOSPACE), critical(f"{DIFFERENT}; {FULL}")),
        (Failure(Unhealthy(NO_QUORUM)), status(), None, (), critical(NO_QUORUM)),
        (Failure(Unhealthy(NO_QUORUM)), status(leader=0), None, (), critical(f"RAFT NO LEADER; {NO_QUORUM}")),
        (
            Failure(Unhealthy(NO_QUORUM)),
            status(leader=0),
            failed("RAFT NO LEADER"),
            (),
            critical(f"RAFT NO LEADER; {NO_QUORUM}"),
        ),
        (Failure(Unhealthy(NO_QUORUM)), None, failed("ALARM CORRUPT"), (), critical(f"ALARM CORRUPT; {NO_QUORUM}")),
        (Failure(Unhealthy(NO_QUORUM)), status(leader=0), failed(), (), critical(f"RAFT NO LEADER; {NO_QUORUM}")),
        (Failure(Unhealthy(NO_QUORUM)), status(), PASSED, (NOSPACE,), critical(NO_QUORUM)),
        *(
            (Failure(kind("words")), None, None, (), critical("words"))
            for kind in (TimedOut, TlsRefused, Unhealthy, Unreachable)
        ),
        *(
            (Failure(kind("words")), status(), None, (), Verdict(Level.UNKNOWN, "words"))
            for kind in (BadPage, Moved, NotOffered, NotPermitted, Refused, TargetError)
        ),
        *(
            (
                Failure(kind("words")),
                None,
                PASSED,
                (),
                OK,
            )
            for kind in (BadPage, Moved, NotOffered, NotPermitted, Refused, TargetError)
        ),
        (Failure(NotOffered("words")), None, failed("RAFT NO LEADER"), (), critical("RAFT NO LEADER")),
        (Failure(NotOffered("words")), None, failed(), (), critical("etcd's own /health answers HTTP 503")),
        (
            Failure(NotPermitted("words")),
            None,
            failed(status_code=500),
            (),
            critical("etcd's own /health answers HTTP 500"),
        ),
    ],
)
def test_health_as_etcdctl_judges_it(
    read: Read | Failure, said: Status | None, page: HttpHealth | None, alarms: tuple[Alarm, ...], verdict: Verdict
) -> None:
    """A denied read is a yes, an alarm a no from 3.5 on; what cannot be asked is no failure, and /health stands in."""
    assert health.judged(read, said, page, alarms, named) == verdict


@pytest.mark.parametrize(
    ("known", "why_not", "verdict"),
    [
        ((), None, OK),
        (frozenset(), NotPermitted("no rights"), OK),
        ((NOSPACE,), None, critical(FULL)),
        ((NOSPACE, CORRUPT), NotPermitted("no rights"), critical(f"{DIFFERENT}; {FULL}")),
        (
            (Alarm("NEWS", 3),),
            None,
            critical("ALARM NEWS raised by etcd-3: see etcdctl alarm list"),
        ),
        (None, NotPermitted("no rights"), Verdict(Level.UNKNOWN, "no rights")),
        (None, None, Verdict(Level.UNKNOWN, "not asked yet")),
    ],
)
def test_whether_an_alarm_is_active(
    known: tuple[Alarm, ...] | None, why_not: TargetError | None, verdict: Verdict
) -> None:
    """Any alarm is critical, in every version; where nobody can say, that is told with the reason."""
    assert health.alarmed(known, why_not, named) == verdict


def test_each_alarm_is_told_once_and_in_order() -> None:
    """By kind and by member, so that a message does not change from run to run."""
    text = health.told([Alarm("NOSPACE", 3), Alarm("NOSPACE", 1), CORRUPT, Alarm("NOSPACE", 3)], named)
    assert [part.partition(":")[0] for part in text.split("; ") if part.startswith("ALARM")] == [
        "ALARM CORRUPT raised by etcd-2",
        "ALARM NOSPACE raised by etcd-1",
        "ALARM NOSPACE raised by etcd-3",
    ]
    assert health.told((), named) == ""


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (PASSED, OK),
        (failed("etcd failed: reason withheld", 500), critical("etcd failed: reason withheld")),
        *((Failure(kind("words")), critical("words")) for kind in (TimedOut, TlsRefused, Unhealthy, Unreachable)),
        *(
            (Failure(kind("words")), Verdict(Level.UNKNOWN, "words"))
            for kind in (BadPage, Moved, NotOffered, NotPermitted, Refused)
        ),
    ],
)
def test_etcd_as_an_api_server_sees_it(answer: HttpHealth | Failure, verdict: Verdict) -> None:
    """A health page that may not be read, is not there or has moved says nothing about etcd."""
    assert kubernetes.judged(answer) == verdict


def test_an_api_server_that_gives_no_reason_is_told_with_its_status() -> None:
    """A critical service check never comes without words."""
    verdict = kubernetes.judged(failed("", 500))
    assert verdict.level == Level.CRITICAL
    assert "500" in verdict.reason
