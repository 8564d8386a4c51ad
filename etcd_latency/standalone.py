"""The check without an Agent: base's stand-in for the Agent's aggregator, emptied into values after a run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datadog_checks.base.agent import aggregator

from etcd_latency.catalog import NAMESPACE
from etcd_latency.check import EtcdLatencyCheck

# The stand-in is made for the tests of official checks, which must not tag with `env` and the like.
# A user's own `tags` may.
os.environ.setdefault("DDEV_SKIP_GENERIC_TAGS_CHECK", "true")


@dataclass(frozen=True, slots=True)
class Metric:
    """One submitted sample."""

    name: str
    type: str
    """As base names it: gauge, monotonic_count, count, rate, …; histogram_bucket for a distribution's."""
    value: float
    tags: tuple[str, ...]
    hostname: str
    flush_first_value: bool = False
    """Whether a count that is new began with 0 after the run before, so that its first value counts, too."""


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """One submitted service check; `status` is 0 ok, 1 warning, 2 critical, 3 unknown."""

    name: str
    status: int
    tags: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Run:
    """All that one run of all instances submitted."""

    metrics: tuple[Metric, ...]
    service_checks: tuple[ServiceCheck, ...]
    events: tuple[Mapping[str, Any], ...]
    errors: tuple[str, ...]
    """The messages of the instances that raised."""
    seconds: float


def prepare(init_config: Mapping[str, Any] | None, instances: Sequence[Mapping[str, Any]]) -> list[EtcdLatencyCheck]:
    """A check for every instance, ready to run; raises base's `ConfigurationError`."""
    checks = [EtcdLatencyCheck(NAMESPACE, init_config, [instance]) for instance in instances]
    for check in checks:
        check.run_check_initializations()
    return checks


def run(checks: Sequence[EtcdLatencyCheck]) -> Run:
    """Run every check once and collect what it submitted."""
    aggregator.reset()
    started = time.monotonic()
    reports = [check.run() for check in checks]
    seconds = time.monotonic() - started
    return Run(
        metrics=(*_metrics(), *_buckets()),
        service_checks=tuple(
            ServiceCheck(check.name, int(check.status), tuple(check.tags), check.message or "")
            for name in aggregator.service_check_names
            for check in aggregator.service_checks(name)
        ),
        events=tuple(aggregator.events),
        errors=tuple(json.loads(report)[0]["message"] for report in reports if report),
        seconds=seconds,
    )


def _metrics() -> list[Metric]:
    types = aggregator.METRIC_ENUM_MAP_REV
    return [
        Metric(stub.name, types[stub.type], stub.value, tuple(stub.tags), stub.hostname, stub.flush_first_value)
        for name in aggregator.metric_names
        for stub in aggregator.metrics(name)
    ]


def _buckets() -> list[Metric]:
    return [
        Metric(stub.name, "histogram_bucket", stub.value, tuple(stub.tags), stub.hostname)
        for name in list(aggregator._histogram_buckets)  # noqa: SLF001 - the stand-in has no public list of them
        for stub in aggregator.histogram_bucket(name)
    ]
