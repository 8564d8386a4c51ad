from __future__ import annotations

import pytest

from lab.datadog.evaluate import Line, evaluate
from lab.datadog.query import parse_formula, parse_query
from lab.datadog.store import Kind, Point, Store
from lab.process import LabError
from tests.stores import BEGAN, Row, asked, count, gauge, one, store_of


def minute_of(kind: Kind, *values: float) -> Store:
    """A store with several points in one minute, 15 s apart."""
    store = Store()
    for number, value in enumerate(values):
        store.add([Point("m", kind, frozenset(), value)], BEGAN + number * 15)
    return store


@pytest.mark.parametrize(
    ("query", "gauges", "counts"),
    [
        ("avg:m{*}", 2.5, 10),
        ("max:m{*}", 2.5, 10),
        ("min:m{*}", 2.5, 10),
        ("sum:m{*}", 2.5, 10),
        ("m{*}", 2.5, 10),
        ("sum:m{*}.as_count()", 2.5, 10),
        ("sum:m{*}.as_rate()", 2.5, 10 / 60),
        ("max:m{*}.rollup(max)", 4, 4),
        ("max:m{*}.rollup(min, 60)", 1, 1),
        ("max:m{*}.rollup(sum, 20)", 10, 10),
        ("max:m{*}.rollup(count)", 4, 4),
        ("max:m{*}.rollup(avg)", 2.5, 2.5),
    ],
)
def test_points_of_a_minute_become_one(query: str, gauges: float, counts: float) -> None:
    """A gauge is averaged, whatever the aggregator over series, and a count summed; a rollup says otherwise."""
    assert one(minute_of("gauge", 1, 2, 3, 4), query, 1) == [gauges]
    assert one(minute_of("count", 1, 2, 3, 4), query, 1) == [pytest.approx(counts)]


def test_buckets_are_aligned_to_the_epoch() -> None:
    """A minute begins with its first second and ends before the next; longer buckets likewise."""
    store = Store()
    for time, value in ((0, 1.0), (59.999, 3.0), (60, 5.0), (299.999, 7.0)):
        store.add([Point("m", "gauge", frozenset(), value)], BEGAN + time)
    assert one(store, "avg:m{*}.fill(null)", 5) == [2, 5, None, None, 7]
    assert asked(store, "avg:m{*}.rollup(max, 300)", 6) == {"": [7, None, None, None, None, None]}
    lines = evaluate(parse_query("avg:m{*}.fill(null)"), store, BEGAN, BEGAN + 120, interval=30)
    assert lines == [Line((), {BEGAN: 1, BEGAN + 30: 3, BEGAN + 60: 5})]


@pytest.mark.parametrize(
    ("modifier", "expected"),
    [
        ("", [1, 2, 3, None, None, None, None, None, 8, None]),
        (".fill(linear)", [1, 2, 3, None, None, None, None, None, 8, None]),
        (".fill(linear, 600)", [1, 2, 3, *[pytest.approx(3 + 5 * n / 6) for n in range(1, 6)], 8, None]),
        (".fill(linear, 60)", [1, None, 3, None, None, None, None, None, 8, None]),
        (".fill(null)", [1, None, 3, None, None, None, None, None, 8, None]),
        (".fill(last, 120)", [1, 1, 3, 3, 3, None, None, None, 8, 8]),
        (".fill(last)", [1, 1, 3, 3, 3, 3, 3, 3, 8, 8]),
        (".fill(zero, 60)", [1, 0, 3, 0, None, None, None, None, 8, 0]),
    ],
)  # fmt: skip
def test_gaps_of_a_gauge_are_filled(modifier: str, expected: list[float | None]) -> None:
    """Linearly, where points are up to five minutes apart; not after the last one, unless fill() says so."""
    store = store_of(gauge([1, None, 3, None, None, None, None, None, 8, None]))
    assert one(store, f"avg:m{{*}}{modifier}", 10) == expected


