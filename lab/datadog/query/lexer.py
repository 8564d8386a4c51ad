"""A query's text as tokens. What may stand in a word differs between braces and outside of them.

Outside, `a/b` is a division; within, `device:/dev/sda-1` is one word. Nothing fails here: what is no
token is an odd one, so that the parser names the first thing that is wrong, not the oddest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["number", "name", "word", "text", "mark", "odd", "end"]


class Token(NamedTuple):
    kind: Kind
    value: str
    """As it stands in the query; a text without its quotes."""
    at: int

    def __str__(self) -> str:
        if self.kind == "end":
            return "the end"
        if self.kind == "odd" and self.value in "\"'":
            return "a quote that is never closed"
        return repr(self.value if len(self.value) <= LONG else f"{self.value[:LONG]}...")


LONG = 30
"""Characters of a token that a message shows."""

TEXT = r"""(?P<text>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')"""
NUMBER = r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
NAME = r"(?P<name>[A-Za-z_$][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)"
MARK = r"(?P<mark>>=|<=|==|!=|[-+*/(){},:.=<>])"
WORD = r"""(?P<word>[^\s,(){}!"'][^\s,(){}"']*)"""
SPACE, ODD = r"(?P<space>\s+)", r"(?P<odd>.)"

OUTSIDE = re.compile(f"{SPACE}|{TEXT}|{NUMBER}|{NAME}|{MARK}|{ODD}", re.DOTALL)
WITHIN = re.compile(f"{SPACE}|{TEXT}|{WORD}|(?P<mark>[,(){{}}!])|{ODD}", re.DOTALL)
ESCAPED = re.compile(r"\\([\\\"'])")


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a query, then its end again and again."""
    at, pattern = 0, OUTSIDE
    while found := pattern.match(text, at):
        kind, value = found.lastgroup, found[0]
        if kind != "space":
            yield Token(kind, ESCAPED.sub(r"\1", value[1:-1]) if kind == "text" else value, at)  # type: ignore[arg-type]  # the patterns' names are the kinds
        if kind == "mark" and value in "{}":
            pattern = WITHIN if value == "{" else OUTSIDE
        at = found.end()
    while True:
        yield Token("end", "", len(text))
