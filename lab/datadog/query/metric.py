"""A metric, and what stands after it.

metric   = [(aggregator | share) ":"] name "{" scope "}" {modifier} ["by" "{" keys "}"] {modifier}
share    = "count" "(" "v" ":" "v" comparator number ")"
modifier = "." name "(" [literal {"," literal}] ")"
literal  = number | text | word

A share counts those values of a distribution that fulfil a condition; the tree has it as an aggregator.
"""

from __future__ import annotations

import re

from lab.datadog.query import scope
from lab.datadog.query.cursor import Cursor
from lab.datadog.query.lexer import Token
from lab.datadog.query.tree import Literal_, Metric, Modifier, Number, Text, Word

AGGREGATOR = re.compile(r"avg|sum|min|max|count|p[0-9]+(\.[0-9]+)?")
AGGREGATORS = "an aggregator: avg, sum, min, max, count or a percentile such as p95"


def metric(cursor: Cursor) -> Metric:
    """The metric that stands here."""
    first = cursor.expect_kind("name", "a metric, a function or a number")
    if not cursor.at(":"):
        return _named(cursor, None, first, first.at)
    if not AGGREGATOR.fullmatch(first.value):
        cursor.refuse(AGGREGATORS, first)
    return _aggregated(cursor, first.value, first.at)


def share(cursor: Cursor, at: int) -> Metric:
    """What follows on `count(`, which begins at this column: `v: v <= 5):name{scope}`."""
    cursor.take()
    cursor.expect(":")
    if cursor.here.value != "v":
        cursor.refuse("v, the value")
    cursor.take()
    operator, limit = cursor.comparison("")
    cursor.close(")", "a number")
    return _aggregated(cursor, f"count(v: v{operator}{limit:.15g})", at)


def modifiers(cursor: Cursor) -> tuple[Modifier, ...]:
    """Those that stand here, perhaps none."""
    found = []
    while cursor.at("."):
        at = cursor.take().at
        name = cursor.expect_kind("name", "a modifier, such as as_count()")
        cursor.expect("(")
        found.append(Modifier(name.value, _arguments(cursor), at))
    return tuple(found)


def literal(cursor: Cursor) -> Literal_:
    """A number, a text in quotes or a word."""
    token = cursor.here
    if token.kind == "text":
        return Text(cursor.take().value, token.at)
    if token.kind == "name":
        return Word(cursor.take().value, token.at)
    if token.kind == "number" or cursor.at("-"):
        return Number(cursor.number(), token.at)
    return cursor.refuse("a number, a text in quotes or a word")


def _arguments(cursor: Cursor) -> tuple[Literal_, ...]:
    if cursor.accept(")"):
        return ()
    found = [literal(cursor)]
    while cursor.accept(","):
        found.append(literal(cursor))
    cursor.close(")")
    return tuple(found)


def _aggregated(cursor: Cursor, aggregator: str, at: int) -> Metric:
    cursor.expect(":")
    return _named(cursor, aggregator, cursor.expect_kind("name", "a metric's name"), at)


def _named(cursor: Cursor, aggregator: str | None, name: Token, at: int) -> Metric:
    if not cursor.at("{"):
        cursor.refuse(f"the scope of {name}, such as {{*}}")
    filtered = scope.braced(cursor)
    before = modifiers(cursor)
    by = _by(cursor)
    return Metric(name.value, aggregator, filtered, by, before + modifiers(cursor), at)


def _by(cursor: Cursor) -> tuple[str, ...]:
    if cursor.here.kind != "name" or cursor.here.value != "by":
        return ()
    cursor.take()
    return scope.keys(cursor)
