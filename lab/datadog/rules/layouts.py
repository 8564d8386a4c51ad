"""Whether widgets stand on the grid, each on a place of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from lab.datadog.problems import Place, Told

COLUMNS = 12

Json = Mapping[str, Any]
Layout = Mapping[str, int]


def misfits(widgets: Sequence[Json], place: Place, columns: int = COLUMNS, height: int | None = None) -> Told:
    """What is wrong with the places of widgets in a list that stands at this place, and of those in its groups."""
    for number, widget in enumerate(widgets):
        here = (*place, number)
        layout, definition = widget["layout"], widget["definition"]
        yield from (((*here, "layout"), text) for text in _outside(layout, columns, height))
        if definition["type"] == "group":
            yield from misfits(
                definition["widgets"], (*here, "definition", "widgets"), layout["width"], layout["height"]
            )
    for (_, one), (number, other) in combinations(enumerate(widgets), 2):
        if _overlap(one["layout"], other["layout"]):
            yield (*place, number, "layout"), f"overlaps {_said(one['layout'])}"


def _outside(layout: Layout, columns: int, height: int | None) -> Iterator[str]:
    if layout["x"] + layout["width"] > columns:
        yield f"{_said(layout)} sticks out of {columns} columns"
    if height is not None and layout["y"] + layout["height"] > height:
        yield f"{_said(layout)} sticks out of a group of {height} lines"


def _overlap(one: Layout, other: Layout) -> bool:
    across = one["x"] < other["x"] + other["width"] and other["x"] < one["x"] + one["width"]
    return across and one["y"] < other["y"] + other["height"] and other["y"] < one["y"] + one["height"]


def _said(layout: Layout) -> str:
    return f"{layout['width']} x {layout['height']} at {layout['x']}, {layout['y']}"
