from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.datadog.evaluate import Status, outcomes, values
from lab.datadog.query import parse_monitor
from lab.datadog.query.tree import MetricAlert
from lab.datadog.store import Point, Store
from lab.process import LabError
from tests.stores import BEGAN, MINUTE, Row, count, gauge, named, said, store_of


def compared(store: Store, query: str, minutes: int) -> dict[str, list[float | None]]:
    """What a monitor compares at the end of each minute, by group."""
    alert = parse_monitor(query)
    assert isinstance(alert, MetricAlert)
    ends = [BEGAN + (minute + 1) * MINUTE for minute in range(minutes)]
    return {named(group): [points.get(end) for end in ends] for group, points in values(alert, store, ends).items()}


def alone(store: Store, query: str, minutes: int) -> list[float | None]:
    (found,) = compared(store, query, minutes).values()
    return found


@pytest.mark.parametrize(
    ("aggregator", "expected"),
    [
        ("avg", [4, 3, 3, 4.5, 7, 7, None]),
        ("sum", [4, 6, 6, 9, 7, 7, None]),
        ("min", [4, 2, 2, 2, 7, 7, None]),
        ("max", [4, 4, 4, 7, 7, 7, None]),
        ("last", [4, 2, 2, 7, 7, 7, None]),
    ],
)
def test_a_window_slides(aggregator: str, expected: list[float | None]) -> None:
    """It ends with the minute, and is aggregated over the buckets that have a value; without any there is none."""
    store = store_of(gauge([4, 2, None, 7]))
    assert alone(store, f"{aggregator}(last_3m):avg:m{{*}}.fill(null) > 1", 7) == expected


def test_a_window_holds_the_buckets_that_begin_in_it() -> None:
    """Also those of a rollup that is no number of minutes; the last one is cut off by the end of the window."""
    store = store_of(gauge([1, 2, 3, 4, 5, 6]))
    assert alone(store, "sum(last_3m):avg:m{*}.rollup(max, 90) > 1", 6) == [1, 2, 5, 7, 5, 11]


def test_a_minute_counts_when_it_is_over() -> None:
    """A moment within a minute sees the minutes before it."""
    store = store_of(gauge([1, 9]))
    alert = parse_monitor("max(last_5m):avg:m{*} > 5")
    moments = [BEGAN + 60, BEGAN + 119.9, BEGAN + 120]
    assert outcomes(alert, {}, store, moments) == {(): [Status.OK, Status.OK, Status.ALERT]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sum(last_2m):sum:bad{*}.as_count() / sum:all{*}.as_count() > 1", [0.1, 0.4, 0.6, 0.5, None]),
        ("sum(last_2m):sum:bad{*} / sum:all{*} > 1", [0.1, 0.8, 1.2, 0.5, None]),
        ("sum(last_2m):100 * sum:bad{*}.as_count() / sum:all{*}.as_count() > 1", [10, 40, 60, 50, None]),
        ("sum(last_2m):1 - sum:bad{*}.as_count() / sum:all{*}.as_count() > 1", [0.9, 0.6, 0.4, 0.5, None]),
        ("sum(last_2m):sum:bad{*}.as_count() - -sum:all{*}.as_count() > 1", [11, 28, 32, 15, None]),
        ("sum(last_2m):clamp_min(sum:bad{*}.as_count(), 5) / sum:all{*}.as_count() > 1", [0.5, 0.6, 0.6, 0.5, None]),
        ("sum(last_2m):sum:bad{*}.as_count() > 1", [1, 8, 12, 5, None]),
    ],
)  # fmt: skip
def test_sides_with_as_count_are_summed_before_they_are_divided(query: str, expected: list[float | None]) -> None:
    """Without as_count() it is the sum of the quotients."""
    store = store_of(count([1, 7, 5], name="bad"), count([10, 10, 10], name="all"))
    store.add([Point("x", "gauge", frozenset(), 0.0)], BEGAN + 500)
    assert alone(store, query, 5) == [None if value is None else pytest.approx(value) for value in expected]


