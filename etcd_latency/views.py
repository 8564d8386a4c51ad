"""What the answers of a run say about each member, in the terms of `derive`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from etcd_latency.answers import Answers
from etcd_latency.derive.diagnosis import MemberView
from etcd_latency.derive.pages import Interval, Reading
from etcd_latency.derive.quorum import Voter
from etcd_latency.errors import Down, Moved, NotOffered, TimedOut, TlsRefused, Unhealthy, Unreachable
from etcd_latency.findings import known_alarms
from etcd_latency.model import Failure, Status, Target
from etcd_latency.probes import (
    ALARM_LIST,
    CERTIFICATE,
    HEALTH,
    LINEARIZABLE_READ,
    PAGE,
    SERIALIZABLE_READ,
    STATUS,
    Probe,
)


class Seen(NamedTuple):
    """A member in one run."""

    target: Target
    reading: Reading | None
    """Its page, where it could be had."""
    interval: Interval | None
    """That and the one before."""


def of_member(seen: Seen, answers: Answers, latest: Answers) -> MemberView | None:
    """All that is known of a member; None where it is there, but not to be measured: its page is refused, or is none.

    Somebody who looks at the pages alone would take it for dead.
    """
    target = seen.target
    error, page = answers.error(target, PAGE), answers.value(target, PAGE)
    if seen.reading is None and not isinstance(error, TimedOut | Unreachable):
        return None
    alarms = known_alarms(target, answers, latest)
    health = answers.value(target, HEALTH)
    return MemberView(
        name=target.name,
        interval=seen.interval,
        reading=seen.reading,
        failure=str(error) if error else "",
        timed_out=isinstance(error, TimedOut),
        page_seconds=page.seconds if page else None,
        status=answers.value(target, STATUS),
        alarms=None if alarms is None else frozenset(alarm.kind for alarm in alarms),
        read_seconds=_seconds(answers.value(target, SERIALIZABLE_READ)),
        quorum_read_seconds=_seconds(answers.value(target, LINEARIZABLE_READ)),
        write_seconds=_seconds(answers.value(target, ALARM_LIST)),
        health=health.reason if health and not health.passed else "",
    )


def voter(seen: Seen, asked: Iterable[Probe[Any]], answers: Answers) -> Voter:
    """What a member's answers say about its part in the quorum."""
    return Voter(
        seen.target.name,
        reachable=_answered([answers.of(seen.target, probe) for probe in asked if probe is not CERTIFICATE]),
        has_leader=_has_leader(seen, answers),
        reads=_reads(answers.of(seen.target, LINEARIZABLE_READ)),
    )


def is_learner(page: Reading | None, status: Status | None) -> bool:
    """Whether it has no vote, by its own words."""
    on_page = page.value("etcd_server_is_learner") if page else None
    return bool(on_page) if status is None else status.is_learner


def leaders(members: Iterable[Seen], answers: Answers) -> list[str]:
    """Who says that it leads."""
    return [seen.target.name for seen in members if leads(seen, answers)]


def leads(seen: Seen, answers: Answers) -> bool | None:
    """Whether it leads, by its own words; None where it said nothing."""
    on_page = seen.reading.value("etcd_server_is_leader") if seen.reading else None
    status = answers.value(seen.target, STATUS)
    if on_page is not None:
        return bool(on_page)
    return status.is_leader if status else None


def names(members: Iterable[Seen]) -> dict[str, str]:
    """The members' names by their ids, as far as their own pages tell them."""
    return {identity: seen.target.name for seen in members for identity in _ids(seen)}


def offered(seen: Seen, asked: Iterable[Probe[Any]], answers: Answers) -> Mapping[str, bool]:
    """By the name of a probe, whether the member offers what it asks for; who did not answer has not said."""
    asked = [probe for probe in asked if answers.of(seen.target, probe) is not None]
    errors = {probe.name: answers.error(seen.target, probe) for probe in asked}
    return {
        name: not isinstance(error, NotOffered | Moved) for name, error in errors.items() if not isinstance(error, Down)
    }


def _ids(seen: Seen) -> Iterator[str]:
    for labels in seen.reading.series("etcd_server_id") if seen.reading else ():
        identity = dict(labels).get("server_id")
        if identity:
            yield identity


def _has_leader(seen: Seen, answers: Answers) -> bool | None:
    status = answers.value(seen.target, STATUS)
    if status:
        return status.leader != 0
    on_page = seen.reading.value("etcd_server_has_leader") if seen.reading else None
    return None if on_page is None else bool(on_page)


def _reads(answer: Any) -> bool | None:
    """Not the verdict of `endpoint.health`: an alarm makes that critical, and the quorum stands.

    Who cannot be asked, for want of a connection or of a certificate, may take part all the same.
    """
    if answer is None:
        return None
    if isinstance(answer, Failure):
        return False if isinstance(answer.error, TimedOut | Unhealthy) else None
    return True


def _answered(answers: Iterable[Any]) -> bool | None:
    """Whether one of these is an answer; None where it was not asked, or we and it do not agree on a certificate."""
    said = [_is_answer(answer) for answer in answers if answer is not None]
    if True in said:
        return True
    return None if None in said or not said else False


def _is_answer(answer: Any) -> bool | None:
    """Certificates keep others out; that is no silence, and no answer of etcd's."""
    if not isinstance(answer, Failure) or not isinstance(answer.error, Down):
        return True
    return None if isinstance(answer.error, TlsRefused) else isinstance(answer.error, Unhealthy)


def _seconds(answer: Any) -> float | None:
    return None if answer is None else answer.seconds
