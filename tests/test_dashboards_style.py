"""The rules of Datadog's style guide for dashboards of integrations, each over all widgets."""

from __future__ import annotations

import re
from itertools import combinations, groupby
from typing import Any

import pytest

from lab.datadog.query import parse_formula
from lab.datadog.query.tree import Word
from lab.datadog.rules.layouts import COLUMNS
from tests.boards import BOARDS, GROUPS, WIDGETS, Json, of_kind, said

TITLES = [one for one in WIDGETS if one.kind != "note"]
TITLE_HEIGHT, BANNER_HEIGHT = 1, 3
"""What Datadog adds to a group: read off the boards of its own integrations, such as etcd's."""

PROPER = {"API", "CORRUPT", "CPU", "Kubernetes", "NOSPACE", "OK", "WAL"}
"""Words that are written with capitals wherever they stand."""
SMALL = {"a", "and", "by", "of", "the"}
"""Words that are written small in a title, but not as its first."""
UNITS = r"seconds?|ms|millis\w*|bytes?|[KMG]i?B|percent|days?|fraction|cores?"
PHRASES = r"number of|total|etcd[ _]latency"


# Words


def test_titles_of_boards_name_the_integration() -> None:
    """Without a hyphen, for the address is made of it."""
    assert [board["title"] for board in BOARDS.values()] == ["etcd latency overview", "etcd latency deep dive"]


def test_titles_of_groups_are_in_title_case() -> None:
    """All words but small ones begin with a capital."""
    for group in GROUPS:
        words = re.findall(r"\w+", group.title)
        assert [word for word in words[1:] if word[0].islower() and word not in {*SMALL, "etcd"}] == [], group
        assert words[0][0].isupper(), group


def test_titles_of_widgets_are_in_sentence_case() -> None:
    """The first word begins with a capital, of the others only proper ones do."""
    for one in TITLES:
        first, *others = re.findall(r"\w+", one.title)
        assert first[0].isupper(), one
        assert [word for word in others if word[0].isupper() and word not in PROPER] == [], one


def test_titles_have_no_units_and_no_phrases() -> None:
    """Units are shown with the values; phrases and the name of the integration say nothing; no hyphens."""
    assert said(one for one in TITLES if re.search(rf"\b({UNITS}|{PHRASES})\b|-", one.title, re.IGNORECASE)) == []


def test_titles_are_short_and_differ_within_a_group() -> None:
    """What is short can be read at three in the morning."""
    for group in GROUPS:
        titles = [one.title for one in group.widgets()]
        assert len(set(titles)) == len(titles), group
    assert said(one for one in TITLES if len(one.title) > 35) == []


def test_everything_shown_has_a_name() -> None:
    """An alias for each formula, another for each of a widget."""
    for one in WIDGETS:
        aliases = [formula["alias"] for formula in one.formulas()]
        assert all(aliases), one
        assert len(set(aliases)) == len(aliases), one


def test_what_is_shown_is_explained() -> None:
    """Graphs and numbers have the help of their metrics; tables, checks and streams the note of their group."""
    explained = of_kind("timeseries", "query_value", "toplist")
    assert said(one for one in explained if len(one.definition["description"]) < 20) == []


# Groups


@pytest.mark.parametrize("board", BOARDS)
def test_about_and_overview_are_on_top(board: str) -> None:
    """Side by side: text that is not as wide as the board, then service checks and what matters most."""
    about, overview, *_ = (group for group in GROUPS if group.board == board)
    assert about.title == "About etcd"
    assert overview.title.startswith("Overview")
    assert (about.layout["y"], overview.layout["y"]) == (0, 0)
    assert about.layout["width"] < COLUMNS
    assert {one.kind for one in about.widgets()} == {"note"}
    assert {"check_status", "query_value"} <= {one.kind for one in overview.widgets()}
    assert not about.definition["show_title"]
    assert about.definition["banner_img"]


def test_the_overview_has_a_summary_of_the_monitors() -> None:
    """Where there are monitors, it is what to look at first."""
    assert [one.group.title for one in of_kind("manage_status")] == ["Overview: Can It Write?"]


def test_everything_is_in_a_group() -> None:
    """Nothing stands on the background, and no group in a group."""
    assert {group.definition["type"] for group in GROUPS} == {"group"}
    assert said(one for one in WIDGETS if one.kind == "group") == []


