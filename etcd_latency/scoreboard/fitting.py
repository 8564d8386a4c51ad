"""As much of a text as there is room for; what people copy stays on one line."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

UNBROKEN = "\N{NO-BREAK SPACE}"
"""A blank at which no line ends; texts from elsewhere have none, for it is not printable."""

WHOLE = re.compile(r"`[^`]*`|\d (?:%|m?s|[KMGT]iB|[dh])(?!\w)")
"""A command in backquotes; a number and its unit."""

CUT = " ..."
"""Stands for what there was no room for."""

LEAST_BEGINNING = 20
"""Columns; a text that is cut to less says nothing."""


def wrapped(text: str, room: int, lines: int | None = None, indent: str = "") -> list[str]:
    """At most so many lines, all but the first indented; commands and values stay whole."""
    kept = WHOLE.sub(lambda found: together(found[0]), text)
    broken = textwrap.wrap(
        kept, room, subsequent_indent=indent, max_lines=lines, placeholder=CUT, break_on_hyphens=False
    )
    return [line.replace(UNBROKEN, " ") for line in broken]


def packed(texts: Sequence[str], room: int, lines: int, between: str = "; ") -> str:
    """The first one, each further one that still fits, and how many do not, where there is room to say that."""
    kept: list[str] = []
    for text in texts:
        if not kept or len(wrapped(between.join([*kept, text]), room)) <= lines:
            kept.append(text)
    told, left = between.join(kept), len(texts) - len(kept)
    noted = f"{told} {together(f'({left} more: --json)')}"
    return noted if left and len(wrapped(noted, room)) <= lines else told


def ended(text: str, end: str, room: int, lines: int) -> list[str]:
    """A text and what must not be cut off behind it: the text is cut, if need be."""
    whole = wrapped(f"{text} {together(end)}".strip(), room)
    if len(whole) <= lines:
        return whole
    last = wrapped(together(end), room, lines)
    if len(last) < lines:
        return [*wrapped(text, room, lines - len(last)), *last]
    left = room - len(end) - 1
    return [f"{wrapped(text, left, 1)[0]} {end}"] if left >= LEAST_BEGINNING and text else last


def together(text: str) -> str:
    """As one word."""
    return text.replace(" ", UNBROKEN)
