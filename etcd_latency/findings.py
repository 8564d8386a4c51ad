"""What the answers of a run amount to: gauges, service checks and events, as values.

Names and tags are decided here; what an answer means is decided in `derive`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from etcd_latency.answers import Answers
from etcd_latency.derive import agreement, expiry, health, kubernetes
from etcd_latency.errors import NotOffered, NotPermitted
from etcd_latency.gateway import LEARNER
from etcd_latency.model import (
    Alarm,
    Certificate,
    Event,
    Failure,
    Finding,
    Gauge,
    HttpHealth,
    Judgement,
    Level,
    NameOf,
    Page,
    Read,
    Status,
    Target,
    Verdict,
)
from etcd_latency.probes import (
    ALARM_LIST,
    APISERVER_LIVEZ,
    APISERVER_READYZ,
    CERTIFICATE,
    HEALTH,
    LINEARIZABLE_READ,
    LIVEZ,
    PAGE,
    READYZ,
    SERIALIZABLE_READ,
    STATUS,
    Probe,
)
from etcd_latency.targets import Roster

ALARM_KINDS = ("CORRUPT", "NOSPACE")
"""etcd's alarms (etcdserverpb.AlarmType)."""


def page(target: Target, answer: Page | Failure) -> Iterator[Finding]:
    """Whether the metrics page could be had and read."""
    yield _judged(
        "can_connect",
        target,
        Verdict(Level.CRITICAL, str(answer.error)) if isinstance(answer, Failure) else Verdict(Level.OK),
    )


def probes(target: Target, asked: Iterable[Probe[Any]], answers: Answers) -> Iterator[Finding]:
    """For each question beside the page whether it got an answer; what a server does not offer counts for nothing."""
    for probe in asked:
        answer = answers.of(target, probe)
        if probe is PAGE or answer is None or isinstance(answers.error(target, probe), NotOffered):
            continue
        yield Gauge("probe.success", int(not isinstance(answer, Failure)), (*target.tags, f"probe:{probe.name}"))


def member(target: Target, answers: Answers, latest: Answers, name: NameOf) -> Iterator[Finding]:
    """What the probes of this run say about a member; `latest` has the last answer to what is asked seldom."""
    status = answers.value(target, STATUS)
    yield from _reads(target, answers)
    for probe in (HEALTH, LIVEZ, READYZ):
        yield from _health_page(target, f"probe.{probe.name}", answers.value(target, probe))
    if status:
        yield from _status(target, status)
    known = known_alarms(target, answers, latest)
    if known is not None:
        yield from _alarms(target, known)
    yield _judged("alarm", target, health.alarmed(known, answers.error(target, STATUS), name))
    read = _read(target, answers, latest)
    if read is not None:
        verdict = health.judged(read, status, answers.value(target, HEALTH), known or (), name)
        yield _judged("endpoint.health", target, verdict)


def endpoint(target: Target, answers: Answers) -> Iterator[Finding]:
    """What a server of Kubernetes says about its etcd; only API servers are asked."""
    for probe in (APISERVER_LIVEZ, APISERVER_READYZ):
        answer = answers.of(target, probe)
        if answer is not None:
            yield from _health_page(target, f"apiserver.{probe.name}", answers.value(target, probe))
            yield _judged(f"apiserver.{probe.name}", target, kubernetes.judged(answer))


def page_age(target: Target, seconds: float) -> Iterator[Finding]:
    """How old the newest page of a server is whose page may take longer than a run."""
    yield Gauge(f"{target.kind}.page.age", seconds, target.tags)


def certificates(target: Target, latest: Answers, now: float, limits: tuple[float, float]) -> Iterator[Finding]:
    """Days that are left to each certificate that a target depends on.

    `now` is in seconds since 1970; `limits` are the days left that are worth a warning, and that are critical.
    """
    found: tuple[Certificate, ...] = latest.value(target, CERTIFICATE) or ()
    for one in found:
        yield Gauge("certificate.days_left", expiry.days_left(one, now), (*target.tags, f"kind:{one.kind}"))
    if found:
        yield _judged("certificate", target, expiry.judged(found, now, *limits))


