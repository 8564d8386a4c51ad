"""Findings handed to the Agent: what arrives is what base's own methods would have sent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any
from unittest import mock

import pytest
from datadog_checks.base import AgentCheck
from datadog_checks.base.checks import base
from datadog_checks.base.stubs.aggregator import AggregatorStub

from etcd_latency import submit
from etcd_latency.model import Event, Gauge, Judgement, Level
from etcd_latency.submit import Desk
from tests.test_oracle import Recorder, Submissions

TAGS = ("etcd_cluster:prod", "host:h1", "etcd_member:é\u2028")

GAUGES = [
    *(Gauge(name, 1.5, TAGS) for name in ("quorum.expected", "member.health", "page.age", "Odd name-é")),
    Gauge("quorum.expected", 2, TAGS),
    Gauge("quorum.expected", 3, TAGS[::-1]),
    Gauge("quorum.expected", 4, ()),
    Gauge("page.age", 5, (*TAGS, "long:" + "x" * 5000)),
    Gauge("page.age", -0.0, ("env:a", "env:a")),
    Gauge("page.age", 2**64, TAGS),
    Gauge("page.age", True, TAGS),  # noqa: FBT003 - a number for Python
]

OPTIONS: list[dict[str, Any]] = [
    {},
    {"metric_patterns": {"include": ["quorum", "age"]}},
    {"metric_patterns": {"exclude": ["^x[.]member"]}},
    {"disable_generic_tags": True},
    {"max_returned_metrics": 3},
    {"max_returned_metrics": 1000, "metric_patterns": {"exclude": ["quorum"]}},
    {"tags": ["own:tag"]},
]


def made(options: Mapping[str, Any], namespace: str = "x") -> AgentCheck:
    check = AgentCheck("name", {}, [dict(options)])
    check.__NAMESPACE__ = namespace
    return check


def sent_by_base(check: AgentCheck, gauges: Iterable[Gauge]) -> Submissions:
    with mock.patch.object(base, "aggregator", Recorder()) as recorder:
        for gauge in gauges:
            check.gauge(gauge.name, gauge.value, tags=list(gauge.tags))
    return recorder.found


def sent_by_desk(desk: Desk, gauges: Iterable[Gauge]) -> Submissions:
    with mock.patch.object(base, "aggregator", Recorder()) as recorder:
        desk.submit(gauges)
    return recorder.found


def end_run(*checks: AgentCheck) -> None:
    for check in checks:
        if check.metric_limiter:
            check.metric_limiter.reset()


@pytest.mark.parametrize("namespace", ["x", "x.y", ""])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_gauges_arrive_as_base_sends_them(options: dict[str, Any], namespace: str) -> None:
    """With each option that base reads then, when a gauge is new and when it is known; in another order, too."""
    ours, bases = made(options, namespace), made(options, namespace)
    desk = Desk(ours)
    for gauges in (GAUGES, GAUGES, GAUGES[::-1], GAUGES[:2], GAUGES):
        assert sent_by_desk(desk, gauges) == sent_by_base(bases, gauges)
        end_run(ours, bases)


def test_what_is_known_may_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """More gauges than are kept in mind are sent all the same."""
    monkeypatch.setattr(submit, "MOST_KNOWN", 2)
    desk = Desk(made({}))
    for _ in range(3):
        assert sent_by_desk(desk, GAUGES) == sent_by_base(made({}), GAUGES)
        assert len(desk._notes) <= 2


def test_long_tags_are_not_kept() -> None:
    """What a hostile member makes up anew for each page must not stay; it is sent, though."""
    desk = Desk(made({}))
    for number in range(100):
        gauges = [Gauge("page.age", number, ("x" * 10_000 + str(number),)), GAUGES[0]]
        assert sent_by_desk(desk, gauges) == sent_by_base(made({}), gauges)
    assert len(desk._notes) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_sent(value: float) -> None:
    """The Agent would drop it and log a line; the next value is sent again."""
    desk = Desk(made({}))
    assert not sent_by_desk(desk, [Gauge("page.age", value, TAGS)])
    assert sent_by_desk(desk, GAUGES) == sent_by_base(made({}), GAUGES)


def test_a_limit_holds_for_gauges_and_the_rest_together() -> None:
    """What the desk sends counts, and so does what others sent before."""
    check = made({"max_returned_metrics": 3})
    desk = Desk(check)
    with mock.patch.object(base, "aggregator", Recorder()) as recorder:
        check.gauge("first", 1)
        desk.submit(GAUGES)
        check.gauge("last", 1)
    assert sum(recorder.found.values()) == 3


def test_judgements_and_events_go_between_gauges(aggregator: AggregatorStub) -> None:
    """Each as what it is, with its tags."""
    tags = ("etcd_cluster:prod",)  # base's stand-in refuses `host`
    gauges = [Gauge(name, 1, tags) for name in ("page.age", "quorum.expected")]
    judgement = Judgement("member.health", Level.CRITICAL, tags, "down")
    event = Event("title", "text", "error", "key", tags)
    Desk(made({})).submit([gauges[0], judgement, event, gauges[1]])
    (check,), (told,) = aggregator.service_checks("x.member.health"), aggregator.events
    assert (check.status, check.message, tuple(check.tags)) == (AgentCheck.CRITICAL, "down", tags)
    assert (told["msg_title"], told["aggregation_key"], told["tags"]) == ("title", "etcd_latency:key", list(tags))
    assert len(aggregator.metric_names) == 2
