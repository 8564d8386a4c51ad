"""Where boxes go that stand in rows: side by side from the left, rows below each other, without gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.datadog.rules.layouts import COLUMNS
from lab.process import LabError


@dataclass(frozen=True, slots=True)
class Size:
    """What a box asks for, in columns and lines of the grid."""

    height: int
    width: int | None = None
    """None: as much as others in its row that do not say either."""


@dataclass(frozen=True, slots=True)
class Box:
    """A place on the grid, from the upper left corner."""

    x: int
    y: int
    width: int
    height: int

    @property
    def bottom(self) -> int:
        return self.y + self.height


def widths(row: Sequence[Size], columns: int) -> list[int]:
    """How wide each of a row is; together they are as wide as the grid."""
    left = columns - sum(size.width or 0 for size in row)
    undecided = sum(size.width is None for size in row)
    if (left % undecided if undecided else left) or left < undecided:
        asked = ", ".join(str(size.width or "?") for size in row)
        raise LabError(f"a row of {columns} columns cannot be divided into {asked}: give widths that fill it")
    return [size.width or left // undecided for size in row]


def heights(rows: Sequence[Sequence[Size]], least: int = 0) -> list[int]:
    """How high each row is: as its highest box; the last one more, where all are to be higher."""
    found = [max(size.height for size in row) for row in rows]
    return [*found[:-1], found[-1] + max(least - sum(found), 0)]


def placed(rows: Sequence[Sequence[Size]], columns: int = COLUMNS, least: int = 0) -> Iterator[Box]:
    """The place of each box, row by row; together they are at least this high."""
    y = 0
    for row, height in zip(rows, heights(rows, least), strict=True):
        x = 0
        for width in widths(row, columns):
            yield Box(x, y, width, height)
            x += width
        y += height