def ghosts(target: Target, series: int) -> Iterator[Finding]:
    """How many series of a member's page are about peers that are no members."""
    yield Gauge("scrape.ghost_series", series, target.tags)


def cluster(tags: tuple[str, ...], found: agreement.Agreement, roster: Roster | None) -> Iterator[Finding]:
    """Figures of the cluster as a whole."""
    figures = dict(found.figures)
    if roster:
        learners = sum(one.is_learner for one in roster.members)
        figures |= {"cluster.members": len(roster.members), "cluster.learners": learners}
    for name, value in figures.items():
        yield Gauge(name, value, tags)


def news(cluster_name: str, tags: tuple[str, ...], told: agreement.News) -> Event:
    """A disagreement that began, changed or ended."""
    kind = agreement.KINDS[told.kind]
    ended = told.text is None
    return Event(
        title=f"etcd {cluster_name}: {kind.title}{' no longer' * ended}",
        text="Members agree again." if ended else f"{told.text}\n\n{kind.advice}",
        alert_type="success" if ended else kind.alert_type,
        aggregation_key=f"{cluster_name}:{told.kind}",
        tags=tags,
    )


def _read(target: Target, answers: Answers, latest: Answers) -> Read | Failure | None:
    """What a read through a quorum gave; a learner, who is not asked, would refuse it, or fail as for its status."""
    read, known = answers.of(target, LINEARIZABLE_READ), latest.value(target, STATUS)
    if read is None and known and known.is_learner:
        status = answers.of(target, STATUS)
        return status if isinstance(status, Failure) else Failure(NotOffered(LEARNER))
    return read


def _reads(target: Target, answers: Answers) -> Iterator[Finding]:
    timed: Mapping[str, Probe[Any]] = {
        "probe.read.linearizable.duration": LINEARIZABLE_READ,
        "probe.read.serializable.duration": SERIALIZABLE_READ,
        "probe.write.duration": ALARM_LIST,
    }
    for name, probe in timed.items():
        answer = answers.value(target, probe)
        if answer is not None:
            yield Gauge(name, answer.seconds, target.tags)


def _health_page(target: Target, name: str, found: HttpHealth | None) -> Iterator[Finding]:
    if found:
        yield Gauge(f"{name}.duration", found.seconds, target.tags)
        yield Gauge(f"{name}.status_code", found.status_code, target.tags)


def _status(target: Target, found: Status) -> Iterator[Finding]:
    figures = {
        "status.db.total_size": found.db_size,
        "status.db.in_use_size": found.db_size_in_use,
        "status.db.quota": found.db_size_quota,
        "status.has_leader": int(found.leader != 0),
        "status.is_leader": int(found.is_leader),
        "status.is_learner": int(found.is_learner),
        "status.raft.term": found.raft_term,
        "status.raft.index": found.raft_index,
        "status.raft.applied_index": found.raft_applied_index,
        "status.errors": len(found.errors),
    }
    for name, value in figures.items():
        if value is not None:
            yield Gauge(name, value, target.tags)


def known_alarms(target: Target, answers: Answers, latest: Answers) -> frozenset[Alarm] | None:
    """By what the member says of itself, and by the list; None where neither is known.

    A list of an earlier run counts only while the member may not be asked for its status.
    """
    status = answers.value(target, STATUS)
    barred = isinstance(answers.error(target, STATUS), NotOffered | NotPermitted)
    listed = (latest if barred else answers).value(target, ALARM_LIST)
    if status is None and listed is None:
        return None
    return frozenset((*(status.alarms if status else ()), *(listed.alarms if listed else ())))


def _alarms(target: Target, active: Iterable[Alarm]) -> Iterator[Finding]:
    kinds = {alarm.kind for alarm in active}
    for kind in sorted(kinds.union(ALARM_KINDS)):
        yield Gauge("alarm.active", int(kind in kinds), (*target.tags, f"alarm_type:{kind}"))


def _judged(name: str, target: Target, verdict: Verdict) -> Judgement:
    return Judgement(name, verdict.level, target.tags, f"{target}: {verdict.reason}" if verdict.reason else "")
