"""Hands findings to the Agent: the only module that names its methods for them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import cast

from datadog_checks.base import AgentCheck

from etcd_latency.catalog import NAMESPACE
from etcd_latency.model import Event, Finding, Gauge, Judgement, Level
from etcd_latency.scrape.replay import Note, Submitter, Tape, are_short

STATUSES = {
    Level.OK: AgentCheck.OK,
    Level.WARNING: AgentCheck.WARNING,
    Level.CRITICAL: AgentCheck.CRITICAL,
    Level.UNKNOWN: AgentCheck.UNKNOWN,
}


MOST_KNOWN = 65536
"""How many gauges are known again; a cluster of 200 members has 25,000 of what is derived."""


class Desk:
    """Takes findings and sends each as what it is.

    The same gauges come run after run. What base makes of one is found out once, as for the series of a page.
    """

    def __init__(self, check: AgentCheck) -> None:
        self._check = check
        self._tape = Tape(check)
        self._notes: dict[tuple[str, tuple[str, ...]], Note | None] = {}

    def submit(self, findings: Iterable[Finding]) -> None:
        """Send them."""
        submitter = Submitter(self._check, flush_first_value=False)
        for finding in findings:
            match finding:
                case Gauge():
                    note = self._noted(finding)
                    if note:
                        submitter.submit_one(note, finding.value)
                case Judgement():
                    self._check.service_check(
                        finding.name, STATUSES[finding.level], tags=list(finding.tags), message=finding.message
                    )
                case Event():
                    self._check.event(_event(finding))

    def _noted(self, gauge: Gauge) -> Note | None:
        """What base would submit, if anything; None, too, where it has done so itself, because it counts them."""
        if getattr(self._check, "metric_limiter", None):
            self._check.gauge(gauge.name, gauge.value, tags=list(gauge.tags))
            return None
        key = gauge.name, gauge.tags
        if key in self._notes:
            return self._notes[key]
        tape, tags = cast("AgentCheck", self._tape), list(gauge.tags)
        note = next(iter(self._tape.record(lambda: tape.gauge(gauge.name, gauge.value, tags=tags))), None)
        if are_short(tags):
            if len(self._notes) == MOST_KNOWN:
                self._notes.clear()
            self._notes[key] = note
        return note


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
