"""Many series of a counter, one running total for each group of them. Pure: numbers in, numbers out.

A plain sum of counters is no counter: it falls when one of its series begins anew, and then a reader takes the
whole sum for growth. So what a series had reached is carried on when it is no longer part of the sum:

    a total is the sum of what its series are now, and of what is carried:
    a series                                carries
    new, grew, or stands still              nothing: the sum grows by what it grew
    fell, because its process began anew    what it had reached
    not on the page any more                what it had reached

The first page of all is no exception: its totals are plain sums. A page that never came is none either: the next
one adds what grew meanwhile. A series that is alone in its group carries nothing when it begins anew: its total is
that series, and falls as it does.

A histogram is one series of many lines (count, sum and a count for each bound), and begins anew as a whole: when
any line fell, all of them did. So a group's buckets grow cumulatively, as those of a page do.

Bounds may differ. Those that not every series of a group has are left out, for nobody knows how many of its
observations the others would have counted there. When a group's set of bounds is another than on the last page,
as after an upgrade, its buckets begin anew with the plain sum of the page; its count and its sum go on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import compress
from operator import attrgetter, lt
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from etcd_latency.scrape.ends import middle

VALUE, SUM, COUNT = "value", "sum", "count"

Part = str | float
"""`VALUE` of a counter; `SUM`, `COUNT` and the bounds (floats) of a histogram."""
Key = TypeVar("Key", bound=Hashable)


class Line(NamedTuple):
    """What a line is about."""

    group: Hashable
    """What its total is told apart by."""
    part: Part
    series: Hashable
    """What the lines of one histogram have in common, and those of no other."""


class Slot:
    """What there is one total of; itself and nothing else, so that it is quickly found."""

    __slots__ = ("group", "head", "part")

    def __init__(self, group: Group, part: Part) -> None:
        self.group = group
        self.part = part
        self.head = b""
        """What its line would begin with, once somebody has asked."""


class Group:
    """The series that are summed."""

    __slots__ = ("name", "slots")

    def __init__(self, name: Any) -> None:
        self.name = name
        self.slots: dict[Part, Slot] = {}

    def slot(self, part: Part) -> Slot:
        """The one of a part."""
        return self.slots.setdefault(part, Slot(self, part))


class Place(NamedTuple):
    """Where the value of a line goes."""

    slot: Slot
    series: Hashable


SLOT = attrgetter("slot")


class Layout:
    """Which lines of a page are summed to which totals."""

    def __init__(self, places: Sequence[Place | None]) -> None:
        """`places` are those of the page's lines; None leaves a line out."""
        by_line: list[Any] = [place and place.slot for place in places] if None in places else list(map(SLOT, places))
        self.slots: list[Slot] = by_line
        self._lines: list[list[int]] | None = None
        """The lines of each slot; None where each line is the only one of its slot."""
        if None in by_line or len(set(by_line)) < len(by_line):
            self._group(by_line)

    def _group(self, by_line: Sequence[Slot | None]) -> None:
        lines = numbered(by_line)
        most: defaultdict[Group, int] = defaultdict(int)
        for slot, its in lines.items():
            most[slot.group] = max(most[slot.group], len(its))
        self.series = most
        self.slots = [slot for slot, its in lines.items() if not is_bound(slot) or len(its) == most[slot.group]]
        self._lines = [lines[slot] for slot in self.slots]

    @cached_property
    def series(self) -> Mapping[Group, int]:
        """How many series a group has. None lacks the part that most have: its count, if nothing else."""
        return dict.fromkeys((slot.group for slot in self.slots), 1)

    @property
    def is_single(self) -> bool:
        """Whether each line is the only one of its slot."""
        return self._lines is None

    def lines(self) -> Iterable[Sequence[int]]:
        """The numbers of the lines of each slot."""
        return [(line,) for line in range(len(self.slots))] if self._lines is None else self._lines

    def sums(self, values: Sequence[float]) -> Sequence[float]:
        """The plain sums of a page's values, slot by slot."""
        if self._lines is None:
            return values
        value = values.__getitem__
        return [sum(map(value, its)) for its in self._lines]

    def bounds(self) -> Mapping[Group, set[Part]]:
        """The bounds of each group."""
        found: defaultdict[Group, set[Part]] = defaultdict(set)
        for slot in self.slots:
            if is_bound(slot):
                found[slot.group].add(slot.part)
        return found


