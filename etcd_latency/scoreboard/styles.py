"""Colours, or none."""

from __future__ import annotations

from collections.abc import Callable

Paint = Callable[[str, str], str]
"""Gives a text the style of a name in `STYLES`."""

STYLES = {"critical": "1;31", "warning": "33", "ok": "32", "unknown": "35", "strong": "1", "dim": "2"}
"""Parameters of the escape sequence for graphics (ECMA-48, SGR)."""


def painted(text: str, style: str) -> str:
    """For a terminal; blanks need no colour."""
    return f"\033[{STYLES[style]}m{text}\033[0m" if style and text.strip() else text


def plain(text: str, _: str) -> str:
    """For a file, a pipe or a ticket."""
    return text
