"""Where the series of a family stand among its lines, read once for all members that have the same lines.

What stands before the values is the same from page to page, and most of it from member to member. So it is known
again by what it says, not by whose it is: of two hundred members that run one version it is kept once. Lines that
are the same are mostly the same objects, too (scrape.lines shares them), and then comparing them costs next to
nothing.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import inf, nan
from operator import itemgetter
from threading import Lock
from typing import Any, NamedTuple

from etcd_latency.derive.histograms import Histogram

Labels = tuple[tuple[str, str], ...]
"""By name, without the `le` of a bucket."""

Pick = Callable[[Sequence[float]], tuple[float, ...]]
"""Takes some of a family's values."""

HEAVIEST_BYTES = 4 << 20
"""A family that takes more room is not read, as no page may fill the memory: the largest of etcd takes a tenth."""

MOST_BYTES = 32 << 20
"""All families of all members together: 200 members of ten versions take half of it."""

LINE_BYTES = 400
"""What is kept of a line beside its text, at most: that of a counter with four labels."""

FEWEST_PROBED = 8
"""So many of a family's lines are asked what is known of it, spread over all; then all are compared."""

LONGEST_SHARED = 512
"""Characters of a line whose labels are shared. What is shared stays, so that it must not be large."""

MOST_SHARED_BOUNDS = 64
"""Bounds of a histogram, likewise; the largest of etcd has 21."""

FEWEST_BOUNDS = 2
"""A histogram has one finite bound at least, and infinity."""

LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')

ESCAPED = re.compile(r"\\(.)")


class Places(NamedTuple):
    """Series of a gauge or a counter."""

    series: tuple[Labels, ...]
    places: tuple[int, ...]
    """Of each its place among the family's values."""
    pick: Pick
    """Takes the values at these places."""


class Parts(NamedTuple):
    """Where the parts of one histogram stand among its family's values."""

    bounds: tuple[float, ...]
    buckets: Pick
    sum: int

    def histogram(self, values: Sequence[float]) -> Histogram:
        """The histogram on a page with these values."""
        return Histogram(self.bounds, self.buckets(values), values[self.sum])


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """Where everything of a family stands."""

    texts: Sequence[bytes]
    """What stands before the values of its lines."""
    numbers: Places
    histograms: Mapping[Labels, Parts]
    counts: Pick
    """Takes how many observations each histogram has."""
    nothing: Mapping[Labels, Histogram]
    """What each histogram gains while nothing is observed."""
    _having: dict[Labels, Places] = field(default_factory=dict)

    def having(self, labels: Mapping[str, str]) -> Places:
        """The numbers with these labels. What is asked for is our own code's, so it is little and can be kept."""
        if not labels:
            return self.numbers
        wanted = tuple(labels.items())
        if wanted not in self._having:
            every = zip(self.numbers.series, self.numbers.places, strict=True)
            self._having[wanted] = _places({series: at for series, at in every if set(wanted).issubset(series)})
        return self._having[wanted]


