"""Assets whose parts are fine and do not fit each other: told at the place, in these words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.assets.monitors import FOLDER
from lab.datadog.problems import Problem
from lab.datadog.rules.messages import misfits
from lab.datadog.schema import Kind, problems, read
from tests.boards import BOARDS, ROOT, WIDGETS
from tests.test_schema import ALERT, BOARD, CHECK, GONE, GROUP, OPTIONS, REQUEST, SERIES, STATUS, VALUE, changed

QUERY = "definition.query"
LIMITS = f"{OPTIONS}.thresholds"
VARIABLES = BOARD["template_variables"]
USED = "max:etcd_latency.mvcc.db.quota.used{*} by {etcd_cluster}"


# Whatever is committed


def alone(kind: str) -> dict[str, Any]:
    """A committed board with the first of these widgets only, and with the variables that it asks for."""
    widget = next(one for one in WIDGETS if one.kind == kind)
    board, group = BOARDS[widget.group.board], widget.group.definition
    asked = json.dumps(widget.definition)
    placed = {"definition": widget.definition, "layout": widget.layout | {"x": 0, "y": 0}}
    return board | {
        "template_variables": [one for one in board["template_variables"] if f"${one['name']}" in asked] or VARIABLES,
        "widgets": [{"definition": group | {"widgets": [placed]}, "layout": widget.group.layout}],
    }


def monitor(key: str) -> dict[str, Any]:
    """A committed one."""
    found: dict[str, Any] = read(ROOT / FOLDER / f"{key}.json")
    return found


COMMITTED: dict[str, tuple[Kind, Callable[[str], dict[str, Any]]]] = {
    **dict.fromkeys(sorted({one.kind for one in WIDGETS} - {"note"}), ("dashboard", alone)),
    **dict.fromkeys(("wal_fsync", "quorum", "database_quota_forecast"), ("monitor", monitor)),
}
"""What is broken below: one widget of each kind, and a monitor of each type."""


def places(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The paths of all keys in a document, with their values; of the entries of a list only the first."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield f"{path}.{key}", value
            yield from places(value, f"{path}.{key}")
    elif isinstance(part, list) and part:
        yield from places(part[0], f"{path}[0]")


@pytest.mark.parametrize("name", COMMITTED)
def test_what_is_committed_is_fine(name: str) -> None:
    """Else the tests below would show nothing."""
    kind, made = COMMITTED[name]
    assert problems(kind, made(name)) == []


@pytest.mark.parametrize("name", COMMITTED)
def test_a_value_of_another_type_is_told(name: str) -> None:
    """Wherever it stands: a number for a text, a text for what is none."""
    kind, made = COMMITTED[name]
    document = made(name)
    wrong = ((path, 5 if isinstance(value, str) else "5") for path, value in places(document))
    assert [path for path, value in wrong if not problems(kind, changed(document, path, value))] == []


@pytest.mark.parametrize("name", COMMITTED)
def test_a_key_that_is_spelled_wrong_is_told(name: str) -> None:
    """Wherever it stands."""
    kind, made = COMMITTED[name]
    document = made(name)
    wrong = ((path, changed(changed(document, f"{path}x", value), path, GONE)) for path, value in places(document))
    assert [path for path, broken in wrong if not problems(kind, broken)] == []


OPTIONAL = {
    *("autoscale", "available_values", "background_color", "cell_display_mode", "color_preference"),
    *("conditional_formats", "count", "description", "display", "display_format", "event_size", "has_search_bar"),
    *("hide_zero_counts", "include_zero", "label", "legend_columns", "legend_layout", "line_type", "line_width"),
    *("markers", "max", "min", "number_format", "order_by", "palette", "precision", "scale", "scaling"),
    *("show_last_triggered", "show_legend", "show_priority", "show_title", "sort", "style", "summary_type"),
    *("timeout_h", "timeseries_background", "title_align", "title_size", "unit", "yaxis"),
}
"""Keys that may be left out: looks, but for the time-out of a monitor."""


@pytest.mark.parametrize("name", COMMITTED)
def test_a_key_that_is_left_out_is_told(name: str) -> None:
    """But for those that say how something looks."""
    kind, made = COMMITTED[name]
    document = made(name)
    quiet = [path for path, _ in places(document) if not problems(kind, changed(document, path, GONE))]
    assert {path.rpartition(".")[2] for path in quiet} <= OPTIONAL


# Monitors


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("created_at", "2026-02-31", "2026-02-31 is not in the calendar"),
        ("last_updated_at", "2026-11-20", "2026-11-20 is before it was created"),
        ("definition.name", "[etcd latency] Full", "does not hold the title of the asset"),
        (f"{LIMITS}.critical", 0.9, "0.9, but the query compares with 0.8"),
        (f"{LIMITS}.warning", 0.8, "0.8 is not on the healthy side of critical, 0.8"),
        (f"{LIMITS}.critical_recovery", 0.81, "0.81 is not on the healthy side of critical, 0.8"),
        (f"{LIMITS}.warning_recovery", 0.75, "0.75 is not on the healthy side of warning, 0.7"),
        (f"{OPTIONS}.notify_by", ["peer"], "is neither * nor among the groups: etcd_cluster"),
        ("definition.message", "{{#is_alert}}Now.", "{{#is_alert}} is not closed"),
        ("definition.name", "[etcd latency] Database nearly full{{", "has double braces that do not belong together"),
    ],
)
def test_a_monitor_whose_parts_do_not_fit(path: str, value: object, text: str) -> None:
    """Datadog refuses some of these; with others it is silent when it should speak, or says what nobody can read."""
    assert problems("monitor", changed(ALERT, path, value)) == [Problem(path, text)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("garbage > 0.8", "column 1: expected an aggregator over time"),
        (f"min({USED} > 0.8", "column 5: expected a window"),
        (f"min(last_5m):{USED} => 0.8", "does not end in a comparison"),
        (f"min(last_5m):mean:{USED[4:]} > 0.8", "column 14: expected an aggregator"),
        (f"min(last_5m):clamp({USED}, 1) > 0.8", "column 14: the function clamp() is not known here"),
        (f"min(last_5m):clamp_min({USED}) > 0.8", "column 14: clamp_min()"),
        (f"min(last_5m):{USED}.as_count() > 0.8", "column 14: with as_count() a window can only be summed"),
        (f"min(last_5m):{USED}.as_sum() > 0.8", "column 70: the modifier .as_sum() is not known here"),
        (f"max(next_12h):{USED} > 0.8", "expected a window such as last_5m, found 'next_12h'"),
        (f"max(last_12h):forecast({USED}, 'linear', 1) > 0.8", "last_12h"),
        (f"max(next_12h):forecast({USED}, 'lineal', 1) > 0.8", "as argument 2, one of: linear"),
        (f"min(last_5m):{USED.replace('*', '$etcd_cluster')} > 0.8", "column 50: $etcd_cluster is a variable of dash"),
        (f"min(last_5m):{USED.replace('{etcd', '{etcd_cluster,etcd')} > 0.8", "groups twice by one tag: etcd_cluster"),
    ],
)
def test_queries_that_cannot_be(query: str, told: str) -> None:
    """In the words of the parser, of a rule, or of the evaluator."""
    (problem,) = problems("monitor", changed(ALERT, QUERY, query))
    assert problem.path == QUERY
    assert told in problem.text


def test_a_query_of_another_type() -> None:
    """One of events ends in a comparison, too."""
    events = 'events("source:etcd").rollup("count").last("5m") > 0.8'
    told = Problem("definition.type", "query alert, but the query is that of another type, such as event-v2 alert")
    assert told in problems("monitor", changed(ALERT, QUERY, events))


def test_limits_below_are_milder_above() -> None:
    """Where little is bad the healthy side is the other one."""
    below = changed(ALERT, QUERY, f"max(last_5m):{USED} < 0.8")
    assert {one.path for one in problems("monitor", below)} == {
        f"{LIMITS}.{name}" for name in ("warning", "critical_recovery", "warning_recovery")
    }
    limits = {"critical": 0.8, "critical_recovery": 0.85, "warning": 0.9, "warning_recovery": 0.95}
    assert problems("monitor", changed(below, LIMITS, limits)) == []


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ('"a".over("*").by("b").last(2).count_by_status()', "last(2) must be from 3, the largest threshold, to 100"),
        ('"a".over("*").by("b").last(101).count_by_status()', "last(101) must be from 3"),
        ('"a".by("b").last(4).count_by_status()', 'lacks .over("*")'),
        ('"a".over("*").last(4).count_by_status()', "by() must name the tags"),
        ('"a".over("*").by("b","b").last(4).count_by_status()', "groups twice by one tag: b, b"),
        ('"a".ower("*").by("b").last(4).count_by_status()', "column 5: "),
    ],
)
def test_service_checks_that_cannot_be(query: str, told: str) -> None:
    """They have no comparison that could be wrong, and more calls."""
    (problem,) = problems("monitor", changed(CHECK, QUERY, query))
    assert problem.path == QUERY
    assert told in problem.text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{^is_recovery}}{{#is_alert}}{{host.name}}: {{value}}{{/is_alert}}{{/is_recovery}}", []),
        ('{{#is_match "host.name" "a b"}}of a{{/is_match}}', []),
        ("{{#is_bad}}x{{/is_bad}}", ["{{#is_bad}} is no condition of Datadog's"]),
        ("{{#is_alert}}x{{/is_warning}}", ["{{/is_warning}} closes what was not opened last"]),
        ("x{{/is_alert}}", ["{{/is_alert}} closes what was not opened last"]),
        ("{{host.name}", ["has double braces that do not belong together"]),
        ("{host.name}}", ["has double braces that do not belong together"]),
    ],
)
def test_braces(text: str, told: list[str]) -> None:
    """What opens is closed by its own name, from the inside outwards."""
    assert list(misfits(text, {"host"}, of_query=True)) == told


def test_variables() -> None:
    """Those of the groups, those that each monitor has, and numbers where there are some."""
    (told,) = misfits("{{peer.name}} {{host.name}} {{last_triggered_at}}", {"host"}, of_query=False)
    assert told.startswith("{{peer.name}} is filled by nothing; there are check_message, ")
    assert list(misfits("{{threshold}}", (), of_query=True)) == []
    assert [one.split(" ")[0] for one in misfits("{{threshold}}", (), of_query=False)] == ["{{threshold}}"]


# Dashboards


ZONE = {"name": "zone", "prefix": "zone", "defaults": ["*"]}
CHOSEN = VARIABLES[0] | {"available_values": ["a"], "defaults": ["b"]}
PRESETS = [{"name": "one", "template_variables": [{"name": "zone", "values": ["a"]}]}]


@pytest.mark.parametrize(
    ("path", "value", "place", "text"),
    [
        ("template_variables", [*VARIABLES, ZONE], "[1].name", "no widget asks for $zone"),
        ("template_variables", VARIABLES * 2, "[1].name", "etcd_cluster is the name of another one"),
        ("template_variables", [CHOSEN], "[0].defaults", "are not among the available values"),
        (
            "template_variable_presets",
            PRESETS,
            "[0].template_variables[0].name",
            "zone is none of the template variables",
        ),
        (f"{REQUEST}.queries[0].query", "max:a{$zone,$etcd_cluster}", "", "$zone is none of the template variables"),
        (f"{REQUEST}.queries[0].query", "max:a{$etcd_cluster", "", "column 20: expected"),
        (f"{REQUEST}.queries[0].query", "a{$etcd_cluster}", "", "is not one metric with its aggregator"),
        (f"{REQUEST}.queries[0].query", "max:a{$etcd_cluster} * 2", "", "is not one metric with its aggregator"),
        (f"{REQUEST}.formulas[0].formula", "used +", "", "column 7: expected"),
        (f"{REQUEST}.formulas[0].formula", "clamp(used, 1)", "", "column 1: the function clamp() is not known here"),
        (f"{REQUEST}.formulas[0].formula", "other / used", "", "no query is called other; there are: used"),
    ],
)
def test_a_board_whose_parts_do_not_fit(path: str, value: object, place: str, text: str) -> None:
    """Datadog shows an empty graph, or one that does not listen."""
    (problem,) = problems("dashboard", changed(BOARD, path, value))
    assert problem.path == f"{path}{place}"
    assert text in problem.text


def test_queries_and_formulas_name_each_other() -> None:
    """A query with another name is in no formula, and the formula has none."""
    assert [str(one) for one in problems("dashboard", changed(BOARD, f"{REQUEST}.queries[0].name", "other"))] == [
        f"{REQUEST}.formulas[0].formula: column 1: no query is called used; there are: other",
        f"{REQUEST}.queries[0].name: no formula has other",
    ]


def test_a_forecast_is_left_to_datadog() -> None:
    """Our evaluator has none for boards; that is no fault of theirs."""
    assert problems("dashboard", changed(BOARD, f"{REQUEST}.formulas[0].formula", "forecast(used, 'linear', 1)")) == []


def test_names_and_ids_are_one_widget_s() -> None:
    """Of two queries of one name Datadog takes one; an id belongs to one widget, also in a group."""
    twice = BOARD["widgets"][1]["definition"]["widgets"][0]["definition"]["requests"][0]["queries"] * 2
    told = Problem(f"{REQUEST}.queries[1].name", "used is the name of another query")
    assert problems("dashboard", changed(BOARD, f"{REQUEST}.queries", twice)) == [told]
    board = changed(changed(BOARD, "widgets[0].id", 7), f"{GROUP}.widgets[0].id", 7)
    assert problems("dashboard", board) == [Problem(f"{GROUP}.widgets[0].id", "7 is the id of another widget")]


@pytest.mark.parametrize(("index", "fits"), [(0, True), (1, False)])
def test_what_is_sorted_by_is_shown(index: int, *, fits: bool) -> None:
    """By the number of a formula, from 0."""
    sort = {"count": 5, "order_by": [{"type": "formula", "index": index, "order": "desc"}]}
    toplist = changed(VALUE | {"type": "toplist"}, "requests[0].sort", sort)
    told = Problem(f"{REQUEST}.sort.order_by[0].index", f"{index} is the number of no formula; they begin with 0")
    assert problems("dashboard", changed(BOARD, SERIES, toplist)) == ([] if fits else [told])


def placed(*boxes: tuple[int, int, int, int]) -> dict[str, Any]:
    """The board with so many checks in its group, where x, y, width and height say."""
    layouts = [dict(zip(("x", "y", "width", "height"), box, strict=True)) for box in boxes]
    return changed(BOARD, f"{GROUP}.widgets", [{"definition": STATUS, "layout": one} for one in layouts])


@pytest.mark.parametrize(
    ("board", "place", "text"),
    [
        (changed(BOARD, "widgets[1].layout.y", 1), "widgets[1]", "overlaps 6 x 2 at 0, 0"),
        (changed(BOARD, "widgets[1].layout.x", 1), "widgets[1]", "12 x 3 at 1, 2 sticks out of 12 columns"),
        (placed((0, 0, 6, 2), (5, 1, 2, 2)), f"{GROUP}.widgets[1]", "overlaps 6 x 2 at 0, 0"),
        (placed((0, 0, 6, 2), (9, 0, 4, 2)), f"{GROUP}.widgets[1]", "4 x 2 at 9, 0 sticks out of 12 columns"),
        (placed((0, 1, 6, 3)), f"{GROUP}.widgets[0]", "6 x 3 at 0, 1 sticks out of a group of 3 lines"),
    ],
)
def test_widgets_that_stand_in_each_others_way(board: dict[str, Any], place: str, text: str) -> None:
    """Datadog would move one of them, and all below it."""
    assert problems("dashboard", board) == [Problem(f"{place}.layout", text)]


def test_widgets_side_by_side() -> None:
    """They may touch."""
    assert problems("dashboard", placed((0, 0, 6, 2), (6, 0, 6, 2), (0, 2, 12, 1))) == []
