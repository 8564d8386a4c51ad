"""Our evaluator against VictoriaMetrics, minute by minute and group by group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.datadog.evaluate import arithmetic, buckets, change, windows
from lab.datadog.query import parse_monitor, parse_query
from lab.datadog.query.tree import CheckAlert, EventAlert, MetricAlert
from lab.datadog.store import Store
from lab.oracle import victoria
from lab.oracle.agreement import compare
from lab.oracle.victoria import Victoria
from tests.victoria.conftest import Agrees
from tests.victoria.stores import story

QUERIES = [
    f"{aggregator}:{metric}{{{scope}}}{by}"
    for aggregator in ("avg", "min", "max", "sum")
    for metric in ("x.latency", "x.size", "x.calls", "x.idle")
    for scope in ("*", "member:a", "member:a OR zone:z1", "!member:b", "member:* AND zone IN (z0, z2)", "code:un*")
    for by in ("", " by {cluster}", " by {member}", " by {zone,member}", " by {code}")
]
OVER = ("avg", "last", "max", "min", "sum")
EMPTY = (
    "sum:x.calls{code:none}.as_count() / sum:x.calls{type:unary}.as_count()",
    "exclude_null(avg:x.line{*} by {member,zone})",
)
"""No call has such a code, and no line a zone."""
FUNCTIONS = [
    *EMPTY,
    "avg:x.size{*} by {member} / avg:x.quota{*} by {member}",
    "(max:x.size{*} by {cluster} - min:x.size{*} by {cluster}) / avg:x.quota{*} by {cluster}",
    "avg:x.latency{*} by {member} / avg:x.latency{*}",
    "max:x.latency{*} / avg:x.idle{*} by {member}",
    "sum:x.calls{code:unavailable} by {member}.as_count() / sum:x.calls{type:unary} by {member}.as_count()",
    "sum:x.calls{code:unavailable}.as_rate() * 60 - sum:x.elections{*}.as_count()",
    "sum:x.calls{*} by {code}.as_count() / sum:x.calls{*}.as_count()",
    "sum:x.elections{*}.as_count() + avg:x.latency{*} by {member}",
    "-avg:x.idle{*} by {member} + 1 - 2 * 3",
    "clamp_min(avg:x.latency{*} by {member}, 0.02)",
    "clamp_max(abs(0 - avg:x.latency{*} by {member}), 0.015)",
    "max:x.size{*} by {cluster} / clamp_min(avg:x.size{*} by {cluster}, 20)",
    "default_zero(sum:x.elections{*} by {member}.as_count())",
    "default_zero(avg:x.nothing{*})",
    "count_nonzero(avg:x.idle{*} by {member})",
    "count_not_null(avg:x.idle{*} by {member})",
    "cumsum(sum:x.elections{*} by {member}.as_count())",
    "diff(avg:x.size{*} by {member})",
    "monotonic_diff(avg:x.latency{*} by {member})",
    "derivative(avg:x.size{member:c})",
    "per_hour(avg:x.size{*} by {member})",
    "hour_before(avg:x.latency{*} by {member})",
    "timeshift(avg:x.latency{*} by {member}, -600)",
    "moving_rollup(avg:x.latency{*} by {member}, 300, 'max')",
    "moving_rollup(sum:x.calls{*} by {code}, 600, 'sum')",
    "cutoff_min(avg:x.latency{*} by {member}, 0.015)",
    "cutoff_max(avg:x.latency{*} by {member}, 0.015)",
    "log2(avg:x.idle{*} by {member})",
    "log10(avg:x.size{*})",
    "avg:x.line{*} by {member,zone}",
    "top(avg:x.rtt{*} by {member,peer}, 2, 'mean', 'desc')",
    "top(avg:x.rtt{*} by {member,peer}, 2, 'max', 'asc')",
    "top(avg:x.rtt{*} by {member,peer}, 3, 'last', 'desc')",
    *(f"max:x.latency{{*}} by {{member}}.fill({fill})" for fill in ("null", "zero", "last", "linear, 60", "last, 120")),
    "sum:x.calls{*} by {code}.as_count().fill(zero, 600)",
    "sum:x.latency{*}.rollup(max)",
    "sum:x.latency{*}.rollup(count, 60)",
]

MONITORS = [
    *(f"{over}(last_{window}):max:x.latency{{*}} by {{member}} > 1" for over in OVER for window in ("1m", "5m", "15m")),
    "sum(last_10m):sum:x.calls{code:unavailable} by {member}.as_count() > 5",
    "sum(last_10m):sum:x.calls{code:unavailable} by {member}.as_count() / sum:x.calls{*} by {member}.as_count() > 0.1",
    "sum(last_15m):-sum:x.elections{*}.as_count() * 2 + 1 > 5",
    "sum(last_5m):clamp_min(sum:x.calls{*} by {member}.as_count(), 20) > 5",
    "sum(last_5m):sum:x.calls{*}.as_rate() > 5",
    "change(max(last_5m),last_10m):avg:x.size{*} by {member} > 1",
    "pct_change(avg(last_5m),last_5m):clamp_min(avg:x.latency{*} by {member}, 0.01) > 50",
    "pct_change(avg(last_15m),last_15m):clamp_min(avg:x.rtt{*} by {cluster,member,peer}, 0.01) > 15",
    "pct_change(sum(last_5m),last_30m):sum:x.calls{*} by {member}.as_count() < -50",
    "min(last_15m):(max:x.size{*} by {cluster} - min:x.size{*} by {cluster}) / avg:x.quota{*} by {cluster} > 0.1",
    "avg(last_5m):avg:x.size{*} by {member,zone} / avg:x.quota{*} by {member,zone} > 0.8",
    "min(last_5m):max:x.latency{!zone:z1} by {cluster,member}.fill(last, 120) > 1",
    "min(last_5m):max:x.latency{*} by {member}.fill(zero) > 1",
    "max(last_5m):hour_before(max:x.latency{*} by {member}) > 0",
    "avg(last_5m):per_second(avg:x.size{*} by {member}) > 0",
    *(
        f"{edge}(next_12h):forecast({query}, 'linear', {deviations}, interval='20m', history='1w', model='default') > 1"
        for edge, deviations in (("max", 1), ("min", 2.5))
        for query in ("max:x.latency{*} by {member}", "avg:x.line{*}", "avg:x.size{*} / avg:x.quota{*}")
    ),
]


@pytest.fixture(scope="module")
def store() -> Store:
    return story()


@pytest.fixture(scope="module")
def fed(store: Store) -> Iterator[Victoria]:
    """A VictoriaMetrics that holds the store."""
    with victoria.running() as oracle:
        oracle.feed(store)
        yield oracle


@pytest.mark.parametrize("query", QUERIES)
def test_queries(fed: Victoria, store: Store, query: str, agrees: Agrees) -> None:
    """The same groups have values in the same minutes, and the same values."""
    comparison = compare(fed, store, parse_query(query))
    assert agrees(comparison), comparison


@pytest.mark.parametrize("query", FUNCTIONS)
def test_functions(fed: Victoria, store: Store, query: str, agrees: Agrees) -> None:
    """Likewise; and only where both are to have none, nothing is compared."""
    comparison = compare(fed, store, parse_query(query))
    assert agrees(comparison), comparison
    assert bool(comparison.values) == (query not in EMPTY)


@pytest.mark.parametrize("query", MONITORS)
def test_monitors(fed: Victoria, store: Store, query: str, agrees: Agrees) -> None:
    """The same groups are compared with the threshold at the same moments, with the same values."""
    alert = parse_monitor(query)
    assert isinstance(alert, MetricAlert)
    comparison = compare(fed, store, alert)
    assert agrees(comparison), comparison
    assert comparison.values


@pytest.mark.parametrize(
    ("query", "table", "key", "mistake"),
    [
        ("sum:x.latency{*}", buckets.FILL_BY_KIND, "gauge", buckets.Fill("null")),
        ("sum:x.latency{*}", buckets.FILL_BY_KIND, "gauge", buckets.Fill("linear", 240)),
        ("sum:x.latency{*}", buckets.FILL_BY_KIND, "gauge", buckets.Fill("linear", 360)),
        ("sum:x.calls{*}", buckets.BY_KIND, "count", "avg"),
        ("avg:x.size{*} / avg:x.idle{*}", arithmetic.OPERATORS, "/", lambda one, other: one / other if other else 0.0),
        ("sum(last_5m):sum:x.calls{*} > 1", windows.AGGREGATORS, "sum", lambda values: sum(values[1:])),
        (
            "pct_change(avg(last_5m),last_5m):avg:x.size{*} > 1",
            change.KINDS,
            "pct_change",
            lambda now, then: now - then,
        ),
    ],
)
def test_a_mistake_shows(
    fed: Victoria, monkeypatch: pytest.MonkeyPatch, query: str, table: Any, key: str, mistake: Any
) -> None:
    """With one entry of the evaluator's tables wrong, the two do not agree any more."""
    monkeypatch.setitem(table, key, mistake)
    parsed = parse_monitor(query) if ">" in query else parse_query(query)
    assert not isinstance(parsed, CheckAlert | EventAlert)
    assert not compare(fed, story(), parsed).agrees()
