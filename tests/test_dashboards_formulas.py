from __future__ import annotations

import csv

import pytest

from lab.assets.dashboards import metrics
from lab.assets.dashboards.formulas import Queries, Shown
from lab.assets.metadata import METADATA
from lab.datadog.query import QueryError
from lab.process import LabError
from tests.boards import ROOT
from tests.test_dashboards_parts import LIMITS

FORWARDED = "controller_manager.etcd_families"
"""Counts what no catalogue knows."""


def asked(*expressions: str, scalar: bool = False) -> tuple[list[str], list[dict[str, str]]]:
    """The formulas and queries of a widget that shows these."""
    queries = Queries(LIMITS, scalar)
    formulas = [queries.formula("x", Shown(one))["formula"] for one in expressions]
    return formulas, queries.definitions()


def query(expression: str) -> str:
    """The one query that is asked."""
    _, (definition,) = asked(expression)
    return definition["query"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("max:mvcc.keys{*}", "max:etcd_latency.mvcc.keys{$etcd_cluster,$etcd_member}"),
        (
            "max:mvcc.keys{*} by {etcd_member}",
            "max:etcd_latency.mvcc.keys{$etcd_cluster,$etcd_member} by {etcd_cluster,etcd_member}",
        ),
        (
            "max:lease.granted.count{*} by {etcd_cluster}.as_count()",
            "max:etcd_latency.lease.granted.count{$etcd_cluster,$etcd_member} by {etcd_cluster}.as_count()",
        ),
        (
            "max:network.peer.received.count{!peer:0}.as_rate()",
            "max:etcd_latency.network.peer.received.count{$etcd_cluster,$etcd_member,!peer:0}.as_rate()",
        ),
        (
            "max:apiserver.objects{a:b AND c IN (d,e)}",
            "max:etcd_latency.apiserver.objects{$etcd_cluster AND $apiserver AND a:b AND c IN (d,e)}",
        ),
        (
            "max:apiserver.objects{a:b OR c:d}",
            "max:etcd_latency.apiserver.objects{$etcd_cluster AND $apiserver AND (a:b OR c:d)}",
        ),
        ("max:cluster.ids{*}", "max:etcd_latency.cluster.ids{$etcd_cluster}"),
    ],
)
def test_queries_are_written_out(expression: str, expected: str) -> None:
    """In our namespace, with the variables of the metric, by cluster first."""
    assert query(expression) == expected


def test_queries_that_say_the_same_are_asked_once() -> None:
    """And formulas name them."""
    formulas, queries = asked("max:mvcc.keys{*} / max:mvcc.watchers{*}", "clamp_min(-max:mvcc.keys{*}, 1) * 2")
    assert formulas == ["query1 / query2", "clamp_min(-query1, 1) * 2"]
    assert [one["name"] for one in queries] == ["query1", "query2"]
    assert "aggregator" not in queries[0]


def test_numbers_are_the_last_value_or_the_sum_of_counts() -> None:
    """Unless the source says otherwise."""
    _, queries = asked("max:mvcc.keys{*}", "sum:mvcc.put.count{*}.as_count()", scalar=True)
    assert [one["aggregator"] for one in queries] == ["last", "sum"]
    other = Queries(LIMITS, scalar=True)
    other.formula("x", Shown("max:mvcc.keys{*}", over="avg"))
    assert [one["aggregator"] for one in other.definitions()] == ["avg"]


def test_a_monitor_is_shown_as_it_is() -> None:
    """What it looks at is not typed twice."""
    queries = Queries(LIMITS, scalar=False)
    assert queries.formula("Keys", Shown(monitor="lag")) == {
        "alias": "Keys",
        "formula": "query1",
        "number_format": {"unit": {"type": "canonical_unit", "unit_name": "key"}},
    }
    assert queries.definitions()[0]["query"].endswith("mvcc.keys{$etcd_cluster,$etcd_member} by {etcd_cluster}")


@pytest.mark.parametrize(
    ("shown", "unit"),
    [
        (Shown("max:mvcc.db.total_size{*}"), {"unit_name": "byte"}),
        (Shown("sum:mvcc.put.count{*}.as_rate()"), {"unit_name": "operation", "per_unit_name": "second"}),
        (Shown("sum:process.cpu.time.count{*}.as_rate()", unit="core"), {"unit_name": "core"}),
        (Shown("max:mvcc.watchers{*}"), None),
        (Shown("max:mvcc.keys{*} / max:mvcc.watchers{*}"), None),
    ],
    ids=lambda one: getattr(one, "expression", ""),
)
def test_units_come_from_the_catalogue(shown: Shown, unit: dict[str, str] | None) -> None:
    """Of a metric alone; of what is calculated, only what the source says."""
    found = Queries(LIMITS, scalar=False).formula("x", shown).get("number_format")
    assert found == (unit and {"unit": {"type": "canonical_unit", **unit}})


def test_a_query_that_cannot_be_read_is_refused() -> None:
    """With the place in it."""
    with pytest.raises(QueryError, match=r"max:mvcc\.keys"):
        asked("max:mvcc.keys{* by {x}")


def test_units_are_those_of_the_metadata() -> None:
    """Of all metrics that are sent without an option."""
    with (ROOT / METADATA).open() as table:
        rows = {row["metric_name"].removeprefix("etcd_latency."): row["unit_name"] for row in csv.DictReader(table)}
    expected = {name: unit for name, unit in rows.items() if not name.startswith(("go.", FORWARDED))}
    assert {name: metrics.unit(name) for name in expected} == expected


@pytest.mark.parametrize("name", ["mvcc.nothing", "go.goroutines"])
def test_unknown_metrics_are_refused(name: str) -> None:
    """And those that few send."""
    with pytest.raises(LabError, match=f"metric {name}: neither etcd's page nor the check has it"):
        asked(f"max:{name}{{*}}")


def test_helps_are_told_once() -> None:
    """Of a histogram, whatever of it is shown."""
    both = metrics.helps(["disk.wal_fsync.duration.p99", "disk.wal_fsync.duration.avg"])
    assert both == metrics.helps(["disk.wal_fsync.duration.sum"])
    assert "durable" in both