def test_gaps_of_five_minutes_are_filled_and_longer_ones_not() -> None:
    """300 seconds from point to point is the last that is filled."""
    assert one(store_of(gauge([0, None, None, None, None, 5])), "avg:m{*}", 6) == [0, 1, 2, 3, 4, 5]
    six = store_of(gauge([0, None, None, None, None, None, 6]))
    assert one(six, "avg:m{*}", 7) == [0, None, None, None, None, None, 6]


def test_gaps_of_a_count_are_not_filled() -> None:
    """Missing is missing, never 0."""
    store = store_of(count([1, None, 3]))
    assert one(store, "sum:c{*}", 3) == [1, None, 3]
    assert one(store, "sum:c{*}.as_count()", 3) == [1, None, 3]
    assert one(store, "sum:c{*}.as_count().fill(zero)", 3) == [1, 0, 3]


def test_a_gap_is_filled_from_points_before_the_graph_but_not_after_it() -> None:
    """Whoever looks at the third minute does not know of the fourth."""
    store = store_of(gauge([0, None, None, 3]))
    assert one(store, "avg:m{*}", 3, start=1) == [1, 2, 3]
    assert one(store, "avg:m{*}", 3) == [0, None, None]


def test_a_gap_of_an_earlier_time_is_filled_by_what_came_after_it() -> None:
    """Whoever looks two minutes back knows the minutes between."""
    store = store_of(gauge([0, None, None, 3, 4]))
    assert one(store, "timeshift(avg:m{*}, -120)", 2, start=3) == [1, 2]
    assert one(store, "timeshift(avg:m{*}, -60)", 3, start=1) == [0, 1, 2]


MEMBERS: tuple[Row, ...] = (
    gauge([1, 4], "cluster:a member:1"),
    gauge([2, None], "cluster:a member:2"),
    gauge([6, 6], "cluster:b member:3"),
    gauge([9, 9], "member:4"),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("avg:m{*}", {"": [4.5, 19 / 3]}),
        ("sum:m{*} by {cluster}", {"cluster:N/A": [9, 9], "cluster:a": [3, 4], "cluster:b": [6, 6]}),
        ("max:m{cluster:a} by {cluster}", {"cluster:a": [2, 4]}),
        ("min:m{!cluster:b} by {member,cluster}", {
            "member:1 cluster:a": [1, 4],
            "member:2 cluster:a": [2, None],
            "member:4 cluster:N/A": [9, 9],
        }),
        ("avg:m{cluster:absent}", {}),
        ("avg:absent{*}", {}),
        ("exclude_null(max:m{*} by {cluster})", {"cluster:a": [2, 4], "cluster:b": [6, 6]}),
        ("count_not_null(avg:m{*} by {member})", {"": [4, 3]}),
        ("count_nonzero(avg:m{*} by {member} - 6)", {"": [3, 2]}),
    ],
)  # fmt: skip
def test_series_of_a_group_become_one_line(query: str, expected: dict[str, list[float | None]]) -> None:
    """Where some are missing, of those that are there; a key without a value is N/A."""
    assert asked(store_of(*MEMBERS), query, 2) == expected


def test_a_series_is_in_the_group_of_each_of_its_values() -> None:
    """With two values of a key it counts in both."""
    store = store_of(gauge([1], "role:db role:web"), gauge([2], "role:db"))
    assert asked(store, "sum:m{*} by {role}", 1) == {"role:db": [3], "role:web": [1]}


A = gauge([10, 20, None, 40], "g:1", name="a")
B = gauge([2, 0, 5, 8], "g:1", name="b")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("avg:a{*}.fill(null) + avg:b{*}", [12, 20, None, 48]),
        ("avg:a{*}.fill(null) - avg:b{*}", [8, 20, None, 32]),
        ("avg:a{*}.fill(null) * avg:b{*}", [20, 0, None, 320]),
        ("avg:a{*}.fill(null) / avg:b{*}", [5, None, None, 5]),
        ("avg:b{*} / avg:a{*}.fill(null)", [0.2, 0, None, 0.2]),
        ("avg:b{*} / 0", None),
        ("avg:b{*} / 2 + 1", [2, 1, 3.5, 5]),
        ("100 / avg:b{*}", [50, None, 20, 12.5]),
        ("-avg:b{*}", [-2, 0, -5, -8]),
        ("1 - 3", [-2, -2, -2, -2]),
        ("1 / 0", None),
        ("avg:a{*} / avg:absent{*}", None),
    ],
)
def test_arithmetic_is_point_by_point(query: str, expected: list[float | None] | None) -> None:
    """Where both sides have a point; x/0 and x/nothing are dropped."""
    found = asked(store_of(A, B), query, 4)
    assert found == ({} if expected is None else {"": expected})


