from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.assets.dashboards.board import Board, definition
from lab.assets.dashboards.grid import Box, Size, placed, widths
from lab.assets.dashboards.limits import Limit, Limits
from lab.assets.dashboards.widgets import Widget, note_height
from lab.assets.monitors import Monitor, groups
from lab.datadog.rules.layouts import COLUMNS
from lab.process import LabError


def monitor(key: str, **fields: object) -> Monitor:
    given = {"title": "", "why": "", "priority": 1, "says": "", "first": "", "critical": 10, "warning": 5}
    return Monitor(key, **{**given, **fields})  # type: ignore[arg-type]


LAG = monitor("lag", query="max(last_5m):max:etcd_latency.mvcc.keys{*} by {etcd_cluster}", compare=">")
SPARE = monitor("spare_room", query="max(last_5m):min:etcd_latency.mvcc.keys{*}", compare="<=", critical=1, warning=2)
CHECK = monitor("health", check="etcd_latency.endpoint.health", by=("etcd_cluster",))
LIMITS = Limits([LAG, SPARE, CHECK])


# Monitors


def test_a_monitor_is_told_apart_by_all_tags_of_its_query() -> None:
    """Each once, in the order of the query, however it is written; those of a service check are said."""
    metric = "max:etcd_latency.mvcc.keys{*}"
    one = monitor("two", query=f"min(last_5m):{metric} by {{b, a}} / {metric} by {{a,c}}", compare=">")
    assert groups(one) == ("b", "a", "c")
    assert groups(CHECK) == ("etcd_cluster",)


def test_a_query_has_its_limits_whole() -> None:
    """Not rounded to six digits, nor fewer runs than the longest of the three takes."""
    assert monitor("large", query="min(last_5m):max:a{*}", compare=">", critical=1234567.5).whole_query.endswith(
        " > 1234567.5"
    )
    assert ".last(21)." in monitor("slow", check="a", by=("b",), critical=3, warning=3, ok=20).whole_query


# The grid


def test_rows_share_what_is_left() -> None:
    """Who says no width gets as much as the others that do not."""
    assert widths([Size(2), Size(2), Size(2)], 12) == [4, 4, 4]
    assert widths([Size(2, 2), Size(3), Size(3)], 12) == [2, 5, 5]


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ([Size(1), Size(1), Size(1)], r"8 columns cannot be divided into \?, \?, \?"),
        ([Size(1, 4), Size(1, 3)], "8 columns cannot be divided into 4, 3"),
        ([Size(1, 8), Size(1)], r"8 columns cannot be divided into 8, \?"),
        ([Size(1, 5), Size(1, 5)], "8 columns cannot be divided into 5, 5"),
    ],
)
def test_rows_that_leave_holes_are_refused(row: list[Size], asked: str) -> None:
    """With what they asked for."""
    with pytest.raises(LabError, match=asked):
        widths(row, 8)


def test_the_last_row_is_stretched() -> None:
    """Where all are to be higher than they ask for."""
    assert list(placed([[Size(2), Size(3)], [Size(1)]], 4, least=6)) == [
        Box(0, 0, 2, 3),
        Box(2, 0, 2, 3),
        Box(0, 3, 4, 3),
    ]


@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4).filter(lambda row: 12 % len(row) == 0), min_size=1))
def test_rows_tile_the_grid(rows: list[list[int]]) -> None:
    """Every cell is in one box, whatever the heights."""
    boxes = list(placed([[Size(height) for height in row] for row in rows]))
    cells = [(x, y) for box in boxes for x in range(box.x, box.x + box.width) for y in range(box.y, box.bottom)]
    assert len(cells) == len(set(cells)) == COLUMNS * max(box.bottom for box in boxes)


def test_notes_are_as_high_as_their_text() -> None:
    """Four lines of the text a line of the grid, and narrow ones have more."""
    assert note_height("short", 12) == 1
    assert note_height("x" * 156 * 4, 12) == 1
    assert note_height("x" * (156 * 4 + 1), 12) == 2
    assert note_height("x" * 156 * 4, 4) == 3
    assert note_height("- a\n\n- b\n\n- c", 12) == 2


# Limits