def test_each_group_says_how_to_read_it() -> None:
    """One note, first, as wide as the group, in the light colour of its title; links stand in the first group only."""
    for group in GROUPS:
        note, *others = group.widgets()
        assert note.kind == "note", group
        assert "note" not in {one.kind for one in others}, group
        assert note.layout["width"] == group.layout["width"], group
        light = group.colour.removeprefix("vivid_") or "transparent"
        assert note.definition["background_color"] == light, group
        assert 80 <= len(note.definition["content"]) <= (1500 if group.title == "About etcd" else 500), group


def test_headers_have_colours() -> None:
    """Vivid ones, never grey; several, so that related groups can be told from others."""
    colours = {group.colour for group in GROUPS if group.colour}
    assert all(colour.startswith("vivid_") for colour in colours)
    assert len(colours) == 6


# Places


def area(layout: Json) -> int:
    return int(layout["width"] * layout["height"])


def overlap(one: Json, other: Json) -> bool:
    across = one["x"] < other["x"] + other["width"] and other["x"] < one["x"] + one["width"]
    return across and one["y"] < other["y"] + other["height"] and other["y"] < one["y"] + one["height"]


def check_filled(layouts: list[Json], columns: int, height: int) -> None:
    """They fill a rectangle: nothing overlaps, nothing sticks out, no hole is left."""
    assert not any(overlap(one, other) for one, other in combinations(layouts, 2))
    assert all(one["x"] + one["width"] <= columns and one["y"] + one["height"] <= height for one in layouts)
    assert sum(map(area, layouts)) == columns * height


@pytest.mark.parametrize("board", BOARDS)
def test_groups_fill_the_board(board: str) -> None:
    """Also where two stand side by side."""
    layouts = [group.layout for group in GROUPS if group.board == board]
    check_filled(layouts, COLUMNS, layouts[-1]["y"] + layouts[-1]["height"])


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_widgets_fill_their_group(group: Any) -> None:
    """Below its title, or its image."""
    head = TITLE_HEIGHT if group.definition["show_title"] else BANNER_HEIGHT
    layouts = [one.layout for one in group.widgets()]
    check_filled(layouts, group.layout["width"], group.layout["height"] - head)


def test_graphs_are_not_squashed() -> None:
    """At least four columns wide."""
    assert said(one for one in of_kind("timeseries") if one.layout["width"] < 4) == []


def test_streams_are_wide_and_at_the_end() -> None:
    """In a group of their own, which can be collapsed, where they do not trap who scrolls."""
    for one in of_kind("list_stream"):
        assert one.layout["width"] >= 6
        assert one.group == [group for group in GROUPS if group.board == one.group.board][-1]
        assert [other.kind for other in one.group.widgets()] == ["note", "list_stream"]


# Looks


def test_numbers_have_a_background() -> None:
    """A number alone does not say whether it was always so."""
    assert {one.definition["timeseries_background"]["type"] for one in of_kind("query_value")} == {"area"}


def test_all_graphs_have_a_legend() -> None:
    """And so their axes are aligned; `auto` hides all where there is no room."""
    graphs = of_kind("timeseries")
    assert {(one.definition["show_legend"], one.definition["legend_layout"]) for one in graphs} == {(True, "auto")}


def test_graphs_side_by_side_are_alike() -> None:
    """In one row all have one height, and graphs one width."""
    for group in GROUPS:
        graphs = sorted((one for one in group.widgets() if one.kind == "timeseries"), key=lambda one: one.layout["y"])
        for _, row in groupby(graphs, key=lambda one: one.layout["y"]):
            assert len({(one.layout["width"], one.layout["height"]) for one in row}) == 1, group


def test_counts_are_bars_and_bars_are_counts() -> None:
    """Of what is counted alone; a share of two counts is a line."""
    for one in of_kind("timeseries"):
        alone = all(isinstance(parse_formula(formula["formula"]), Word) for formula in one.formulas())
        counts = alone and all(found.modified("as_count") for found in one.metrics())
        (request,) = one.requests()
        assert (request["display_type"] == "bars") == counts, one


def test_failures_are_warm() -> None:
    """Errors and what is bad have warm colours."""
    bad = re.compile(r"fail|late\b|lost|broken|error|other than OK|slow applies|changes|retries", re.IGNORECASE)
    bars = [one for one in of_kind("timeseries") if one.requests()[0]["display_type"] == "bars"]
    wrong = [one for one in bars if bool(bad.search(one.title)) != (palette(one) in {"warm", "orange"})]
    assert said(wrong) == []


def palette(one: Any) -> str:
    return str(one.requests()[0]["style"]["palette"])


def test_a_board_is_not_all_graphs() -> None:
    """A mix of kinds, each for what it shows best."""
    for board in BOARDS:
        assert len({one.kind for one in WIDGETS if one.group.board == board}) >= 5