def test_groups_go_together() -> None:
    """The same groups, however their keys are ordered, or one side without groups."""
    store = store_of(gauge([6], "x:1 y:1"), gauge([8], "x:2 y:1"), gauge([2], "x:1 y:1", name="n"))
    assert asked(store, "avg:m{*} by {x,y} / avg:n{*} by {y,x}", 1) == {"x:1 y:1": [3]}
    assert asked(store, "avg:m{*} by {x} / avg:n{*}", 1) == {"x:1": [3], "x:2": [4]}
    assert asked(store, "avg:n{*} / avg:m{*} by {x}", 1) == {"x:1": [pytest.approx(1 / 3)], "x:2": [0.25]}
    with pytest.raises(LabError, match=r"^column 1: groups by \{x\} and by \{y\} cannot be combined$"):
        asked(store, "avg:m{*} by {x} / avg:m{*} by {y}", 1)


def test_a_count_with_as_count_is_taken_for_0_in_its_gaps() -> None:
    """Only within arithmetic, only where it has a line, and not as a divisor."""
    store = store_of(count([1, None, 3], name="bad"), count([4, 4, None], name="all"))
    ratio = "sum:bad{*}.as_count() / sum:all{*}.as_count()"
    assert one(store, ratio, 3) == [0.25, 0, None]
    assert one(store, "sum:bad{*}.as_count() + sum:all{*}.as_count()", 3) == [5, 4, 3]
    assert one(store, "sum:bad{*} / sum:all{*}", 3) == [0.25, None, None]
    assert asked(store, "sum:absent{*}.as_count() / sum:all{*}.as_count()", 3) == {}


RISING = gauge([1, 2, 4, None, None, None, None, None, None, 8, 3])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("abs(0 - avg:m{*})", [1, 2, 4, *[None] * 6, 8, 3]),
        ("log2(avg:m{*} - 1)", [None, 0, pytest.approx(1.584962), *[None] * 6, pytest.approx(2.807355), 1]),
        ("log10(avg:m{*} * 10)", [1, *[pytest.approx(n, abs=1e-5) for n in (1.30103, 1.60206)], *[None] * 6,
                                   pytest.approx(1.90309), pytest.approx(1.477121)]),
        ("clamp_min(avg:m{*}, 2)", [2, 2, 4, *[None] * 6, 8, 3]),
        ("clamp_max(avg:m{*}, -2)", [-2, -2, -2, *[None] * 6, -2, -2]),
        ("cutoff_min(avg:m{*}, 2)", [None, 2, 4, *[None] * 6, 8, 3]),
        ("cutoff_max(avg:m{*}, 2)", [1, 2, None, *[None] * 8]),
        ("diff(avg:m{*})", [None, 1, 2, *[None] * 6, 4, -5]),
        ("monotonic_diff(avg:m{*})", [None, 1, 2, *[None] * 6, 4, None]),
        ("derivative(avg:m{*})", [None, 1 / 60, 2 / 60, *[None] * 6, 4 / 420, -5 / 60]),
        ("per_second(avg:m{*})", [None, 1 / 60, 2 / 60, *[None] * 6, 4 / 420, -5 / 60]),
        ("per_minute(avg:m{*})", [None, 1, 2, *[None] * 6, pytest.approx(4 / 7), -5]),
        ("per_hour(avg:m{*})", [None, 60, 120, *[None] * 6, pytest.approx(240 / 7), -300]),
        ("cumsum(avg:m{*})", [1, 3, 7, *[None] * 6, 15, 18]),
        ("ewma_3(avg:m{*})", [1, 1.5, 2.75, *[None] * 6, 5.375, 4.1875]),
        ("median_3(avg:m{*})", [1, 1.5, 2, *[None] * 6, 4, 4]),
        ("moving_rollup(avg:m{*}, 120)", [1, 1.5, 3, *[None] * 6, 8, 5.5]),
        ("moving_rollup(avg:m{*}, 120, 'max')", [1, 2, 4, *[None] * 6, 8, 8]),
        ("default_zero(avg:m{*})", [1, 2, 4, 0, 0, 0, 0, 0, 0, 8, 3]),
        ("timeshift(avg:m{*}, -120)", [None, None, 1, 2, 4, *[None] * 6]),
        ("avg:m{*} - timeshift(avg:m{*}, -60)", [None, 1, 2, *[None] * 7, -5]),
        ("default_zero(avg:m{*}.rollup(max, 120))", [2, None, 4, None, 0, None, 0, None, 8, None, 3]),
        ("default_zero(avg:m{*}.rollup(max, 120)) - 1", [1, None, 3, None, -1, None, -1, None, 7, None, 2]),
    ],
)  # fmt: skip
def test_functions(query: str, expected: list[float | None]) -> None:
    """Each by numbers computed by hand; a gap stays a gap, and what it would be computed from is the point before."""
    assert one(store_of(RISING), query, 11) == [value if value is None else pytest.approx(value) for value in expected]


