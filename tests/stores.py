"""Stores made by hand: a value a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.datadog.evaluate import Group, Status, evaluate, outcomes
from lab.datadog.query import parse_monitor, parse_query
from lab.datadog.store import CheckStatus, Kind, Point, Store

BEGAN = 1_699_999_200
"""A full hour."""
MINUTE = 60
INTO = 7
"""Seconds of a minute at which its point is."""

Row = tuple[str, Kind, str, Sequence[float | None]]
"""Metric, kind, tags with spaces between them, and a value or nothing for each minute."""

STATUSES = {"o": 0, "w": 1, "c": 2, "u": 3}
STATES = {Status.OK: "o", Status.WARN: "w", Status.ALERT: "A", Status.NO_DATA: "-"}


def store_of(*rows: Row) -> Store:
    """A store with these rows."""
    store = Store()
    for minute in range(max(len(values) for *_, values in rows)):
        flushed = [
            Point(name, kind, frozenset(tags.split()), values[minute])
            for name, kind, tags, values in rows
            if minute < len(values) and values[minute] is not None
        ]
        store.add(flushed, BEGAN + minute * MINUTE + INTO)
    return store


def gauge(values: Sequence[float | None], tags: str = "", name: str = "m") -> Row:
    return name, "gauge", tags, values


def count(values: Sequence[float | None], tags: str = "", name: str = "c") -> Row:
    return name, "count", tags, values


def named(group: Group) -> str:
    return " ".join(f"{key}:{value}" for key, value in group)


def asked(store: Store, query: str, minutes: int, start: int = 0, **more: Any) -> dict[str, list[float | None]]:
    """What a query gives for the minutes from `start` on, a value or None for each, by group."""
    first = BEGAN + start * MINUTE
    lines = evaluate(parse_query(query), store, first, first + minutes * MINUTE, **more)
    return {
        named(line.group): [line.points.get(first + minute * MINUTE) for minute in range(minutes)] for line in lines
    }


def one(store: Store, query: str, minutes: int, start: int = 0) -> list[float | None]:
    """The same of a query that gives one line, whatever its group."""
    (values,) = asked(store, query, minutes, start).values()
    return values


def said(store: Store, query: str, minutes: int, options: Mapping[str, Any] | None = None) -> dict[str, str]:
    """What a monitor says at the end of each minute, by group: `o` ok, `w` warn, `A` alert, `-` no data."""
    moments = [BEGAN + (minute + 1) * MINUTE for minute in range(minutes)]
    usual = {"new_group_delay": 0}
    found = outcomes(parse_monitor(query), usual | dict(options or {}), store, moments)
    return {named(group): "".join(STATES[state] for state in states) for group, states in found.items()}


def checks_of(**groups: str) -> Store:
    """Statuses of the check `up` with the tag `m:<name>`: a letter of `o w c u` each minute, a space for none."""
    store = Store()
    for name, letters in groups.items():
        for minute, letter in enumerate(letters):
            if letter != " ":
                time = BEGAN + minute * MINUTE + INTO
                store.add_check(CheckStatus("up", STATUSES[letter], frozenset({f"m:{name}"}), "", time))
    return store