def test_a_sum_over_nothing_is_dropped() -> None:
    """Divided by a window whose sum is 0, or that is empty, there is no value."""
    store = store_of(count([1, 1, None, 4], name="bad"), count([0, 0, 2, 2], name="all"))
    assert alone(store, "sum(last_2m):sum:bad{*}.as_count() / sum:all{*}.as_count() > 1", 4) == [None, None, 0.5, 1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("change(avg(last_1m),last_2m):avg:m{*} > 1", [None, None, 2, 5, -3, -8]),
        ("change(max(last_2m),2m_ago):avg:m{*} > 1", [None, None, 2, 5, 5, -3]),
        ("pct_change(avg(last_1m),last_2m):avg:m{*} > 1", [None, None, 100, 250, -75, pytest.approx(-800 / 7)]),
        ("pct_change(avg(last_2m),last_2m):avg:m{*} > 1",
         [None, None, 100, 175, 87.5, pytest.approx((-75 - 800 / 7) / 2)]),
        ("pct_change(sum(last_2m),last_2m):sum:n{*}.as_count() > 1", [None, None, None, 200, 100, -200]),
        ("pct_change(avg(last_1m),last_2m):clamp_min(avg:m{*}, 4) > 1",
         [None, None, 0, 75, 0, pytest.approx(-300 / 7)]),
    ],
)  # fmt: skip
def test_a_change_is_point_by_point(query: str, expected: list[float | None]) -> None:
    """(a - b) / b, in percent and signed, then aggregated; where b is 0 the point is dropped."""
    store = store_of(gauge([2, 2, 4, 7, 1, -1]), count([0, 1, 5, 3, 0, 0], name="n"))
    assert alone(store, query, 6) == expected


THRESHOLDS = {"critical": 10, "warning": 5, "critical_recovery": 8, "warning_recovery": 3}


@pytest.mark.parametrize(
    ("comparator", "sign", "thresholds", "states"),
    [
        (">", 1, {}, "oooAoooooo"),
        (">", 1, {"warning": 5}, "oowAwwwooo"),
        (">", 1, THRESHOLDS, "oowAAwwwoo"),
        (">=", 1, THRESHOLDS, "owAAAAwwwo"),
        ("<", -1, THRESHOLDS, "oowAAwwwoo"),
        ("<=", -1, THRESHOLDS, "owAAAAwwwo"),
        (">", 1, {"critical_recovery": 2}, "oooAAAAAAo"),
    ],
)
def test_a_state_lasts_until_its_recovery_threshold(
    comparator: str, sign: int, thresholds: dict[str, float], states: str
) -> None:
    """Recovered is what has passed it: `>` at or below it, `>=` below it, and the other way round."""
    store = store_of(gauge([sign * value for value in (4, 5, 10, 11, 9, 8, 7, 5, 3, 2)]))
    signed = {name: sign * value for name, value in ({"critical": 10} | thresholds).items()}
    query = f"max(last_1m):avg:m{{*}} {comparator} {sign * 10}"
    assert said(store, query, 10, {"thresholds": signed}) == {"": states}


def test_thresholds_agree_with_the_query() -> None:
    """Datadog refuses a critical threshold that is not the query's."""
    with pytest.raises(LabError, match=r"^thresholds\.critical is 9, but the query compares with 10\.0$"):
        said(store_of(gauge([1])), "max(last_1m):avg:m{*} > 10", 1, {"thresholds": {"critical": 9}})


HOLE: list[float | None] = [20, 20, None, None, None, None, None, None, 1]


@pytest.mark.parametrize(
    ("options", "states"),
    [
        ({}, "AAAAAAAAo"),
        ({"on_missing_data": "default"}, "AAAAAAAAo"),
        ({"on_missing_data": "show_no_data"}, "AAA-----o"),
        ({"on_missing_data": "show_and_notify_no_data"}, "AAA-----o"),
        ({"on_missing_data": "resolve"}, "AAAoooooo"),
        ({"notify_no_data": False}, "AAAAAAAAo"),
        ({"notify_no_data": True}, "AAAAAA--o"),
        ({"notify_no_data": True, "no_data_timeframe": 3}, "AAAAA---o"),
    ],
)
def test_an_empty_window(options: dict[str, Any], states: str) -> None:
    """Of a gauge: the last status, unless the monitor says otherwise."""
    assert said(store_of(gauge(HOLE)), "max(last_2m):avg:m{*}.fill(null) > 10", 9, options) == {"": states}