@dataclass(frozen=True, slots=True)
class State(Generic[Key]):
    """A page's lines, and what they came to."""

    keys: list[Key]
    values: Sequence[float]
    """The last that were usable; not a number where there was none yet."""
    places: list[Place | None]
    layout: Layout
    whole: bool = True
    """Whether all values of this page were usable."""
    carried: Mapping[Slot, float] = field(default_factory=dict)

    def totals(self) -> Sequence[float]:
        """Slot by slot."""
        sums = self.layout.sums(self.values)
        if not self.carried:
            return sums
        return [total + self.carried.get(slot, 0) for slot, total in zip(self.layout.slots, sums, strict=True)]

    def reached(self) -> dict[Slot, float]:
        """The same by slot."""
        return dict(zip(self.layout.slots, self.totals(), strict=True))

    def is_below(self, last: State[Key]) -> bool:
        """Whether a sum is less than it was, be it by a rounding, because its lines stand in another order."""
        if self.layout.is_single:
            return False
        reached = last.reached()
        return any(total < reached.get(slot, 0) for slot, total in self.reached().items())

    def lines(self) -> Iterator[tuple[Key, Place, float]]:
        """The lines that count."""
        for key, place, value in zip(self.keys, self.places, self.values, strict=True):
            if place is not None and not math.isnan(value):
                yield key, place, value


class Totals(Generic[Key]):
    """The running totals of one family's groups, page after page.

    While a group is on every page its totals never fall, but for what is said above. A group that is gone for a
    page is forgotten and begins again at 0, as a single counter does.
    """

    def __init__(self, read: Callable[[Key], Line | None]) -> None:
        """`read` says of a line that is new what it is about; what it gives None for is in no total."""
        self.left_out = 0
        """How many values of the last page were no counts: not a number, infinite or negative."""
        self._read = read
        self._groups: dict[Hashable, Group] = {}
        self._last: State[Key] = State([], [], [], Layout([]))
        self._arranged: tuple[list[Key], list[Place | None]] = ([], [])

    def arrange(self, keys: list[Key]) -> None:
        """Find out what the lines of a page are about that may be added; whatever `read` raises comes out here."""
        if keys is not self._arranged[0]:
            last, part = self._last, middle(self._last.keys, keys)
            known = dict(zip(last.keys[part.old], last.places[part.old], strict=True))
            found = [known[key] if key in known else self._place(key) for key in keys[part.new]]
            self._arranged = keys, part.put(last.places, found)

    def add(self, keys: list[Key], values: Sequence[float]) -> tuple[list[Slot], Sequence[float]]:
        """Take a page's lines; give what there are totals of, and the totals.

        The list of slots is the same object as long as a page has the same lines.
        """
        last = self._last
        # Who is no less than a count is none below 0; a sum with not a number, or with infinity, is not below that.
        is_next = keys is last.keys and last.whole and sum(values) < math.inf
        if not is_next or any(map(lt, values, last.values)):
            return self._settle(keys, values)
        self._last = replace(last, values=values)
        return last.layout.slots, self._last.totals()

    def _settle(self, keys: list[Key], values: Sequence[float]) -> tuple[list[Slot], Sequence[float]]:
        """The same when lines came or went, or when a value fell or is none."""
        self.arrange(keys)
        last, places = self._last, self._arranged[1]
        part = middle(last.keys, keys)
        known = dict(zip(last.keys[part.old], last.values[part.old], strict=True))
        new = keys[part.new]
        before = part.put(list(last.values), [known.get(key, math.nan) for key in new])
        kept, counted, usable = values, places, are_counts(values)
        if not usable:
            kept = held(places, values, before)
            counted = [None if math.isnan(value) else place for value, place in zip(kept, places, strict=True)]
        now = State(keys, kept, places, Layout(counted), usable)
        gone = len(known) - sum(map(known.__contains__, new))
        if last.carried or gone or any(map(lt, kept, before)) or now.is_below(last):
            now = replace(now, carried=carried(last, now))
        self._last = now
        if gone or not (last.whole and usable):
            self._forget_groups(places)
        return self._shown(values)

    def _shown(self, values: Sequence[float]) -> tuple[list[Slot], Sequence[float]]:
        """The totals of which the page has at least one usable value."""
        now = self._last
        slots, totals = now.layout.slots, now.totals()
        self.left_out = 0
        if now.whole:
            return slots, totals
        fit = list(map(is_count, values))
        self.left_out = sum(place is not None and not fits for place, fits in zip(now.places, fit, strict=True))
        shown = [any(fit[line] for line in its) for its in now.layout.lines()]
        return list(compress(slots, shown)), list(compress(totals, shown))

    def _place(self, key: Key) -> Place | None:
        line = self._read(key)
        if line is None:
            return None
        group = self._groups.setdefault(line.group, Group(line.group))
        return Place(group.slot(line.part), line.series)

    def _forget_groups(self, places: Iterable[Place | None]) -> None:
        """Keep those groups, and parts of them, that the page shows."""
        shown = dict.fromkeys(place.slot for place in places if place)
        if len(shown) < sum(len(group.slots) for group in self._groups.values()):
            self._groups = {slot.group.name: slot.group for slot in shown}
            for group in self._groups.values():
                group.slots = {part: slot for part, slot in group.slots.items() if slot in shown}


