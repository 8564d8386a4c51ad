"""The table as Markdown, which is readable on a terminal as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.measure import Figures
from bench.rows import NOT_INSTALLED, Compare, Outcome

HEADINGS = ("work", "ours", "takes", "peer", "takes", "metrics sent", "result", "must", "aim", "met")

THREE_DIGITS = 100


def rendered(outcomes: Iterable[Outcome]) -> str:
    """All rows, each column as wide as its widest cell."""
    lines = [HEADINGS, *map(cells, outcomes)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rule = ["-" * width for width in widths]
    return "".join(_line(line, widths) for line in (lines[0], rule, *lines[1:]))


def cells(outcome: Outcome) -> tuple[str, ...]:
    """One row."""
    row = outcome.row
    return (
        row.work,
        row.ours,
        _amount(outcome.ours, row.unit),
        row.peer or "",
        _amount(outcome.peer, row.unit) or (NOT_INSTALLED if row.peer else ""),
        _sent(outcome),
        _bound(outcome, outcome.result),
        _bound(outcome, row.must),
        _bound(outcome, row.aim),
        _verdict(outcome),
    )


def significant(value: float) -> str:
    """Three digits, never in the form with an exponent."""
    return f"{value:,.0f}" if abs(value) >= THREE_DIGITS else f"{value:.3g}"


def _line(line: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |\n"


def _amount(figures: Figures | None, unit: str) -> str:
    return f"{significant(figures.median)} {unit}" if figures else ""


def _sent(outcome: Outcome) -> str:
    sent = [figures.submitted for figures in (outcome.ours, outcome.peer) if figures]
    return " / ".join("-" if count is None else f"{count:,}" for count in sent) if any(sent) else ""


def _bound(outcome: Outcome, value: float | None) -> str:
    """A figure as the row's result is told: so many times faster, a share, or an amount."""
    if value is None:
        return ""
    match outcome.row.compare:
        case Compare.FASTER:
            return f"{significant(value)}x"
        case Compare.SHARE:
            return f"{value:.2f}"
    return f"{significant(value)} {outcome.row.unit}"


def _verdict(outcome: Outcome) -> str:
    if outcome.met is None:
        return ""
    if not outcome.met:
        return "NO"
    return "yes, aim too" if outcome.aimed else "yes"
