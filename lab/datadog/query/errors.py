"""What a query that cannot be read gives."""

from __future__ import annotations

import re

from lab.process import LabError

SHOWN = 100
"""Characters of a query in a message, with the column in their middle."""
CUT = "..."
UNPRINTABLE = re.compile(r"[^\S ]|[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


class QueryError(LabError):
    """A text that is no query: `problem` says what was expected, `column` where, from 0 (the message counts from 1)."""

    def __init__(self, problem: str, text: str, column: int) -> None:
        super().__init__(problem, text, column)
        self.problem = problem
        self.text = text
        self.column = column

    def __str__(self) -> str:
        shown, column = _around(UNPRINTABLE.sub(" ", self.text), self.column)
        return f"column {self.column + 1}: {self.problem}\n{shown}\n{' ' * column}^"


def _around(text: str, column: int) -> tuple[str, int]:
    """As much of the text as a line takes, and the column in it."""
    if len(text) <= SHOWN:
        return text, column
    begin = max(0, min(column - SHOWN // 2, len(text) - SHOWN))
    end = begin + SHOWN
    before, after = CUT if begin else "", CUT if end < len(text) else ""
    return f"{before}{text[begin:end]}{after}", column - begin + len(before)