def test_an_empty_window_of_counts_is_0() -> None:
    """By default, of a query of counts; with default_zero(), which does nothing there, the last status stays."""
    store = store_of(count(HOLE, name="n"))
    default = {"on_missing_data": "default"}
    assert said(store, "sum(last_2m):sum:n{*}.as_count() > 10", 9, default) == {"": "AAAoooooo"}
    assert said(store, "sum(last_2m):sum:n{*}.as_count() < 10", 9, default) == {"": "oooAAAAAA"}
    assert said(store, "sum(last_2m):default_zero(sum:n{*}.as_count()) > 10", 9, default) == {"": "AAAAAAAAo"}


def test_no_data_options_exclude_each_other() -> None:
    """Both at once are refused, and so is a value that is none."""
    store = store_of(gauge([1]))
    with pytest.raises(LabError, match="notify_no_data and on_missing_data exclude each other"):
        said(store, "max(last_1m):avg:m{*} > 1", 1, {"on_missing_data": "default", "notify_no_data": True})
    with pytest.raises(LabError, match=r"on_missing_data is one of default, show_no_data, .*, not 'zero'"):
        said(store, "max(last_1m):avg:m{*} > 1", 1, {"on_missing_data": "zero"})


def test_groups_appear_when_they_are_first_seen() -> None:
    """Before that there is no data, which is no alert; a series without the key is no group."""
    store = store_of(gauge([20, 1], "g:a"), gauge([None, None, 20], "g:b"), gauge([20], "h:c"))
    query = "max(last_1m):avg:m{*} by {g} > 10"
    assert said(store, query, 4, {"on_missing_data": "show_no_data"}) == {"g:a": "Ao--", "g:b": "--A-"}
    assert said(store, "max(last_1m):avg:m{g:x} by {g} > 10", 4) == {}


@pytest.mark.parametrize(("delay", "states"), [(0, "AAAA"), (60, "-AAA"), (None, "-AAA"), (150, "---A")])
def test_a_new_group_is_left_alone_for_a_while(delay: int | None, states: str) -> None:
    """60 seconds unless the monitor says otherwise; a monitor without groups does not wait."""
    store = store_of(gauge([20, 20, 20, 20], "g:a"))
    options = {"new_group_delay": delay}
    assert said(store, "max(last_1m):avg:m{*} by {g} > 10", 4, options) == {"g:a": states}
    assert said(store, "max(last_1m):avg:m{*} > 10", 4, options) == {"": "AAAA"}


def test_an_evaluation_delay_looks_at_what_was_before() -> None:
    """At 7:00, with 120 seconds, a window of one minute is 6:57 to 6:58."""
    store = store_of(gauge([1, 20, 1, 1, 1]))
    query = "max(last_1m):avg:m{*} > 10"
    assert said(store, query, 5) == {"": "oAooo"}
    assert said(store, query, 5, {"evaluation_delay": 120}) == {"": "--oAo"}


@pytest.mark.parametrize(
    ("window", "points", "full"),
    [
        ("last_5m", "11111", True),
        ("last_5m", "x1111", False),
        ("last_5m", "1xxx1", True),
        ("last_5m", "1xxxx", False),
        ("last_1h", "1" + "x" * 19 + "1" + "x" * 19 + "1" * 20, True),
        ("last_1h", "1" + "x" * 39 + "1" * 20, True),
        ("last_1h", "1" + "x" * 49 + "1" * 10, False),
        ("last_1h", "x" * 10 + "1" * 50, False),
    ],
)
def test_a_full_window(window: str, points: str, full: bool) -> None:  # noqa: FBT001 - a column of the table
    """Its first bucket has a point and at most three have none, of a minute or, in hours, ten; else it is skipped."""
    store = store_of(gauge([20 if point == "1" else None for point in points]))
    query = f"max({window}):avg:m{{*}}.fill(null) > 10"
    states = said(store, query, len(points), {"require_full_window": True})[""]
    assert states[-1] == ("A" if full else "-")


def test_a_skipped_window_leaves_the_state() -> None:
    """Evaluation is cancelled; what was said before stays."""
    store = store_of(gauge([20, 20, 20, None, None, 1, 1, 1]))
    query = "max(last_3m):avg:m{*}.fill(null) > 10"
    assert said(store, query, 8, {"require_full_window": True}) == {"": "--AAAAAo"}