def numbered(by_line: Iterable[Key | None]) -> dict[Key, list[int]]:
    """The numbers of the lines that each has; None has none."""
    found: defaultdict[Key, list[int]] = defaultdict(list)
    for number, key in enumerate(by_line):
        if key is not None:
            found[key].append(number)
    return found


def held(places: Iterable[Place | None], values: Iterable[float], before: Iterable[float]) -> list[float]:
    """A page's values, in the place of unusable ones the last that was usable: such a line will not be new.

    In a histogram that began anew it was 0 since.
    """
    found = list(zip(places, values, before, strict=True))
    fallen = {place.series for place, new, old in found if place and is_count(new) and new < old}
    return [
        new if is_count(new) else (0.0 if place and place.series in fallen and old >= 0 else old)
        for place, new, old in found
    ]


def carried(last: State[Key], now: State[Key]) -> dict[Slot, float]:
    """What the totals of a page carry of what the page itself does not show; see the table above."""
    on_page = {key: value for key, _, value in now.lines()}
    fallen = {place.series for key, place, value in last.lines() if on_page.get(key, math.inf) < value}
    alone = {
        place.slot.group
        for _, place, _ in last.lines()
        if place.series in fallen and last.layout.series[place.slot.group] == now.layout.series[place.slot.group] == 1
    }
    amounts = defaultdict(float, last.carried)
    for key, place, value in last.lines():
        if key not in on_page or place.series in fallen:
            amounts[place.slot] += value
    reached, bounds = last.reached(), (last.layout.bounds(), now.layout.bounds())
    found = {
        slot: rounded_up(amounts.get(slot, 0), total, reached.get(slot, 0))
        for slot, total in zip(now.layout.slots, now.layout.sums(now.values), strict=True)
        if slot.group not in alone and not (is_bound(slot) and bounds[0][slot.group] != bounds[1][slot.group])
    }
    return {slot: amount for slot, amount in found.items() if amount}


def rounded_up(amount: float, total: float, least: float) -> float:
    """An amount that makes of a sum no less than it was: a counter that falls by a rounding seems to begin anew."""
    amount = max(amount, least - total)
    while total + amount < least:
        amount += math.ulp(least)
    return amount


def are_counts(values: Sequence[float]) -> bool:
    """Whether all of these can be the values of a counter."""
    return not values or (min(values) >= 0 and sum(values) < math.inf)  # a sum with not a number is none


def is_count(value: float) -> bool:
    """Whether this can be the value of a counter."""
    return 0 <= value < math.inf


def is_bound(slot: Slot) -> bool:
    """Whether this is a bucket of a histogram."""
    return isinstance(slot.part, float)


def level(values: Iterable[float], combine: Literal["sum", "max"]) -> float:
    """What several series of a gauge are together, on one page; there is at least one."""
    return max(values) if combine == "max" else sum(values)