class Layouts:
    """What is known of families' lines; several threads may ask."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.size = 0
        """About how many bytes are kept."""
        self._most = most
        self._known: OrderedDict[tuple[Any, ...], tuple[Layout, int]] = OrderedDict()
        """With the bytes of each."""
        self._latest: dict[str, Layout] = {}
        """By family: of most families all members have the same lines, and need not be looked for."""
        self._lock = Lock()

    def of(self, family: str, texts: Sequence[bytes]) -> Layout:
        """Where the series of a family with these lines stand."""
        latest = self._latest.get(family)
        if latest is not None and latest.texts == texts:
            return latest
        key = (family, len(texts), *texts[:: len(texts) // FEWEST_PROBED or 1])
        known = self._known.get(key)
        return known[0] if known and known[0].texts == texts else self._learnt(key, family, texts)

    def _learnt(self, key: tuple[Any, ...], family: str, texts: Sequence[bytes]) -> Layout:
        """Read what is new. What has been known for longest makes room for it; it is read again if it comes again."""
        its_bytes = sum(map(len, texts)) + LINE_BYTES * (len(texts) + 1)
        if its_bytes > HEAVIEST_BYTES:
            return NOTHING
        found = read(family, texts)
        with self._lock:
            _, replaced = self._known.pop(key, (found, 0))
            self._known[key] = found, its_bytes
            self._latest[family] = found
            self.size += its_bytes - replaced
            while self.size > self._most:
                _, (_, oldest) = self._known.popitem(last=False)
                self.size -= oldest
                self._latest.clear()  # it may have been among them
        return found


class _Line(NamedTuple):
    """What one line says before its value."""

    name: str
    labels: Labels
    bound: float | None
    """Of a bucket."""


def read(family: str, texts: Sequence[bytes]) -> Layout:
    """Where the series of a family stand."""
    lines = list(map(_line, texts))
    name = family.removesuffix("_total")
    histograms = _histograms(lines, family)
    return Layout(
        texts,
        _places({line.labels: at for at, line in enumerate(lines) if line.name.removesuffix("_total") == name}),
        {labels: parts for labels, (parts, _) in histograms.items()},
        _pick([count for _, count in histograms.values()]),
        {labels: _nothing(parts.bounds) for labels, (parts, _) in histograms.items()},
    )


def _line(text: bytes) -> _Line:
    name, _, written = text.decode("utf-8", errors="replace").rstrip(" ").partition("{")
    found = {label: _unescaped(value) for label, value in LABEL.findall(written)}
    bound = found.pop("le", None)
    labels = tuple(sorted(found.items()))
    return _Line(
        name,
        _shared_labels(labels) if len(text) <= LONGEST_SHARED else labels,
        None if bound is None else _number(bound),
    )


def _number(written: str) -> float:
    """A bound; what is no number is none that a histogram can have."""
    try:
        return float(written)
    except ValueError:
        return nan


def _unescaped(value: str) -> str:
    return ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], value) if "\\" in value else value


def _histograms(lines: Sequence[_Line], family: str) -> dict[Labels, tuple[Parts, int]]:
    """The histograms that have all their parts, and where each has the number of its observations."""
    sums = {line.labels: at for at, line in enumerate(lines) if line.name == f"{family}_sum"}
    buckets: dict[Labels, dict[float, int]] = {labels: {} for labels in sums}
    for at, line in enumerate(lines):
        if line.bound is not None and line.labels in buckets:
            buckets[line.labels][line.bound] = at
    return {
        labels: (Parts(_bounds(found), _pick([found[bound] for bound in sorted(found)]), sums[labels]), found[inf])
        for labels, found in buckets.items()
        if len(found) >= FEWEST_BOUNDS and _ascending(found) and inf in found
    }


def _ascending(bounds: Iterable[float]) -> bool:
    """Whether they can be put in an order, which NaN cannot."""
    return all(lower < upper for lower, upper in pairwise(sorted(bounds)))


def _bounds(found: Iterable[float]) -> tuple[float, ...]:
    bounds = tuple(sorted(found))
    return _shared_bounds(bounds) if len(bounds) <= MOST_SHARED_BOUNDS else bounds


def _nothing(bounds: tuple[float, ...]) -> Histogram:
    return Histogram(bounds, (0.0,) * len(bounds), 0.0)


def _places(places: Mapping[Labels, int]) -> Places:
    return Places(tuple(places), tuple(places.values()), _pick(list(places.values())))


def _pick(places: Sequence[int]) -> Pick:
    if len(places) > 1:
        return itemgetter(*places)
    if not places:
        return lambda _: ()
    (only,) = places
    return lambda values: (values[only],)  # an itemgetter of one gives it bare


@lru_cache(maxsize=4096)
def _shared_labels(labels: Labels) -> Labels:
    """The same object for all that are equal."""
    return labels


@lru_cache(maxsize=256)
def _shared_bounds(bounds: tuple[float, ...]) -> tuple[float, ...]:
    """Likewise."""
    return bounds


NOTHING = read("", ())
"""Of a family of which nothing is known."""
