"""A dashboard: groups of widgets, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.assets.dashboards import metrics, widgets
from lab.assets.dashboards.grid import Box, Size, heights, placed
from lab.assets.dashboards.limits import Json, Limits
from lab.assets.dashboards.widgets import Widget
from lab.datadog.rules.layouts import COLUMNS
from lab.process import LabError

TITLE_HEIGHT, BANNER_HEIGHT = 1, 3
"""What a group adds to the height of what is in it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Widgets under one title."""

    title: str
    colour: str
    """The group's title has it vivid, its note light."""
    note: str
    rows: tuple[tuple[Widget, ...], ...] = ()
    width: int = COLUMNS
    banner: str = ""
    """An image in place of the title."""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Group:
        """From a mapping whose `rows` are lists of widgets."""
        rows = tuple(tuple(Widget.of_entry(one) for one in row) for row in entry.get("rows", ()))
        return cls(**{**entry, "note": entry["note"].strip(), "rows": rows})

    @property
    def head(self) -> int:
        """The height of its title."""
        return BANNER_HEIGHT if self.banner else TITLE_HEIGHT

    def sizes(self) -> list[list[Size]]:
        """The rows, with the note as the first."""
        note = Size(widgets.note_height(self.note, self.width))
        return [[note], *([one.size for one in row] for row in self.rows)]

    def height(self) -> int:
        """With its title."""
        return self.head + sum(heights(self.sizes()))

    def definition(self, limits: Limits, height: int) -> Json:
        """What Datadog takes, at least this high."""
        note = widgets.note(self.note, "transparent" if self.banner else self.colour)
        shown = [note, *(one.definition(limits) for row in self.rows for one in row)]
        head = {"banner_img": self.banner} if self.banner else {"background_color": f"vivid_{self.colour}"}
        return {
            "type": "group",
            "layout_type": "ordered",
            "title": self.title,
            "title_align": "left",
            "show_title": not self.banner,
            **head,
            "widgets": list(map(_placed, shown, self._boxes(height - self.head))),
        }

    def _boxes(self, height: int) -> list[Box]:
        try:
            return list(placed(self.sizes(), self.width, height))
        except LabError as error:
            raise LabError(f"group {self.title}: {error}") from error


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    title: str
    description: str
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Board:
        """From what its file says."""
        return cls(entry["title"], entry["description"].strip(), tuple(map(Group.of, entry["groups"])))


def definition(board: Board, limits: Limits) -> Json:
    """What Datadog takes; groups side by side end on one line."""
    rows = list(_rows(board.groups))
    boxes = placed([[Size(group.height(), group.width) for group in row] for row in rows])
    highest = [max(group.height() for group in row) for row in rows for _ in row]
    shown = [group.definition(limits, height) for group, height in zip(board.groups, highest, strict=True)]
    return {
        "title": board.title,
        "description": board.description,
        "layout_type": "ordered",
        "reflow_type": "fixed",
        "template_variables": [
            {"name": name, "prefix": name, "available_values": [], "defaults": ["*"]} for name in metrics.VARIABLES
        ],
        "widgets": list(map(_placed, shown, boxes)),
    }


def _rows(groups: Sequence[Group]) -> Iterator[list[Group]]:
    row: list[Group] = []
    for group in groups:
        row.append(group)
        if sum(one.width for one in row) >= COLUMNS:
            yield row
            row = []
    if row:
        yield row


def _placed(definition: Json, box: Box) -> Json:
    return {"definition": definition, "layout": asdict(box)}
