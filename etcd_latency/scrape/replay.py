"""What becomes of a series is decided by base once, when it appears; from then on only its value is new.

Base's transformers name a metric, choose its type and put its tags together anew for every sample of every page.
Here they do so for the samples of new series only, with a `Tape` in the place of the check; what they would have
submitted is noted, and submitted with each page's value from then on. All of base's conventions, and all options
that it reads while it makes a submission, hold by construction.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import compress, repeat
from math import isfinite
from operator import is_not
from typing import Any, Generic, NamedTuple, TypeVar

from datadog_checks.base import AgentCheck
from datadog_checks.base.checks import base

Key = TypeVar("Key", bound=Hashable)

REPLAYED = {"gauge", "counter", "counter_gauge", "histogram", "summary", "rate", "native", "native_dynamic"}
"""Base's types of metrics whose submissions depend on a sample's value in nothing but the value itself."""


class Way(NamedTuple):
    """What the submissions of many series have in common."""

    kind: int
    """Of the aggregator's metric types."""
    name: str
    """With the namespace."""
    counts: bool
    """Whether the first value of a new series is flushed when the run says so."""


@lru_cache(maxsize=4096)
def _way(kind: int, name: str, *, counts: bool) -> Way:
    """Shared by all members."""
    return Way(kind, name, counts)


class Note(NamedTuple):
    """A submission without its value."""

    way: Way
    tags: list[str]


class Tape:
    """Stands before the check where base makes its transformers: lets submissions pass, or takes note of them."""

    gauge = AgentCheck.gauge
    rate = AgentCheck.rate
    monotonic_count = AgentCheck.monotonic_count

    def __init__(self, check: AgentCheck) -> None:
        self._check = check
        self._notes: list[Note] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._check, name)

    def record(self, submissions: Callable[[], None]) -> list[Note]:
        """What this would submit."""
        notes: list[Note] = []
        self._notes = notes
        try:
            submissions()
        finally:
            self._notes = None
        return notes

    def _submit_metric(self, kind: int, name: str, value: float, **how: Any) -> None:
        """What `gauge`, `rate` and `monotonic_count` end in, for base's checks as for this."""
        if self._notes is None:
            self._check._submit_metric(kind, name, value, **how)  # noqa: SLF001 - whose method this is
            return
        full = self._check._format_namespace(name, how["raw"])  # noqa: SLF001 - base has no public name for it
        if self._check.should_send_metric(full):
            tags = self._check._normalize_tags_type(how["tags"] or [], metric_name=full)  # noqa: SLF001 - likewise
            counts = how.get("flush_first_value", False)
            # Most tags are those of other series, and of other members, too.
            shared = tuple(map(sys.intern, tags))
            self._notes.append(Note(_way(kind, full, counts=counts), list(shared)))


class Submitter:
    """The end of all submissions of a run: base's own, without what a `Tape` has done already."""

    def __init__(self, check: AgentCheck, *, flush_first_value: bool) -> None:
        aggregator = getattr(check, "_aggregator", lambda: base.aggregator)  # type: ignore[attr-defined]  # of older ones
        self._submit = aggregator().submit_metric
        self._check = check
        self._id = check.check_id
        self._flush = flush_first_value

    def submit(self, way: Way, values: Iterable[float], tags: Iterable[list[str]]) -> None:
        """Submit values, each with its tags; what is no number, or endless, is left out, as base does."""
        submit, check, check_id, (kind, name, counts) = self._submit, self._check, self._id, way
        flush = counts and self._flush
        # A loop, not `map`: other threads take the interpreter between two of its steps.
        for value, its_tags in zip(values, tags, strict=True):
            if isfinite(value):
                submit(check, check_id, kind, name, value, its_tags, "", flush)


class Route(NamedTuple):
    """Which lines of a family go one way, and with which tags."""

    way: Way
    chosen: bytes | None
    """For each line 1 or 0; None when all do."""
    tags: list[list[str]]
    """Of the chosen."""

    def of(self, column: Sequence[Any]) -> Iterable[Any]:
        """What stands in a column at the chosen lines."""
        return column if self.chosen is None else compress(column, self.chosen)


class Replay(Generic[Key]):
    """The series of one family and where their values go. Those that the last page did not show are forgotten."""

    __slots__ = ("_keys", "_learn", "_routes")

    def __init__(self, learn: Callable[[Key], Iterable[Note]]) -> None:
        """`learn` says what becomes of a series that is new."""
        self._learn = learn
        self._keys: list[Key] = []
        self._routes: list[Route] = []

    def arrange(self, keys: list[Key]) -> None:
        """Make ready for a page with these series, in this order; whatever `learn` raises comes out here."""
        if keys is self._keys:
            return
        ways: dict[Way, dict[Key, list[str]]] = {
            route.way: dict(zip(route.of(self._keys), route.tags, strict=True)) for route in self._routes
        }
        before = set(self._keys)
        for key in keys:
            if key not in before:
                for note in self._learn(key):
                    ways.setdefault(note.way, {})[key] = note.tags
        self._routes = [route for way, tags in ways.items() for route in _routes(way, tags, keys)]
        self._keys = keys

    def submit(self, values: Sequence[float], submitter: Submitter) -> None:
        """Submit the values of the series that were arranged."""
        for route in self._routes:
            submitter.submit(route.way, route.of(values), route.tags)


def _routes(way: Way, tags: dict[Any, list[str]], keys: Sequence[Any]) -> Iterator[Route]:
    """The one route of a way, or none when none of these keys goes it."""
    found = list(map(tags.get, keys))
    chosen = bytes(map(is_not, found, repeat(None)))
    if all(chosen):
        yield Route(way, None, found)  # type: ignore[arg-type]  # none of them is None
    elif any(chosen):
        yield Route(way, chosen, list(compress(found, chosen)))  # type: ignore[arg-type]  # likewise