@pytest.mark.parametrize(
    ("function", "minutes"),
    [("hour_before", 60), ("day_before", 1440), ("week_before", 10_080), ("month_before", 40_320)],
)
def test_a_while_before(function: str, minutes: int) -> None:
    """The values of then, at the times of now."""
    store = Store()
    store.add([Point("m", "gauge", frozenset(), 5.0)], BEGAN)
    assert one(store, f"{function}(avg:m{{*}})", 2, start=minutes - 1) == [None, 5]


def test_default_zero_without_any_line() -> None:
    """0 where nothing is grouped; of groups that nobody knows there is none."""
    assert one(store_of(gauge([1])), "default_zero(avg:absent{*})", 2) == [0, 0]
    assert asked(store_of(gauge([1])), "default_zero(avg:absent{*} by {g})", 2) == {}


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ("top(avg:m{*} by {g}, 1, 'max', 'desc')", "b"),
        ("top(avg:m{*} by {g}, 1, 'mean', 'desc')", "a"),
        ("top(avg:m{*} by {g}, 2, 'last', 'asc')", "bc"),
        ("top(avg:m{*} by {g}, 1, 'min', 'desc')", "a"),
        ("top(avg:m{*} by {g}, 1, 'sum', 'asc')", "c"),
        ("top(avg:m{*} by {g}, 1, 'l2norm', 'desc')", "b"),
        ("top(avg:m{*} by {g}, 1, 'area', 'desc')", "a"),
        ("top5_max(avg:m{*} by {g})", "abc"),
        ("bottom10_last(avg:m{*} by {g})", "abc"),
    ],
)
def test_only_some_lines(query: str, groups: str) -> None:
    """By one number of each over the time of the graph."""
    store = store_of(gauge([5, 5, 5], "g:a"), gauge([0, 9, 0], "g:b"), gauge([1, 1, 1], "g:c"))
    assert sorted(asked(store, query, 3)) == [f"g:{group}" for group in groups]


FLEET = [gauge([n, n + 1, n], f"g:{n}") for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("rows", "algorithm", "outliers"),
    [
        ([*FLEET, gauge([90, 90, 90], "g:9")], "'dbscan', 3", {9}),
        (FLEET, "'dbscan', 3", set()),
        ([*FLEET, gauge([90, 90, 90], "g:9")], "'MAD', 5, 50", {9}),
        ([*FLEET, gauge([90, 2, 2], "g:9")], "'MAD', 5, 50", set()),
        ([*FLEET, gauge([90, 2, 2], "g:9")], "'MAD', 5, 20", {9}),
        ([FLEET[0], gauge([90, 90, 90], "g:9")], "'dbscan', 3", set()),
    ],
)
def test_outliers(rows: list[Row], algorithm: str, outliers: set[int]) -> None:
    """1 for the line that is far from the rest, 0 for all when there are fewer than three."""
    found = asked(store_of(*rows), f"outliers(avg:m{{*}} by {{g}}, {algorithm})", 3)
    assert {group for group, values in found.items() if values == [1, 1, 1]} == {f"g:{number}" for number in outliers}
    assert len(found) == len(rows)


