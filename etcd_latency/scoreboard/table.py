"""A row for each member, and what the marks in it mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from etcd_latency.model import Level
from etcd_latency.scoreboard.columns import COLUMNS, Column
from etcd_latency.scoreboard.fitting import wrapped
from etcd_latency.scoreboard.names import shortened
from etcd_latency.scoreboard.styles import Paint
from etcd_latency.scoreboard.values import Board, Clean, Row, word


class Cell(NamedTuple):
    """What stands at one place of the table."""

    text: str
    style: str = ""


HEALTH = {"ok": Cell("ok"), "failed": Cell("failed", "critical"), "unknown": Cell("-")}

LEADER, LEARNER, NEITHER = "* ", "~ ", "  "
"""What stands before a name."""

NAMES = "member"
"""The head of the first column."""

WIDE, NARROW = 2, 1
"""Blanks between columns."""


def table(board: Board, width: int, paint: Paint, clean: Clean) -> Iterator[str]:
    """Two lines of heads, then the members."""
    columns = [_right(_cells(column, board)) for column in COLUMNS]
    columns.append([Cell(""), Cell("health", "dim"), *(HEALTH[row.health.state] for row in board.rows)])
    names = [clean(row.name) for row in board.rows]
    room = width - sum(max(len(cell.text) for cell in column) for column in columns) - len(NEITHER)
    longest = max(map(len, (NAMES, *names)))
    gap = WIDE if longest <= room - WIDE * len(columns) else NARROW
    blamed = _blamed(board)
    labels = (
        Cell(_before_the_name(row) + name, blamed.get(row.name) or "strong" * bool(row.leader))
        for row, name in zip(board.rows, shortened(names, room - gap * len(columns)), strict=True)
    )
    first = _left([Cell(""), Cell(NEITHER + NAMES, "dim"), *labels])
    for line in zip(first, *columns, strict=True):
        yield (" " * gap).join(paint(cell.text, cell.style) for cell in _without_end(line))


def legend(board: Board, width: int) -> Iterator[str]:
    """What the marks mean that there are."""
    over = [
        f"{column.name} {column.write(board.limits[column.key].warning)}"
        for column in COLUMNS
        if any(column.level(row, board.limits) for row in board.rows)
    ]
    marks = [
        f"{LEADER}leader" * any(row.leader for row in board.rows),
        f"{LEARNER}learner" * any(row.is_learner and not row.leader for row in board.rows),
        f"! beyond its limit: {', '.join(over)}" * bool(over),
    ]
    yield from wrapped("   ".join(mark for mark in marks if mark), width)


def _blamed(board: Board) -> Mapping[str, str]:
    """The style of a member of whom something was found; of several findings the worst, which come first."""
    return {
        finding.member: word(Level(int(finding.severity)))
        for finding in reversed(board.diagnosis.findings)
        if finding.severity
    }


def _without_end(line: Sequence[Cell]) -> list[Cell]:
    """A line without the blanks at its end, which would be coloured otherwise."""
    cells = list(line)
    while cells and not cells[-1].text.strip():
        cells.pop()
    return [*cells[:-1], *(cell._replace(text=cell.text.rstrip()) for cell in cells[-1:])]


def _cells(column: Column, board: Board) -> Iterator[Cell]:
    for head in column.heads:
        yield Cell(head, "dim")
    for row in board.rows:
        level = column.level(row, board.limits)
        yield Cell(column.text(row) + "!" * (level > Level.OK), word(level) if level else "")


def _right(cells: Iterable[Cell]) -> list[Cell]:
    """Digits below digits: where one has a mark behind it, the others have a blank there."""
    column = list(cells)
    if any(cell.text.endswith("!") for cell in column):
        column = [cell if cell.text.endswith("!") else cell._replace(text=f"{cell.text} ") for cell in column]
    width = max(len(cell.text) for cell in column)
    return [cell._replace(text=cell.text.rjust(width)) for cell in column]


def _left(column: Sequence[Cell]) -> list[Cell]:
    width = max(len(cell.text) for cell in column)
    return [cell._replace(text=cell.text.ljust(width)) for cell in column]


def _before_the_name(row: Row) -> str:
    if row.leader:
        return LEADER
    return LEARNER if row.is_learner else NEITHER
