"""What VictoriaMetrics answers to our translations, where it can be told without either program."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from lab.datadog.query import parse_monitor, parse_query
from lab.datadog.query.tree import MetricAlert
from lab.oracle import victoria
from lab.oracle.metricsql.monitors import monitor
from lab.oracle.metricsql.queries import Translator
from lab.oracle.victoria import Victoria
from lab.process import LabError
from tests.victoria.stores import BEGIN, minute, store_of

Lines = dict[str, dict[int, float]]

TWO = store_of(
    ("a.b", "gauge", ["k:1", "odd-key.x:y", "bare"], [(0, 1), (0.5, 2), (0.99999, 6), (1, 10), (4, 40), (10, 7)]),
    ("a.b", "gauge", ["k:2", "odd-key.x:y/z"], [(number, number) for number in range(12)]),
    ("a.n", "count", ["k:1"], [(0, 2), (0.5, 3), (2, 4), (3, 0)]),
    ("a.n", "count", ["k:2"], [(0, 1), (3, 5), (3.5, 5)]),
)
SAID = {0: 3.0, 1: 10.0, 4: 40.0, 10: 7.0}
JOINED = SAID | {2: 20.0, 3: 30.0}
RISING = {number: float(number) for number in range(12)}
ZEROS = dict.fromkeys(range(12), 0.0)


def lines(oracle: Victoria, promql: str, last: int = 12) -> Lines:
    """Values by the minute from the beginning of the store, by the values of the labels."""
    return {
        " ".join(f"{key}={value}" for key, value in sorted(answer.labels)): {
            (at - BEGIN) // 60 - 1: value for at, value in answer.points.items()
        }
        for answer in oracle.ask(promql, minute(1), minute(last))
    }


QUERIES: dict[str, Lines] = {
    "avg:a.b{k:1}.fill(null)": {"": SAID},
    "avg:a.b{k:1}": {"": JOINED},
    "avg:a.b{k:1}.fill(linear, 120)": {"": SAID},
    "avg:a.b{k:1}.fill(last)": {"": SAID | {2: 10, 3: 10} | dict.fromkeys(range(5, 10), 40) | {11: 7}},
    "avg:a.b{k:1}.fill(zero, 120)": {"": SAID | dict.fromkeys((2, 3, 5, 6, 11), 0)},
    "sum:a.b{*}.rollup(max)": {"": RISING | {0: 6, 1: 11, 2: 22, 3: 33, 4: 44, 10: 17}},
    "max:a.b{bare}": {"": JOINED},
    "max:a.b{odd-key.x:y*,!k:2}.fill(null) by {odd-key.x}": {"odd-key.x=y": SAID},
    "sum:a.n{*}": {"": {0: 6, 2: 4, 3: 10}},
    "sum:a.n{*}.as_rate()": {"": {0: 0.1, 2: 4 / 60, 3: 10 / 60}},
    "max:a.n{*} by {k}.as_count()": {"k=1": {0: 5, 2: 4, 3: 0}, "k=2": {0: 1, 3: 10}},
    "sum:a.n{k:2} / sum:a.n{k:1}": {"": {0: 0.2}},
    "sum:a.n{k:1}.as_count() + sum:a.n{k:2}.as_count()": {"": {0: 6, 2: 4, 3: 10}},
    "sum:a.n{k:none}.as_count() + sum:a.n{k:2}.as_count()": {},
    "sum:a.n{k:2}.as_count() + max:a.b{*} by {k}.fill(null)": {"k=1": SAID | {0: 4}, "k=2": RISING | {0: 1, 3: 13}},
    "sum:a.n{*} by {k}.as_count() * 2 + min:a.b{k:2}": {"k=1": RISING | {0: 10, 2: 10}, "k=2": RISING | {0: 2, 3: 23}},
    "sum:a.n{*} by {k} / sum:a.n{*}": {"k=1": {0: 5 / 6, 2: 1, 3: 0}, "k=2": {0: 1 / 6, 3: 1}},
    "-sum:a.n{*} * 2 + 1": {"": {0: -11, 2: -7, 3: -19}},
    "clamp_min(sum:a.n{*}, 5)": {"": {0: 6, 2: 5, 3: 10}},
    "diff(avg:a.b{k:1})": {"": {1: 7, 2: 10, 3: 10, 4: 10, 10: -33}},
    "per_minute(avg:a.b{k:1})": {"": {1: 7, 2: 10, 3: 10, 4: 10, 10: -5.5}},
    "cumsum(sum:a.n{k:2})": {"": {0: 1, 3: 11}},
    "count_nonzero(sum:a.n{*} by {k})": {"": {0: 2, 2: 1, 3: 1}},
    "count_nonzero(sum:a.n{k:1} by {k})": {"": {0: 1, 2: 1, 3: 0}},
    "default_zero(sum:a.n{k:1})": {"": ZEROS | {0: 5, 2: 4}},
    "default_zero(sum:a.n{k:3})": {"": ZEROS},
    "default_zero(sum:a.n{k:3} by {k})": {},
    "exclude_null(max:a.b{*} by {k,bare})": {"bare=no_label_value k=1": JOINED},
    "timeshift(sum:a.n{k:1}, -60)": {"": {1: 5, 3: 4, 4: 0}},
    "moving_rollup(sum:a.n{*}, 180, 'sum')": {"": {0: 6, 2: 10, 3: 14}},
    "top(avg:a.b{*} by {k}, 1, 'max', 'desc')": {"k=1": JOINED},
}
FORECAST = "(next_1h):forecast(avg:a.b{k:2}, 'linear', 1, interval='2m', history='1w') > 1"
MONITORS: dict[str, dict[int, float]] = {
    "min(last_3m):avg:a.b{k:2} > 1": {0: 0, 1: 0, 2: 0, 3: 1, 4: 2, 5: 3},
    "sum(last_2m):sum:a.n{*}.as_count() > 1": {0: 6, 1: 6, 2: 4, 3: 14, 4: 10},
    "sum(last_5m):sum:a.n{k:2}.as_count() / sum:a.n{k:1}.as_count() > 1": {
        0: 1 / 5,
        1: 1 / 5,
        2: 1 / 9,
        3: 11 / 9,
        4: 11 / 9,
        5: 10 / 4,
    },
    "pct_change(avg(last_2m),last_1m):avg:a.b{k:2} > 1": {2: 100, 3: 75, 4: 125 / 3, 5: 175 / 6},
    "change(max(last_1m),last_2m):avg:a.b{k:2} > 1": {2: 2, 3: 2, 4: 2, 5: 2},
    f"max{FORECAST}": {2: 63, 3: 64, 4: 65, 5: 66},
    f"min{FORECAST}": {2: 3, 3: 4, 4: 5, 5: 6},
}


@pytest.fixture(scope="module")
def two() -> Iterator[Victoria]:
    """A VictoriaMetrics that holds the store above."""
    with victoria.running() as oracle:
        oracle.feed(TWO)
        yield oracle


@pytest.mark.parametrize("query", QUERIES)
def test_queries(two: Victoria, query: str) -> None:
    """Buckets begin with their minute, gaps of gauges are joined up to 5 minutes, nothing goes on after the last."""
    found = lines(two, Translator({"a.n"}).text(parse_query(query)))
    assert found.keys() == QUERIES[query].keys()
    for group, points in QUERIES[query].items():
        assert found[group] == pytest.approx(points)


@pytest.mark.parametrize("query", MONITORS)
def test_monitors(two: Victoria, query: str) -> None:
    """The window's aggregate after every minute, of the minutes that there are."""
    alert = parse_monitor(query)
    assert isinstance(alert, MetricAlert)
    found = lines(two, monitor(alert, Translator({"a.n"}), held=3600), last=6)[""]
    assert found == pytest.approx(MONITORS[query])


