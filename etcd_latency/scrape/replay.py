"""What becomes of a series is decided by base once, when it appears; from then on only its value is new.

Base's transformers name a metric, choose its type and put its tags together anew for every sample of every page.
Here they do so for the samples of new series only, with a `Tape` in the place of the check; what they would have
submitted is noted, and submitted with each page's value from then on. All of base's conventions, and all options
that it reads while it makes a submission, hold by construction.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress, count, repeat
from math import isfinite
from operator import is_not
from typing import Any, Generic, NamedTuple, TypeVar

from datadog_checks.base import AgentCheck
from datadog_checks.base.checks import base
from datadog_checks.base.checks.openmetrics.v2.transform import DEFAULT_METRIC_TYPE

from etcd_latency.scrape.ends import Middle, middle

Key = TypeVar("Key", bound=Hashable)

REPLAYED = {"gauge", "counter", "counter_gauge", "histogram", "summary", "rate", "native", "native_dynamic"}
"""Base's types of metrics whose submissions depend on a sample's value in nothing but the value itself."""


Transformer = tuple[str, Callable[..., None]]
"""A type of base's, and what does it."""


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


Tags = tuple[str, ...]
"""What base has as a list: it is shared, so that nobody may change it. The Agent takes any sequence."""


LONGEST_KNOWN_LETTERS = 1024
"""Tags of any length are submitted, but what is kept of them after their page must not fill the memory."""


def are_short(tags: Iterable[str]) -> bool:
    """Whether these may be kept when they are not on a page any more."""
    return sum(map(len, tags)) <= LONGEST_KNOWN_LETTERS


def shared(tags: Tags) -> Tags:
    """The same tags for all series that have them; each tag is one of other series, and of other members, too."""
    return _shared(tags) if are_short(tags) else tags


@lru_cache(maxsize=4096)
def _shared(tags: Tags) -> Tags:
    return tuple(map(sys.intern, tags))


class Note(NamedTuple):
    """A submission without its value."""

    way: Way
    tags: Tags


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
            self._notes.append(Note(_way(kind, full, counts=counts), shared(tuple(tags))))


class Submitter:
    """The end of all submissions of a run: base's own, without what a `Tape` has done already."""

    def __init__(self, check: AgentCheck, *, flush_first_value: bool) -> None:
        aggregator = getattr(check, "_aggregator", lambda: base.aggregator)  # type: ignore[attr-defined]  # of older ones
        self._to = aggregator().submit_metric
        self._check = check
        self._id = check.check_id
        self._flush = flush_first_value

    def submit(self, way: Way, values: Sequence[float], tags: Iterable[Tags]) -> None:
        """Submit values, each with its tags; what is no number, or endless, is left out, as base does."""
        self._submit(way.kind, [way.name] * len(values), values, tags, counts=way.counts)

    def submit_one(self, note: Note, value: float) -> None:
        """The same of one value."""
        (kind, name, counts), tags = note
        if isfinite(value):
            self._to(self._check, self._id, kind, name, value, tags, "", counts and self._flush)

    def submit_batch(self, batch: Batch, values: Sequence[float]) -> None:
        """The same of many families; `values` are those of all lines."""
        found = list(compress(values, batch.chosen))
        self._submit(batch.kind, batch.names, found, batch.tags, counts=batch.counts)

    def _submit(
        self, kind: int, names: Iterable[str], values: Sequence[float], tags: Iterable[Tags], *, counts: bool
    ) -> None:
        if not isfinite(sum(values)):
            fit = list(map(isfinite, values))
            names, values, tags = compress(names, fit), list(compress(values, fit)), compress(tags, fit)
        submit, check, check_id, flush = self._to, self._check, self._id, counts and self._flush
        # A loop, not `map`: other threads take the interpreter between two of its steps.
        for name, value, its_tags in zip(names, values, tags, strict=True):
            submit(check, check_id, kind, name, value, its_tags, "", flush)


