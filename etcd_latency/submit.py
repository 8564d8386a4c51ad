"""Hands findings to the Agent: the only module that names its methods for them."""

from __future__ import annotations

import time
from collections.abc import Iterable

from datadog_checks.base import AgentCheck

from etcd_latency.catalog import NAMESPACE
from etcd_latency.model import Event, Finding, Gauge, Judgement, Level

STATUSES = {
    Level.OK: AgentCheck.OK,
    Level.WARNING: AgentCheck.WARNING,
    Level.CRITICAL: AgentCheck.CRITICAL,
    Level.UNKNOWN: AgentCheck.UNKNOWN,
}


def submit(check: AgentCheck, findings: Iterable[Finding]) -> None:
    """Send each as what it is."""
    for finding in findings:
        match finding:
            case Gauge():
                check.gauge(finding.name, finding.value, tags=list(finding.tags))
            case Judgement():
                check.service_check(
                    finding.name, STATUSES[finding.level], tags=list(finding.tags), message=finding.message
                )
            case Event():
                check.event(_event(finding))


def _event(event: Event) -> dict[str, object]:
    return {
        "timestamp": int(time.time()),
        "event_type": NAMESPACE,
        "source_type_name": NAMESPACE,
        "msg_title": event.title,
        "msg_text": event.text,
        "alert_type": event.alert_type,
        "aggregation_key": f"{NAMESPACE}:{event.aggregation_key}",
        "tags": list(event.tags),
    }