def test_what_comes_later_can_be_hidden(two: Victoria) -> None:
    """A gap that is open at a moment is not filled, as if the point after it had not come."""
    query = parse_query("avg:a.b{k:1}")
    assert lines(two, Translator((), until=minute(4)).text(query)) == {"": {0: 3, 1: 10}}
    assert lines(two, Translator((), until=minute(5)).text(query))[""][3] == pytest.approx(30)


@pytest.mark.parametrize("values", [[1e-9 / 3, 0.1, 0.125], [123456789.123456, -0.1], [2**53 - 1, 1e12, 0]])
def test_values_arrive_as_they_were(empty: Victoria, values: list[float]) -> None:
    """Those of a series share their last decimal place, which is far behind what a comparison would notice."""
    empty.feed(store_of(("v", "gauge", [], list(enumerate(values)))))
    found = lines(empty, "last_over_time({__name__='v'}[60s])", last=len(values))[""]
    assert found == pytest.approx(dict(enumerate(values)), rel=1e-12)


def test_what_it_cannot_read_is_told(empty: Victoria) -> None:
    with pytest.raises(LabError, match=r"VictoriaMetrics answers 4\d\d to /api/v1/query_range: .*unparsed"):
        empty.ask("avg(", 0, 60)


def test_a_tag_twice_is_refused(empty: Victoria) -> None:
    """Its labels have one value each, so that the comparison would not be of the same."""
    with pytest.raises(LabError, match=r"a series of v has several values of one tag.*: k:1, k:2"):
        empty.feed(store_of(("v", "gauge", ["k:1", "k:2"], [(0, math.pi)])))