def test_lines_are_where_the_monitor_alerts() -> None:
    """The critical one first; where there is no warning, there is one line."""
    assert LIMITS["lag"].lines() == [
        {"label": "critical", "value": "y = 10", "display_type": "error dashed"},
        {"label": "warning", "value": "y = 5", "display_type": "warning dashed"},
    ]
    assert [one["value"] for one in Limit("<", 0.25).lines()] == ["y = 0.25"]


def colour(limit: Limit, value: float) -> str:
    """What Datadog makes of a value: the first format that holds."""
    holds = {"<": float.__lt__, "<=": float.__le__, ">": float.__gt__, ">=": float.__ge__}
    formats = limit.colours()
    found = next(one for one in formats if holds[one["comparator"]](float(value), float(one["value"])))
    return str(found["palette"].removeprefix("white_on_"))


@pytest.mark.parametrize(
    ("limit", "colours"),
    [
        (Limit(">", 10, 5), {11: "red", 10: "yellow", 6: "yellow", 5: "green", 0: "green"}),
        (Limit(">=", 2, 1), {2: "red", 1: "yellow", 0: "green"}),
        (Limit("<", 7, 30), {6: "red", 7: "yellow", 29: "yellow", 30: "green"}),
        (Limit("<=", 1, 2), {1: "red", 2: "yellow", 3: "green"}),
        (Limit("<", 0), {-1: "red", 0: "green", 1: "green"}),
        (Limit(">", warning=0), {1: "yellow", 0: "green"}),
    ],
    ids=str,
)
def test_colours_are_as_the_monitor_judges(limit: Limit, colours: dict[float, str]) -> None:
    """Values at a threshold included, and each value has a colour."""
    assert {value: colour(limit, value) for value in colours} == colours


def test_the_worst_is_sorted_first() -> None:
    """The least where little is bad."""
    assert (LIMITS["lag"].worst_first, LIMITS["spare_room"].worst_first) == ("desc", "asc")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("nobody", "limit nobody: there is no monitor of this name in assets/sources/monitors.yaml"),
        ("health", "limit health: this monitor is of a service check, which has no values"),
    ],
)
def test_limits_without_numbers_are_refused(key: str, message: str) -> None:
    """With the name, and what to do."""
    with pytest.raises(LabError, match=message):
        LIMITS[key]


# Boards

BOARD = {
    "title": "a board",
    "description": "what for\n",
    "groups": [
        {"title": "Left", "colour": "green", "note": "Read this.", "width": 4},
        {
            "title": "Right",
            "colour": "blue",
            "note": "And that.",
            "width": 8,
            "rows": [[{"lines": "Keys", "of": {"Keys": "max:mvcc.keys{*}"}, "limit": "lag"}]],
        },
        {"title": "Below", "colour": "pink", "note": "Last.", "rows": [[{"events": "All"}]]},
    ],
}


def test_groups_side_by_side_end_on_one_line() -> None:
    """And the next one begins below both."""
    built = definition(Board.of(BOARD), LIMITS)
    layouts = [tuple(one["layout"].values()) for one in built["widgets"]]
    assert layouts == [(0, 0, 4, 5), (4, 0, 8, 5), (0, 5, 12, 8)]
    assert [one["layout"]["height"] for one in built["widgets"][0]["definition"]["widgets"]] == [4]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"line": "Keys"}, r"\{'line': 'Keys'\}: a widget has one of lines, area, .*, events, with its title"),
        ({"lines": "Keys", "bars": "Keys"}, "a widget has one of"),
    ],
)
def test_a_widget_without_a_kind_is_refused(entry: dict[str, str], message: str) -> None:
    """With what there is to choose from."""
    with pytest.raises(LabError, match=message):
        Widget.of_entry(entry)


def test_a_row_that_leaves_a_hole_names_its_group() -> None:
    """So that it can be found."""
    row = [{"events": "One", "width": 5}, {"events": "Two", "width": 5}]
    wrong = {**BOARD, "groups": [{"title": "Uneven", "colour": "pink", "note": "No.", "rows": [row]}]}
    with pytest.raises(LabError, match="group Uneven: a row of 12 columns cannot be divided into 5, 5"):
        definition(Board.of(wrong), LIMITS)
