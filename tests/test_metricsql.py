"""Translations to MetricsQL, as text; what VictoriaMetrics makes of them is proven by `make test-oracle`."""

from __future__ import annotations

import pytest

from lab.datadog.query import parse_monitor, parse_query
from lab.datadog.query.tree import Metric, MetricAlert
from lab.oracle.metricsql.matchers import quoted, selector
from lab.oracle.metricsql.monitors import monitor, span
from lab.oracle.metricsql.queries import Translator
from lab.process import LabError

COUNTS = Translator({"n"})
SUMS = 'avg(sum_over_time({__name__="n"}[60s]))'


@pytest.mark.parametrize(
    ("scope", "selected"),
    [
        ("*", '{__name__="a.b"}'),
        ("k:v", '{__name__="a.b",k=~"v"}'),
        ("k:v*,!j:w", '{__name__="a.b",k=~"v.*",j!~"w"}'),
        ("k:*", '{__name__="a.b",k=~".+"}'),
        ("odd-key.x:y.z/w", '{__name__="a.b",odd\\-key\\.x=~"y\\\\.z/w"}'),
        ("k IN (a,b)", '{__name__="a.b",k=~"a|b"}'),
        ("k NOT IN (a,b)", '{__name__="a.b",k!~"a|b"}'),
        ("bare", '{__name__="a.b",bare=~"no_label_value"}'),
        ("k:v OR j:w", '{__name__="a.b",k=~"v" or __name__="a.b",j=~"w"}'),
        ("NOT (k:v OR j:w)", '{__name__="a.b",k!~"v",j!~"w"}'),
        ("NOT (k:v AND j:w)", '{__name__="a.b",k!~"v" or __name__="a.b",j!~"w"}'),
        ("(k:v OR j:w) AND i:u", '{__name__="a.b",k=~"v",i=~"u" or __name__="a.b",j=~"w",i=~"u"}'),
        ("$var", '{__name__="a.b"}'),
    ],
)
def test_scopes(scope: str, selected: str) -> None:
    """All that holds together stands in one list, what holds instead in another."""
    metric = parse_query(f"avg:a.b{{{scope}}}")
    assert isinstance(metric, Metric)
    assert selector(metric) == selected


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("sum:n{*} by {k,j-i}", 'sum(sum_over_time({__name__="n"}[60s])) by (k,j\\-i)'),
        ("max:g{*}.fill(null)", 'max(avg_over_time({__name__="g"}[60s]))'),
        ("max:g{*}.as_count().fill(null)", 'max(avg_over_time({__name__="g"}[60s]))'),
        ("sum:n{*}.as_rate()", 'sum((sum_over_time({__name__="n"}[60s]) / 60))'),
        ("n{*} / 2", f"({SUMS} / (2 != 0))"),
        ("n{*} * -0.5", f"({SUMS} * -0.5)"),
        (
            "n{*} by {k} - m{*}.fill(null)",
            f"({SUMS} by (k) - on () group_left () avg(avg_over_time({{__name__={quoted('m')}}}[60s])))",
        ),
        ("abs(n{*})", f"abs({SUMS})"),
        ("clamp_min(n{*}, 0.5)", f"clamp_min({SUMS}, 0.5)"),
        ("timeshift(n{*}, -90)", f"last_over_time({SUMS}[60s:60s] offset 90s)"),
        ("moving_rollup(n{*}, 300, 'max')", f"(max_over_time({SUMS}[300s:60s]) if {SUMS})"),
    ],
)
def test_queries(query: str, text: str) -> None:
    """Buckets, then series, then arithmetic; a divisor of 0 is none."""
    assert COUNTS.text(parse_query(query)) == text


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("p95:g{*}", "column 1: VictoriaMetrics does not aggregate by p95 as Datadog does"),
        ("1 + anomalies(avg:g{*}, 'basic', 2)", r"column 5: VictoriaMetrics has nothing like this anomalies\(\)"),
        ("ewma_3(avg:g{*})", r"column 1: .* nothing like this ewma_3\(\)"),
        ("clamp_min(avg:g{*})", r"column 1: .* nothing like this clamp_min\(\)"),
        ("clamp_min(avg:g{*}, '0.5')", r"column 1: .* nothing like this clamp_min\(\)"),
        ("timeshift(avg:g{*}, 'soon')", r"column 1: .* nothing like this timeshift\(\)"),
        ("moving_rollup(avg:g{*}, '5m')", r"column 1: .* nothing like this moving_rollup\(\)"),
        ("top(avg:g{*} by {k}, 3, 'area', 'desc')", r"column 1: .* nothing like this top\(\)"),
        ("abs(avg:g{*}).rollup(avg, 60)", r"column 1: .* nothing like this abs\(\)"),
        ("avg:g{*}.rollup(sum, 300)", r"column 9: VictoriaMetrics has nothing like this \.rollup\(\)"),
        ("avg:g{*} by {k} / avg:g{*} by {j}", "VictoriaMetrics does not match lines of different groups"),
        ("avg:g{NOT *}", "the scope of g excludes every series"),
        ("avg:g{k*:v}", r"k\*: VictoriaMetrics selects by values with a `\*`, not by keys with one"),
        ("clamp_min(avg:g{*}, avg:g{*})", "only the first argument of a function can be a query"),
    ],
)
def test_what_is_not_translated_is_named(query: str, why: str) -> None:
    """Never is something else asked than what the query says."""
    with pytest.raises(LabError, match=why):
        COUNTS.text(parse_query(query))


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("percentile(last_5m):avg:g{*} > 1", "does not aggregate a window by percentile"),
        ("avg(last_5m):sum:n{*}.as_count() > 1", r"as_count\(\) can only be summed, not aggregated by avg"),
        ("sum(last_5m):abs(n{*}.as_count() / n{*}.as_count()) > 1", r"column 14: .* when abs\(\) of sums is taken"),
        ("avg(last_5m):default_zero(avg:g{*}) > 1", r"column 14: default_zero\(\) in a monitor"),
        ("max(next_1d):forecast(avg:g{*}, 'seasonal', 1) > 1", r"column 14: .* nothing like max\(next_1d\)"),
        ("avg(current_1h):avg:g{*} > 1", "current_1h has no length in s, m, h, d or w"),
    ],
)
def test_monitors_that_are_not_translated(query: str, why: str) -> None:
    """The reason is told, with the column where it is in one place."""
    alert = parse_monitor(query)
    assert isinstance(alert, MetricAlert)
    with pytest.raises(LabError, match=why):
        monitor(alert, COUNTS, held=3600)


@pytest.mark.parametrize(("window", "seconds"), [("last_5m", 300), ("next_12h", 43200), ("1w", 604800), ("60s", 60)])
def test_spans(window: str, seconds: int) -> None:
    """Windows, horizons and histories are all lengths."""
    assert span(window) == seconds
