"""Datadog's query language, from text to tree: the first thing that is wrong is named with its column.

The grammar stands in parts above the modules that read it: `monitor`, `expression`, `metric`, `scope`.
"""

from __future__ import annotations

from lab.datadog.query import monitor
from lab.datadog.query.cursor import DEEPEST, Cursor
from lab.datadog.query.expression import Expressions
from lab.datadog.query.tree import Alert, Expression, MetricAlert
from lab.datadog.query.walk import deepest

AFTER = "an operator or the end"


def parse_query(text: str) -> Expression:
    """A query of a dashboard's widget, such as `avg:system.load.1{*} by {host}`. Raises QueryError."""
    return _alone(text, formula=False)


def parse_queries(text: str) -> tuple[Expression, ...]:
    """An old widget's query, in which several stand with commas between. Raises QueryError."""
    cursor = Cursor(text)
    found = [Expressions(cursor).read()]
    while cursor.accept(","):
        found.append(Expressions(cursor).read())
    cursor.end(f"',', {AFTER}")
    for expression in found:
        _check_depth(expression, cursor)
    return tuple(found)


def parse_formula(text: str) -> Expression:
    """A formula over the names of queries, such as `query1 / query2 * 100`. Raises QueryError."""
    return _alone(text, formula=True)


def parse_monitor(text: str) -> Alert:
    """A monitor's query. Raises QueryError."""
    cursor = Cursor(text)
    found = monitor.alert(cursor)
    cursor.end("the end")
    if isinstance(found, MetricAlert):
        _check_depth(found.expression, cursor)
    return found


def _alone(text: str, *, formula: bool) -> Expression:
    cursor = Cursor(text)
    found = Expressions(cursor, formula).read()
    cursor.end(AFTER)
    _check_depth(found, cursor)
    return found


def _check_depth(expression: Expression, cursor: Cursor) -> None:
    """Terms in a row nest as well, to the left, and ORs of ANDs within a scope: the cursor counts brackets only."""
    depth, at = deepest(expression)
    if depth > DEEPEST:
        cursor.too_deep(at)
