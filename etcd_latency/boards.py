"""What an operator is shown of a run: a row for each member, beside the diagnosis."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import NamedTuple

from etcd_latency import views
from etcd_latency.config import Config
from etcd_latency.derive import expiry, histograms, storage
from etcd_latency.derive.diagnosis.symptoms import COMMIT, FSYNC
from etcd_latency.derive.histograms import Histogram
from etcd_latency.errors import Down
from etcd_latency.probes import CERTIFICATE, HEALTH, LINEARIZABLE_READ, PAGE, STATUS
from etcd_latency.scoreboard import LIMITS, NOT_ASKED, Health, Limit, Row
from etcd_latency.survey import Survey
from etcd_latency.views import Seen

P99 = 0.99


class Shown(NamedTuple):
    """What is kept of a member until somebody wants to be shown it: its pages take room."""

    member: Seen
    """Without its interval."""
    is_compared: bool
    """Whether it had one."""
    fsync: Histogram | None
    """What the interval observed of its WAL."""
    commit: Histogram | None
    """And of its database."""


def shown(seen: Seen) -> Shown:
    """What is kept of a member after a run."""
    interval = seen.interval
    observed = (interval.histogram(FSYNC), interval.histogram(COMMIT)) if interval else (None, None)
    return Shown(seen._replace(interval=None), interval is not None, *observed)


def rows(seen: Iterable[Shown], survey: Survey, round_trips: Mapping[tuple[str, str], float]) -> tuple[Row, ...]:
    """A row for each member; `round_trips` are those from one member to another, in seconds."""
    return tuple(_row(one, survey, round_trips) for one in seen)


def limits(config: Config) -> Mapping[str, Limit]:
    """From where on values matter; the user says it of certificates."""
    return {**LIMITS, "certificate_days_left": Limit(*config.certificate_days, "conf.yaml")}


def _row(one: Shown, survey: Survey, round_trips: Mapping[tuple[str, str], float]) -> Row:
    seen = one.member
    target, page, answers = seen.target, seen.reading, survey.answers
    to_it = [seconds for (_, peer), seconds in round_trips.items() if peer == target.name]
    status = answers.value(target, STATUS)
    size = page.value("etcd_mvcc_db_total_size_in_bytes") if page else None
    days = [expiry.days_left(one, time.time()) for one in survey.latest.value(target, CERTIFICATE) or ()]
    return Row(
        name=target.name,
        leader=views.leads(seen, answers),
        is_learner=views.is_learner(page, status),
        fsync_p99=histograms.quantile(one.fsync, P99),
        commit_p99=histograms.quantile(one.commit, P99),
        rtt=fmean(to_it) if to_it else None,
        apply_lag=storage.apply_lag(page) if page else None,
        db_size=status.db_size if size is None and status else size,
        db_quota_used=storage.quota_used(page) if page else None,
        fds_used=storage.descriptors_used(page) if page else None,
        health=_health(seen, survey),
        certificate_days=min(days, default=None),
    )


def _health(seen: Seen, survey: Survey) -> Health:
    """As `etcdctl endpoint health` has it: by a read through the quorum, else by the member's own word."""
    target, answers = seen.target, survey.answers
    error = answers.error(target, LINEARIZABLE_READ) or answers.error(target, PAGE)
    page = answers.value(target, HEALTH)
    if isinstance(error, Down):
        return Health("failed", str(error))
    if page and not page.passed:
        return Health("failed", page.reason)
    return Health("ok") if page or answers.value(target, LINEARIZABLE_READ) else NOT_ASKED
