"""What an Agent flushed, kept in SQLite as Datadog would keep it: points of metrics, service checks, events."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, cast

from lab.datadog import tags as tagging
from lab.datadog.query.tree import Scope
from lab.process import LabError

Kind = Literal["gauge", "count"]
Made = TypeVar("Made")

TABLES = """
CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, name TEXT, kind TEXT, tags TEXT, UNIQUE (name, tags));
CREATE TABLE IF NOT EXISTS points (series INTEGER, time REAL, value REAL);
CREATE INDEX IF NOT EXISTS points_of_series ON points (series, time);
CREATE TABLE IF NOT EXISTS checks (name TEXT, time REAL, status INTEGER, tags TEXT, message TEXT);
CREATE INDEX IF NOT EXISTS checks_of_name ON checks (name, time);
CREATE TABLE IF NOT EXISTS events (time REAL, event TEXT);
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a flush; a rate is a gauge by then."""

    name: str
    kind: Kind
    tags: frozenset[str]
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """All points of one metric with one set of tags, in the order of time; times are seconds since the epoch."""

    name: str
    kind: Kind
    tags: frozenset[str]
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """One status of a service check: 0 ok, 1 warning, 2 critical, 3 unknown."""

    name: str
    status: int
    tags: frozenset[str]
    message: str
    time: float


class Store:
    """Points, service checks and events over time; in memory, or in a file that stays."""

    def __init__(self, path: Path | None = None) -> None:
        self._base = sqlite3.connect(path or ":memory:")
        self._base.executescript(TABLES)
        self._ids: dict[str, dict[frozenset[str], tuple[int, Kind]]] = {}
        for number, name, kind, text in self._base.execute("SELECT id, name, kind, tags FROM series"):
            self._ids.setdefault(name, {})[_tags(text)] = (number, kind)
        self._memory: dict[Hashable, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is not yet in the file."""
        self._base.commit()
        self._base.close()

    def remembered(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` returned for this key since something was added last; made now when it was not."""
        if key not in self._memory:
            self._memory[key] = make()
        return cast("Made", self._memory[key])

    def add(self, points: Iterable[Point], time: float) -> None:
        """Take the points of a flush at a time (seconds since the epoch); their tags become what the intake makes."""
        rows = [(self._number(point), time, point.value) for point in points]
        self._base.executemany("INSERT INTO points VALUES (?, ?, ?)", rows)
        self._memory.clear()

    def add_check(self, status: CheckStatus) -> None:
        row = (status.name, status.time, status.status, _text(tagging.carried(status.tags)), status.message)
        self._base.execute("INSERT INTO checks VALUES (?, ?, ?, ?, ?)", row)
        self._memory.clear()

    def add_event(self, event: Mapping[str, Any], time: float) -> None:
        self._base.execute("INSERT INTO events VALUES (?, ?)", (time, json.dumps(event)))

    def metrics(self) -> list[str]:
        """The names of all metrics, sorted."""
        return sorted(self._ids)

    def series(self, metric: str, scope: Scope) -> list[Series]:
        """The series of a metric that a scope means; none when there is no such metric."""
        matches = tagging.matcher(scope)
        return [one for one in self._series_of(metric) if matches(one.tags)]

    def tag_keys(self, metric: str) -> list[str]:
        """The keys of all tags of a metric, sorted."""
        return sorted({tag.partition(":")[0] for tags in self._ids.get(metric, {}) for tag in tags})

    def tag_values(self, metric: str, key: str) -> list[str]:
        """All values that a key has in a metric, sorted."""
        return sorted({value for tags in self._ids.get(metric, {}) for value in tagging.values(tags, key)})

    def check_names(self) -> list[str]:
        """The names of all service checks, sorted."""
        return [name for (name,) in self._base.execute("SELECT DISTINCT name FROM checks ORDER BY name")]

    def checks(self, name: str) -> Sequence[CheckStatus]:
        """All statuses of a service check, in the order of time."""
        return self.remembered(("checks", name), lambda: self._checks(name))

    def events(self) -> list[tuple[float, dict[str, Any]]]:
        """All events with their times, in the order of time."""
        rows = self._base.execute("SELECT time, event FROM events ORDER BY time, rowid")
        return [(time, json.loads(event)) for time, event in rows]

    @property
    def range(self) -> tuple[float, float]:
        """The times of the first and the last point or status; raises `LabError` when there is none."""
        first, last = self.remembered("range", self._range)
        if first is None or last is None:
            raise LabError("the store is empty: it has no point and no service check")
        return first, last

    def reaches(self, time: float) -> bool:
        """Whether it holds a point or status of this time or a later one."""
        _, last = self.remembered("range", self._range)
        return last is not None and last >= time

    def _number(self, point: Point) -> int:
        tags = tagging.carried(point.tags)
        known = self._ids.setdefault(point.name, {})
        if tags not in known:
            row = (point.name, point.kind, _text(tags))
            cursor = self._base.execute("INSERT INTO series (name, kind, tags) VALUES (?, ?, ?)", row)
            known[tags] = (cast("int", cursor.lastrowid), point.kind)
        number, kind = known[tags]
        if kind != point.kind:
            raise LabError(f"{point.name} was a {kind} before and is now a {point.kind}")
        return number

    def _series_of(self, metric: str) -> list[Series]:
        return self.remembered(("series", metric), lambda: self._read(metric))

    def _read(self, metric: str) -> list[Series]:
        return [self._one(metric, number, kind, tags) for tags, (number, kind) in self._ids.get(metric, {}).items()]

    def _one(self, metric: str, number: int, kind: Kind, tags: frozenset[str]) -> Series:
        rows = self._base.execute("SELECT time, value FROM points WHERE series = ? ORDER BY time, rowid", (number,))
        points = rows.fetchall()
        return Series(metric, kind, tags, tuple(time for time, _ in points), tuple(value for _, value in points))

    def _checks(self, name: str) -> list[CheckStatus]:
        rows = self._base.execute(
            "SELECT status, tags, message, time FROM checks WHERE name = ? ORDER BY time, rowid", (name,)
        )
        return [CheckStatus(name, status, _tags(text), message, time) for status, text, message, time in rows]

    def _range(self) -> tuple[float | None, float | None]:
        times = "SELECT time FROM points UNION ALL SELECT time FROM checks"
        first, last = self._base.execute(f"SELECT min(time), max(time) FROM ({times})").fetchone()  # noqa: S608 - our own text
        return first, last


def _text(tags: frozenset[str]) -> str:
    return ",".join(sorted(tags))


def _tags(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) - {""}
