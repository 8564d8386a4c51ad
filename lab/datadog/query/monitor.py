"""What monitors watch: metrics, service checks, events and what is counted like them (logs, traces, processes ...).

metric = aggregator "(" window ")" ":" expression comparator number
       | ("change" | "pct_change") "(" aggregator "(" window ")" "," shift ")" ":" expression comparator number
check  = text {"." name "(" [literal {"," literal}] ")"}
event  = source "(" text ")" {"." name "(" [literal {"," literal}] ")"} comparator number
"""

from __future__ import annotations

import re
from typing import Literal, cast

from lab.datadog.query.cursor import Cursor
from lab.datadog.query.errors import QueryError
from lab.datadog.query.expression import Expressions
from lab.datadog.query.metric import modifiers
from lab.datadog.query.tree import Alert, Change, CheckAlert, EventAlert, MetricAlert, Modifier, Number, Text

SOURCE = re.compile(r"\s*([A-Za-z][\w-]*)\s*\(\s*[\"']")
"""Of an event alert: `trace-analytics("...")`."""
WINDOW = re.compile(r"(last|next)_[1-9][0-9]*(s|m|h|d|w|mo)|current_[1-9][0-9]*(h|d|w|mo)")
AGGREGATORS = ("avg", "sum", "min", "max", "percentile", "last")
"""Over time."""
AGO = re.compile(r"[1-9][0-9]*(m|h|d|w|mo)_ago")
"""How a change's shift was spelled once."""
CHANGES = ("change", "pct_change")
TAGS, LAST, COUNTED = ("over", "exclude", "by"), "last", ("count_by_status", "pct_by_status")
KINDS = {name: name for name in (*TAGS, LAST)} | dict.fromkeys(COUNTED, "counted")
"""The calls behind a service check; of each kind there is one at most."""


def alert(cursor: Cursor) -> Alert:
    """The whole query of a monitor."""
    if cursor.here.kind == "text":
        found: Alert = _check(cursor)
    elif source := SOURCE.match(cursor.text):
        found = _event(cursor, source[1])
    else:
        found = _metric(cursor)
    return found


def _metric(cursor: Cursor) -> MetricAlert:
    aggregator, window, change = _time(cursor)
    cursor.expect(":")
    expression = Expressions(cursor).read()
    comparator, threshold = cursor.comparison("an operator or ")
    return MetricAlert(aggregator, window, expression, comparator, threshold, change)


def _time(cursor: Cursor) -> tuple[str, str, Change | None]:
    kind = cursor.here.value
    if kind not in CHANGES:
        return *_windowed(cursor), None
    cursor.take()
    cursor.expect("(")
    aggregator, window = _windowed(cursor)
    cursor.expect(",")
    change = Change(cast("Literal['change', 'pct_change']", kind), _shift(cursor))
    cursor.expect(")")
    return aggregator, window, change


def _windowed(cursor: Cursor) -> tuple[str, str]:
    if cursor.here.value not in AGGREGATORS:
        cursor.refuse(f"an aggregator over time: {', '.join(AGGREGATORS)}, or change, pct_change")
    aggregator = cursor.take().value
    cursor.expect("(")
    window = _window(cursor)
    cursor.expect(")")
    return aggregator, window


def _window(cursor: Cursor) -> str:
    if not WINDOW.fullmatch(cursor.here.value):
        cursor.refuse("a window such as last_5m, next_1w or current_1d")
    return cursor.take().value


def _shift(cursor: Cursor) -> str:
    ago = cursor.here.value + cursor.ahead.value
    if not AGO.fullmatch(ago):
        return _window(cursor)
    cursor.take()
    cursor.take()
    return ago


def _check(cursor: Cursor) -> CheckAlert:
    check = cursor.take().value
    calls = _calls(cursor)
    over, exclude, by = (_texts(cursor, calls[name]) if name in calls else () for name in TAGS)
    last = _last(cursor, calls[LAST]) if LAST in calls else None
    return CheckAlert(check, over, exclude, by, last, _counted(cursor, calls.get("counted")))


def _calls(cursor: Cursor) -> dict[str, Modifier]:
    """By their kinds."""
    found: dict[str, Modifier] = {}
    for call in modifiers(cursor):
        kind = KINDS.get(call.name)
        if kind is None:
            raise QueryError(f"expected one of {', '.join(KINDS)}, found {call.name!r}", cursor.text, call.at + 1)
        if kind in found:
            raise QueryError(f"expected no {call.name} after {found[kind].name}", cursor.text, call.at + 1)
        found[kind] = call
    return found


def _counted(cursor: Cursor, call: Modifier | None) -> str:
    if call and call.arguments:
        raise QueryError(f"expected no argument of {call.name}", cursor.text, call.arguments[0].at)
    return call.name if call else ""


def _texts(cursor: Cursor, call: Modifier) -> tuple[str, ...]:
    for argument in call.arguments:
        if not isinstance(argument, Text):
            raise QueryError(f"expected a text in quotes as an argument of {call.name}", cursor.text, argument.at)
    return tuple(str(argument.value) for argument in call.arguments)


def _last(cursor: Cursor, call: Modifier) -> int | str:
    match call.arguments:
        case (Number(value),) if value >= 1 and value.is_integer():
            return int(value)
        case (Text(value),):
            return value
    raise QueryError("expected a number of runs, such as last(4)", cursor.text, call.at + 1)


def _event(cursor: Cursor, source: str) -> EventAlert:
    while not cursor.accept("("):
        cursor.take()
    search = cursor.expect_kind("text", "a search in quotes").value
    cursor.expect(")")
    calls = modifiers(cursor)
    return EventAlert(source, search, calls, *cursor.comparison("'.' or "))