def test_a_formula_names_queries() -> None:
    """Words stand for queries that are given with it."""
    names = {"a": parse_query("avg:a{*}.fill(null)"), "b": parse_query("avg:b{*}")}
    lines = evaluate(parse_formula("default_zero(a / b) * 2"), store_of(A, B), BEGAN, BEGAN + 240, names=names)
    assert [list(line.points.values()) for line in lines] == [[10, 0, 0, 10]]
    with pytest.raises(LabError, match=r"^column 5: no query is called c; there are: a, b$"):
        evaluate(parse_formula("a + c"), store_of(A, B), BEGAN, BEGAN + 240, names=names)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (
            "1 + anomalies(avg:m{*}, 'basic', 2)",
            (
                "column 5: anomalies() is not evaluated here: its bands rest on weeks of"
                " history and are not documented enough to be rebuilt"
            ),
        ),
        (
            "autosmooth(avg:m{*})",
            ("column 1: autosmooth() is not evaluated here: its span is chosen in a way that is not documented"),
        ),
        (
            "forecast(avg:m{*}, 'linear', 1)",
            (
                "column 1: forecast() is not evaluated here: a forecast stands at the"
                " beginning of a monitor's query, around all of it"
            ),
        ),
        ("frobnicate(avg:m{*})", "column 1: the function frobnicate() is not known here"),
        ("ewma_4(avg:m{*})", "column 1: the function ewma_4() is not known here"),
        ("p95:m{*}", "column 1: the aggregator p95: is not known here; there are: avg, max, min, sum"),
        ("avg:m{*}.weighted()", "column 9: the modifier .weighted() is not known here"),
        ("avg:m{*}.rollup(median)", "column 9: .rollup() knows avg, sum, min, max, count, not median"),
        ("avg:m{*}.fill(next)", "column 9: .fill() knows linear, last, zero, null, not next"),
        ("avg:m{*}.fill()", "column 9: .fill() needs to be told with what"),
        ("avg:m{*}.fill(last, x)", "column 9: .fill() needs its limit in seconds"),
        ("avg:m{*}.as_count(1)", "column 9: .as_count() takes no arguments"),
        ("avg:m{*} by {$x}", "column 1: a variable in by {$x} needs a value first"),
        ("clamp_min(avg:m{*})", "column 1: clamp_min() needs a number, the bound, as argument 2"),
        ("clamp_min(avg:m{*}, 1, 2)", "column 1: clamp_min() takes no argument 3"),
        ("abs(avg:m{*}, 1)", "column 1: abs() takes no argument 2"),
        ("abs('x')", "column 1: abs() needs a query as its first argument"),
        (
            "top(avg:m{*}, 5, 'best', 'desc')",
            ("column 1: top() needs what to rank by as argument 3, one of: area, l2norm, last, max, mean, min, sum"),
        ),
        (
            "outliers(avg:m{*}, 'scaledDBSCAN', 2)",
            ("column 1: outliers() needs an algorithm as argument 2, one of: DBSCAN, MAD, dbscan, mad"),
        ),
        ("moving_rollup(avg:m{*}, 0)", "column 1: moving_rollup() needs more than 0 seconds"),
        ("abs(avg:m{*}).rollup(sum, 60)", "column 1: .rollup() after abs() is not evaluated here"),
    ],
)
def test_what_is_not_known_is_refused(query: str, problem: str) -> None:
    """By its name and column, rather than with a 0 that looks like a value."""
    with pytest.raises(LabError) as caught:
        asked(store_of(gauge([1])), query, 1)
    assert str(caught.value) == problem