class Route(NamedTuple):
    """Which lines of a family go one way, and with which tags."""

    way: Way
    chosen: bytes | None
    """For each line 1 or 0; None when all do."""
    tags: list[Tags]
    """Of the chosen."""

    def of(self, column: Sequence[Any]) -> Sequence[Any]:
        """What stands in a column at the chosen lines."""
        return column if self.chosen is None else list(compress(column, self.chosen))

    def moved(self, part: Middle, old: Sequence[Any], new: Sequence[Any], learnt: dict[Any, Tags]) -> Route:
        """The same when other lines stand in the middle of a page; `learnt` has the tags of those that are new."""
        chosen = b"\1" * len(self.tags) if self.chosen is None else self.chosen
        first = chosen.count(1, 0, part.old.start)
        last = first + chosen.count(1, part.old.start, part.old.stop)
        tags = dict(zip(compress(old, chosen[part.old]), self.tags[first:last], strict=True)) | learnt
        found = list(map(tags.get, new))
        marks = chosen[: part.old.start] + bytes(map(is_not, found, repeat(None))) + chosen[part.old.stop :]
        its = self.tags[:first] + [one for one in found if one is not None] + self.tags[last:]
        return Route(self.way, marks if 0 in marks else None, its)


Rows = dict[int, tuple[str, Tags]]
"""By line, what is submitted of it."""


class Batch(NamedTuple):
    """Submissions of many families that are made alike."""

    kind: int
    """See `Way`."""
    counts: bool
    """See `Way`."""
    chosen: bytes
    """For each line of a page 1 or 0."""
    names: list[str]
    """Of the chosen."""
    tags: list[Tags]
    """Of the chosen."""


def batches(families: Iterable[tuple[slice, Iterable[Route]]], size: int) -> list[Batch]:
    """The routes of families, each of which has these lines of a page with so many lines, as few batches."""
    found: defaultdict[tuple[int, bool, int], Rows] = defaultdict(dict)
    for place, routes in families:
        alike: defaultdict[tuple[int, bool, int], Rows] = defaultdict(dict)
        for route in routes:
            kind, name, counts = route.way
            rows = dict(zip(route.of(range(place.start, place.stop)), zip(repeat(name), route.tags), strict=False))
            turn = next(turn for turn in count() if alike[kind, counts, turn].keys().isdisjoint(rows))
            alike[kind, counts, turn].update(rows)
        for key, its in alike.items():
            found[key].update(sorted(its.items()) if its else ())
    return [_batch(kind, rows, size, counts=counts) for (kind, counts, _), rows in found.items()]


def _batch(kind: int, rows: Rows, size: int, *, counts: bool) -> Batch:
    chosen = bytes(map(rows.__contains__, range(size)))
    return Batch(kind, counts, chosen, [name for name, _ in rows.values()], [tags for _, tags in rows.values()])


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
        part = middle(self._keys, keys)
        old, new = self._keys[part.old], keys[part.new]
        known = set(old)
        learnt: dict[Way, dict[Key, Tags]] = {route.way: {} for route in self._routes}
        for key in new:
            if key not in known:
                for note in self._learn(key):
                    learnt.setdefault(note.way, {})[key] = note.tags
        before = {route.way: route for route in self._routes}
        nothing = bytes(len(self._keys))
        moved = (
            (before.get(way) or Route(way, nothing, [])).moved(part, old, new, tags) for way, tags in learnt.items()
        )
        self._routes = [route for route in moved if route.tags]
        self._keys = keys

    @property
    def routes(self) -> Sequence[Route]:
        """Where the values of the series go that were arranged."""
        return self._routes

    def submit(self, values: Sequence[float], submitter: Submitter) -> None:
        """Submit the values of the series that were arranged."""
        for route in self._routes:
            submitter.submit(route.way, route.of(values), route.tags)


def share(known: Mapping[str, Transformer], own: dict[str, Transformer]) -> None:
    """Put what is known in the place of what is its like.

    Not what is native: base decides by the first page what such a family is, and another member's may differ.
    """
    own |= {name: known[name] for name, (kind, _) in own.items() if kind != DEFAULT_METRIC_TYPE}