def test_nothing_is_known_of_later_minutes() -> None:
    """A gap that a later point fills is a gap as long as it is open."""
    store = store_of(gauge([20, None, None, 20]), gauge([0, 0, 0, 0], "g:x"))
    assert alone(store, "max(last_1m):sum:m{*} > 10", 4) == [20, 0, 0, 20]
    assert alone(store, "max(last_3m):sum:m{*} > 10", 4)[3] == 20
    assert alone(store, "min(last_3m):sum:m{*} > 10", 4) == [20, 0, 0, 20]


def test_a_window_is_not_full_of_what_comes_later() -> None:
    """What fills its gaps in the end is not there yet; and what counts are the lines of this window, not of all."""
    full = {"require_full_window": True}
    store = store_of(gauge([20, None, None, None, None, 20]), gauge([0] * 6, name="late"))
    assert said(store, "max(last_5m):avg:m{*} > 10", 6, full) == {"": "-----A"}
    store = store_of(gauge([20, 20, 0, 0], "g:a"), gauge([0, 0, 90, 90], "g:b"))
    query = "max(last_2m):top(avg:m{*} by {g}, 1, 'max', 'desc') > 10"
    assert said(store, query, 4, full) == {"g:a": "-AAA", "g:b": "--AA"}


def test_what_is_held_goes_on_after_the_last_point_of_all() -> None:
    """fill(last) holds a value for as long as it says, also when nothing at all comes any more."""
    store = store_of(gauge([20]))
    assert alone(store, "max(last_1m):sum:m{*}.fill(last, 120) > 10", 5) == [20, 20, 20, None, None]
    assert alone(store, "max(last_1m):sum:m{*} > 10", 5) == [20, None, None, None, None]
    assert compared(store, "max(last_1m):sum:m{*} > 10", 0) == {}


cells = st.one_of(st.none(), st.integers(0, 9).map(float))
QUERIES = (
    "min(last_3m):avg:m{*} > 1",
    "avg(last_4m):max:m{*} by {g} - avg:m{g:1} > 1",
    "sum(last_2m):sum:c{*} by {g}.as_count() / sum:c{*}.as_count() > 1",
    "pct_change(avg(last_2m),last_3m):clamp_min(avg:m{*} by {g}, 2) > 1",
    "max(last_2m):default_zero(avg:m{*} by {g}) > 1",
    "avg(last_5m):sum:m{*}.rollup(max, 120) > 1",
    "avg(last_3m):diff(sum:m{*} by {g}) > 1",
    "max(last_3m):top(avg:m{*} by {g}, 1, 'max', 'desc') > 1",
    "max(last_4m):sum:m{*}.fill(last, 120) > 1",
    "min(last_2m):default_zero(sum:m{g:1}) < 1",
    "max(last_2m):timeshift(sum:m{*}, -120) > 1",
    "min(last_3m):sum:m{*} - timeshift(sum:m{*} by {g}, -60) > 1",
    "max(next_1h):forecast(sum:m{*}.fill(null), 'linear', 1, interval=120) > 1",
    "min(next_1h):forecast(default_zero(sum:m{*}), 'linear', 1, interval=120) > 1",
)


@pytest.mark.parametrize("query", QUERIES)
@settings(max_examples=20)
@given(rows=st.lists(st.lists(cells, min_size=9, max_size=9), min_size=2, max_size=3))
def test_a_moment_is_as_if_the_store_ended_with_it(query: str, rows: list[list[float | None]]) -> None:
    """However it is computed, in one go or for one moment: what was flushed later changes nothing."""
    table: list[Row] = [gauge(row, f"g:{number}") for number, row in enumerate(rows)]
    table += [count(row, f"g:{number}") for number, row in enumerate(rows)]
    late = gauge([0] * 9, name="late")
    whole = compared(store_of(late, *table), query, 9)
    for minutes in range(1, 10):
        cut: list[Row] = [(name, kind, tags, values[:minutes]) for name, kind, tags, values in table]
        now = compared(store_of(late, *cut), query, minutes)
        seen = {group: values[minutes - 1] for group, values in whole.items() if values[minutes - 1] is not None}
        assert {group: values[-1] for group, values in now.items() if values[-1] is not None} == pytest.approx(seen)


FORECAST = "{}(next_12h):forecast({}, 'linear', {}, interval='{}', history='{}') >= 0.8"


