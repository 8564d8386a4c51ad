"""Stores that no cluster filled: a handful of points, and some time of three members that come and go."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from lab.datadog.store import Kind, Point, Store

BEGIN = 1_700_000_040
"""A minute, a while ago."""
MINUTES = 90
EVERY = 15
MEMBERS = ("a", "b", "c")
LAST = (70, MINUTES)
AWAY = {"a": [LAST], "b": [(12, 14), (50, 55), LAST], "c": [(0, 6), (20, 24), (35, 46), LAST]}
"""Minutes in which a member says nothing: gaps that are joined, gaps that are not, and what has no end."""


def minute(number: int) -> int:
    """The time at which a minute begins."""
    return BEGIN + 60 * number


def store_of(*lines: tuple[str, Kind, Sequence[str], Sequence[tuple[float, float]]]) -> Store:
    """A store of series: name, kind, tags, and points by minutes from the beginning."""
    store = Store()
    for name, kind, tags, points in lines:
        for at, value in points:
            store.add([Point(name, kind, frozenset(tags), value)], BEGIN + 60 * at)
    return store


def story() -> Store:
    """A cluster of three members for an hour and a half, flushed every 15 seconds, a little late each time."""
    store, chance = Store(), random.Random(6)  # noqa: S311 - the same numbers every time, and no secret
    for number in range(MINUTES * 60 // EVERY):
        at = BEGIN + EVERY * number + round(chance.uniform(0, 3), 3)
        present = [member for member in MEMBERS if not _away(member, (at - BEGIN) / 60)]
        store.add(_flush(present, number, chance), at)
    return store


def _away(member: str, at: float) -> bool:
    return any(first <= at < last for first, last in AWAY.get(member, []))


def _flush(members: Sequence[str], number: int, chance: random.Random) -> Iterator[Point]:
    yield Point("x.members", "gauge", frozenset({"cluster:one"}), len(members))
    for rank, member in enumerate(members):
        tags = frozenset({"cluster:one", f"member:{member}", f"zone:z{rank % 2}"})
        wave = math.sin(number / 20 + ord(member))
        yield Point("x.latency", "gauge", tags, 0.01 * (1.5 + wave) * chance.uniform(0.8, 1.4))
        yield Point("x.size", "gauge", tags, 1e9 + 3e4 * number + 1e6 * wave)
        yield Point("x.quota", "gauge", tags, 2e9)
        yield Point("x.line", "gauge", tags - {f"zone:z{rank % 2}"}, 0.25 + number / 2000)
        yield Point("x.idle", "gauge", tags, 0.0 if number % 40 < 20 else chance.random())
        for code in ("ok", "unavailable", "deadlineexceeded"):
            if code == "ok" or chance.random() < 0.2:
                said = frozenset({f"code:{code}", "type:unary"})
                yield Point("x.calls", "count", tags | said, chance.randrange(50 if code == "ok" else 5))
        if number % 37 == 0:
            yield Point("x.elections", "count", tags, 1.0)
        for peer in MEMBERS:
            if peer != member:
                yield Point("x.rtt", "gauge", tags | {f"peer:{peer}"}, 0.02 * chance.uniform(0.5, 1.5))