@pytest.mark.parametrize(
    ("aggregator", "values", "deviations", "expected"),
    [
        ("max", [n / 1000 for n in range(121)], 1, 0.121 + 0.72),
        ("min", [n / 1000 for n in range(121)], 1, 0.121),
        ("max", [-n / 1000 for n in range(121)], 1, -0.121),
        ("max", [0.6, 0.4, 0.4, 0.6] * 30, 0, 0.5),
        ("max", [0.6, 0.4, 0.4, 0.6] * 30, 2, 0.7),
        ("min", [0.6, 0.4, 0.4, 0.6] * 30, 2, 0.3),
    ],
)
def test_a_forecast_is_a_line_with_a_band(
    aggregator: str, values: list[float], deviations: int, expected: float
) -> None:
    """The line of least squares, at the end of the horizon that counts, and its deviation as often as said."""
    query = FORECAST.format(aggregator, "avg:m{*}", deviations, "60m", "1w")
    found = alone(store_of(gauge(values)), query, len(values))
    assert found[59:61] == [None, pytest.approx(found[60])]
    assert found[-1] == pytest.approx(expected)


def test_a_forecast_sees_its_history_only() -> None:
    """A level that is older than the history does not bend the line."""
    values = [100.0] * 60 + [n / 1000 for n in range(121)]
    found = alone(store_of(gauge(values)), FORECAST.format("max", "avg:m{*}", 1, "60m", "2h"), len(values))
    assert found[-1] == pytest.approx(0.841)


def test_a_forecast_needs_more_than_one_point() -> None:
    """Whatever the interval: one point has no trend."""
    found = alone(store_of(gauge([1, 2])), FORECAST.format("max", "avg:m{*}", 0, "0m", "1w"), 2)
    assert found == [None, pytest.approx(3 + 720)]


def test_outliers_in_a_monitor() -> None:
    """Each window for itself."""
    store = store_of(
        *(gauge([n, n + 1, n, n, n + 1, n], f"g:{n}") for n in (1, 2, 3)), gauge([2] * 3 + [90] * 3, "g:9")
    )
    query = "avg(last_2m):outliers(avg:m{*} by {g}, 'dbscan', 3) > 0"
    assert said(store, query, 6) == {"g:1": "oooooo", "g:2": "oooooo", "g:3": "oooooo", "g:9": "oooAAA"}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (
            "avg(last_5m):sum:m{*}.as_count() > 1",
            ("column 14: with as_count() a window can only be summed, not avg(last_5m)"),
        ),
        (
            "max(last_5m):cumsum(avg:m{*}) > 1",
            (
                "column 14: cumsum() is not for monitors: what it gives depends on the time"
                " that a graph shows (Dashboards, Functions, Arithmetic)"
            ),
        ),
        (
            "sum(last_5m):abs(sum:m{*}.as_count() / sum:n{*}.as_count()) > 1",
            (
                "column 14: abs() is not evaluated here:"
                " around arithmetic with as_count() it is not documented what comes first"
            ),
        ),
        ("percentile(last_5m):avg:m{*} > 1", "the aggregator percentile over last_5m is not evaluated here"),
        ("avg(current_1d):avg:m{*} > 1", "expected a window such as last_5m, found 'current_1d'"),
        (
            "avg(next_12h):forecast(avg:m{*}, 'linear', 1) > 1",
            ("column 15: a forecast is compared by max() or min() over a window such as next_12h"),
        ),
        (
            "max(next_12h):forecast(avg:m{*}, 'seasonal', 1) > 1",
            (
                "column 15: forecast() needs an algorithm (the seasonal"
                " one is not evaluated here) as argument 2, one of: linear"
            ),
        ),
        (
            "max(next_12h):forecast(avg:m{*}, 'linear', 1, seasonality='daily') > 1",
            ("column 15: forecast() knows interval, history, model, not seasonality"),
        ),
        (
            "max(next_12h):forecast(avg:m{*}, 'linear', 1, model='wild') > 1",
            ("column 15: forecast() knows the models default, simple, reactive, not wild"),
        ),
        ("max(last_5m):frob(avg:m{*}) > 1", "column 14: the function frob() is not known here"),
        ('events("tags:x").rollup("count").last("5m") > 1', "monitors of events are not evaluated here"),
    ],
)
def test_what_is_not_evaluated_is_refused(query: str, problem: str) -> None:
    """By its name, and its column where it has one."""
    with pytest.raises(LabError) as caught:
        said(store_of(gauge([1])), query, 1)
    assert str(caught.value) == problem
