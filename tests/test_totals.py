"""Running totals: each case by hand, then processes that begin anew at random, then a plain model of the module."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from etcd_latency.scrape.totals import COUNT, SUM, VALUE, Group, Line, Part, Slot, Totals, level

NAN, INF = math.nan, math.inf

Parts = Mapping[Part, float]
Page = Mapping[Line, float]


def new_totals() -> Totals[Line]:
    """Totals whose lines say themselves what they are about."""
    return Totals(lambda line: line)


def add(totals: Totals[Line], page: Page) -> dict[Any, dict[Part, float]]:
    """The totals of a page, by group and part; none stands there twice."""
    slots, values = totals.add(list(page), list(page.values()))
    found: dict[Any, dict[Part, float]] = {}
    for slot, value in zip(slots, values, strict=True):
        assert slot.part not in found.setdefault(slot.group.name, {})
        found[slot.group.name][slot.part] = value
    return found


def counters(page: Mapping[str, float], group: str = "all") -> Page:
    return {Line(group, VALUE, key): value for key, value in page.items()}


def histograms(page: Mapping[Any, Parts], group: str = "all") -> Page:
    return {Line(group, part, key): value for key, parts in page.items() for part, value in parts.items()}


def totals_of(*pages: Mapping[str, float]) -> list[float | None]:
    """The totals, page after page, of counters that are all of one group."""
    totals = new_totals()
    return [add(totals, counters(page)).get("all", {}).get(VALUE) for page in pages]


def histograms_of(*pages: Mapping[str, Parts]) -> list[Parts]:
    """The same of histograms."""
    totals = new_totals()
    return [add(totals, histograms(page))["all"] for page in pages]


def found_in(root: object, kind: type) -> Iterator[Any]:
    """All objects of a type that are held by another, directly or not."""
    seen: set[int] = set()
    todo = [root]
    while todo:
        one = todo.pop()
        if id(one) not in seen and not isinstance(one, type):
            seen.add(id(one))
            todo += gc.get_referents(one) if not callable(one) else []
            if type(one) is kind:
                yield one


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([{"a": 5, "b": 7}], [12]),
        ([{"a": 5, "b": 7}, {"a": 6, "b": 9}], [12, 15]),
        ([{"a": 5, "b": 7}, {"a": 5, "b": 7}], [12, 12]),
        ([{"a": 5, "b": 7}, {"a": 2, "b": 8}], [12, 15]),
        ([{"a": 5, "b": 7}, {"a": 0, "b": 7}, {"a": 1, "b": 7}], [12, 12, 13]),
        ([{"a": 5, "b": 7}, {"a": 2, "b": 7}, {"a": 1, "b": 8}], [12, 14, 16]),
        ([{"a": 5, "b": 7}, {"a": 1, "b": 1}], [12, 14]),
        ([{"a": 5}, {"a": 5, "b": 3}], [5, 8]),
        ([{"a": 5, "b": 7}, {"a": 6}, {"a": 6, "b": 9}], [12, 13, 22]),
        ([{"a": 5, "b": 7}, {"b": 8, "a": 6}, {"b": 8, "c": 1, "a": 6}], [12, 14, 15]),
        ([{"a": 5, "b": 7}, {"c": 1}], [12, 13]),
        ([{"a": 5}, {}, {"a": 6}], [5, None, 6]),
        ([{"a": 5, "b": 7}, {"a": 1}, {}, {"a": 2}], [12, 13, None, 2]),
        ([{"a": 2**53 - 1, "b": 0}, {"a": 2**53 - 1, "b": 1}], [2**53 - 1, 2**53]),
    ],
    ids=[
        "the first page is a plain sum",
        "series grow",
        "series stand still",
        "one begins anew",
        "one begins anew at 0",
        "two begin anew, one after the other",
        "two begin anew at once",
        "a new one",
        "one goes and comes back",
        "another order, one in the middle",
        "all go and another comes",
        "the whole group goes and comes back",
        "nothing is carried over a page without the group",
        "counts are exact",
    ],
)
def test_a_total_grows_by_what_its_series_grew(pages: list[dict[str, float]], expected: list[float | None]) -> None:
    """Each line of the module's table, and pages of more than one series."""
    assert totals_of(*pages) == expected


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([{"a": 5}, {"a": 2}, {"a": 4}], [5, 2, 4]),
        ([{"a": 5, "b": 7}, {"a": 6}, {"a": 1}, {"a": 3}], [12, 13, 1, 3]),
        ([{"a": 5}, {"b": 2}, {"b": 1}], [5, 7, 1]),
        ([{"a": 5}, {"a": 2, "b": 1}], [5, 8]),
        ([{"a": 5, "b": 7}, {"a": 2}], [12, 14]),
    ],
    ids=[
        "it begins anew",
        "what another had reached goes, too",
        "another takes its place",
        "it gets company",
        "it loses company",
    ],
)
def test_a_series_alone_in_its_group_falls(pages: list[dict[str, float]], expected: list[float | None]) -> None:
    """A group of one series carries nothing when that begins anew, and only then."""
    assert totals_of(*pages) == expected


def test_a_histogram_alone_falls_as_a_whole() -> None:
    """It is one series, however many lines it has: also those that did not fall carry nothing."""
    before = {COUNT: 100, SUM: 1.0, 0.1: 100, INF: 100}
    after = {COUNT: 120, SUM: 60.0, 0.1: 50, INF: 120}
    assert histograms_of({"a": before}, {"a": after}) == [before, after]


def test_alone_is_told_group_by_group() -> None:
    """The same series beginning anew in the same page: one group of it is carried on, the other falls."""
    totals = new_totals()
    add(totals, counters({"a": 5}, "one") | counters({"b": 5, "c": 5}, "two"))
    found = add(totals, counters({"a": 1}, "one") | counters({"b": 1, "c": 5}, "two"))
    assert found == {"one": {VALUE: 1}, "two": {VALUE: 11}}


@pytest.mark.parametrize("odd", [NAN, INF, -INF, -1])
def test_values_that_are_no_counts_are_left_out(odd: float) -> None:
    """Such a value neither spoils the total nor makes its series a new one; it is counted."""
    totals = new_totals()
    found = []
    for a, b in [(5, 1), (odd, 2), (odd, 2), (7, 3), (7, 4)]:
        found.append(add(totals, counters({"a": a, "b": b}))["all"][VALUE])
        assert totals.left_out == (a is odd)
    assert found == [6, 7, 7, 10, 11]


@pytest.mark.parametrize("keys", [("a", "b"), ("b", "a")])
def test_a_fall_behind_a_value_that_is_none_is_seen(keys: tuple[str, str]) -> None:
    """A series keeps its last usable value, so that it has begun anew when it comes back with less."""
    pages = [{"a": 5, "b": 1}, {"a": NAN, "b": 2}, {"a": 3, "b": 3}]
    assert totals_of(*({key: page[key] for key in keys} for page in pages)) == [6, 7, 11]


def test_a_new_series_without_a_usable_value_counts_from_its_first() -> None:
    """Nothing is known of it until then, and a bound of it is none that all have."""
    assert totals_of({"a": 5}, {"a": 5, "b": NAN}, {"a": 5, "b": 3}) == [5, 5, 8]
    assert totals_of({"a": 5, "b": NAN}, {"a": 6}, {"a": 7, "b": 1}) == [5, 6, 8]
    one = {COUNT: 2, 0.1: 1, INF: 2}
    assert histograms_of({"a": one, "b": one | {0.1: NAN}}, {"a": one, "b": one}) == [
        {COUNT: 4, INF: 4},
        {COUNT: 4, 0.1: 2, INF: 4},
    ]


def test_a_total_of_nothing_usable_is_missing() -> None:
    """Missing is not 0, and the total goes on where it stood."""
    assert totals_of({"a": 5}, {"a": NAN}, {"a": 6}) == [5, None, 6]
    assert totals_of({"a": 5, "b": 1}, {"a": 1, "b": 1}, {"a": NAN, "b": NAN}, {"a": 2, "b": 1}) == [6, 7, None, 8]
    assert totals_of({"a": NAN}, {"a": NAN}, {"a": 3}, {"a": 4}) == [None, None, 3, 4]


def test_missing_is_told_part_by_part() -> None:
    """A sum that is no number hides neither the count beside it nor other groups."""
    totals = new_totals()
    add(totals, histograms({"a": {COUNT: 1, SUM: 1.0}}) | counters({"b": 1}, "other"))
    found = add(totals, histograms({"a": {COUNT: 2, SUM: NAN}}) | counters({"b": NAN}, "other"))
    assert found == {"all": {COUNT: 2}}
    assert totals.left_out == 2


def test_lines_that_are_read_as_nothing_are_in_no_total() -> None:
    """They are neither summed nor counted as left out, whatever their values."""
    totals: Totals[str] = Totals(lambda key: None if key == "x" else Line("all", VALUE, key))
    found = []
    for values in ([1, 5, 2], [2, NAN, 2], [3, 1, 2], [1, 0, 2]):
        slots, sums = totals.add(["a", "x", "b"], values)
        found.append([(slot.group.name, slot.part, total) for slot, total in zip(slots, sums, strict=True)])
        assert totals.left_out == 0
    assert found == [[("all", VALUE, total)] for total in (3, 4, 5, 6)]


def test_groups_do_not_mix() -> None:
    """Two groups with equal parts have totals of their own."""
    page = counters({"a": 1}, "x") | counters({"b": 2}, "y")
    assert add(new_totals(), page) == {"x": {VALUE: 1}, "y": {VALUE: 2}}


def test_a_line_is_read_when_it_is_new_only() -> None:
    """What it is about is remembered while it is on each page, and asked again when it has been gone."""
    asked: list[str] = []

    def read(key: str) -> Line:
        asked.append(key)
        return Line("all", VALUE, key)

    totals = Totals(read)
    for keys in (["a", "b"], ["a", "b"], ["b", "c", "a"], ["a"], ["b", "a"]):
        totals.add(keys, [1.0] * len(keys))
    assert asked == ["a", "b", "c", "b"]


def test_a_line_that_cannot_be_read_changes_nothing() -> None:
    """What `read` raises comes out; then the next page goes on from the last one."""

    def read(key: str) -> Line:
        if key == "broken":
            raise LookupError
        return Line("all", VALUE, key)

    totals = Totals(read)
    totals.add(["a", "b"], [5, 7])
    with pytest.raises(LookupError):
        totals.add(["a", "c", "broken"], [1, 1, 1])
    assert totals.add(["a", "b"], [6, 1])[1] == [14]


def test_slots_are_the_same_object_while_lines_are() -> None:
    """So that a reader need not look again; and a slot that stays when other lines come is itself."""
    totals = new_totals()
    lines = list(counters({"a": 1}, "x") | counters({"b": 1, "c": 1}, "y"))
    first, _ = totals.add(lines, [0, 5, 5])
    again, _ = totals.add(lines, [0, 6, 6])
    more, _ = totals.add([*lines, Line("z", VALUE, "d")], [7, 7, 7, 7])
    assert again is first
    assert [slot.group.name for slot in more] == ["x", "y", "z"]
    assert more[:2] == first


def test_a_histogram_begins_anew_as_a_whole() -> None:
    """The count is past its old value already, but a bucket fell: all that the page shows is new."""
    before = {COUNT: 100, SUM: 1.0, 0.1: 100, INF: 100}
    after = {COUNT: 120, SUM: 60.0, 0.1: 50, INF: 120}
    still = {COUNT: 1, SUM: 0.0, 0.1: 1, INF: 1}
    found = histograms_of({"a": before, "b": still}, {"a": after, "b": still})
    assert found[1] == {COUNT: 221, SUM: 61.0, 0.1: 151, INF: 221}


def test_without_buckets_count_or_sum_show_a_new_beginning() -> None:
    """Of a histogram without buckets, sum and count are all that there is to see it by."""
    still = {COUNT: 0, SUM: 0.0}
    pages = [{COUNT: 10, SUM: 5.0}, {COUNT: 12, SUM: 1.0}, {COUNT: 1, SUM: 2.0}]
    assert histograms_of(*({"a": parts, "b": still} for parts in pages)) == [
        {COUNT: 10, SUM: 5.0},
        {COUNT: 22, SUM: 6.0},
        {COUNT: 23, SUM: 8.0},
    ]


def test_a_histogram_takes_no_other_along() -> None:
    """One begins anew while another of its group, with the same parts, goes on."""
    pages = [{"a": {COUNT: 9, 1.0: 5}, "b": {COUNT: 8, 1.0: 4}}, {"a": {COUNT: 1, 1.0: 1}, "b": {COUNT: 9, 1.0: 4}}]
    assert histograms_of(*pages) == [{COUNT: 17, 1.0: 9}, {COUNT: 19, 1.0: 10}]


def test_bounds_that_not_all_have_are_left_out() -> None:
    """With a bound of one series only, its bucket would hold less than the one below it."""
    one = {COUNT: 10, SUM: 1.0, 0.1: 5, 0.2: 9, INF: 10}
    other = {COUNT: 20, SUM: 2.0, 0.1: 15, 0.5: 19, INF: 20}
    assert histograms_of({"a": one, "b": other}) == [{COUNT: 30, SUM: 3.0, 0.1: 20, INF: 30}]


def test_new_bounds_begin_anew_and_count_and_sum_go_on() -> None:
    """After an upgrade buckets are those of the new process; nothing is lost of count and sum."""
    none = {COUNT: 0, SUM: 0.0, 0.1: 0, 0.4: 0, 0.5: 0, INF: 0}
    old = {COUNT: 100, SUM: 9.0, 0.1: 90, 0.5: 99, INF: 100}
    new = {COUNT: 3, SUM: 1.0, 0.1: 1, 0.4: 2, 0.5: 3, INF: 3}
    later = {COUNT: 4, SUM: 1.5, 0.1: 1, 0.4: 3, 0.5: 4, INF: 4}
    anew = {COUNT: 1, SUM: 0.5, 0.1: 1, 0.4: 1, 0.5: 1, INF: 1}
    found = histograms_of(*({"a": one, "b": none} for one in (old, new, later, anew)))
    assert found[1] == {COUNT: 103, SUM: 10.0, 0.1: 1, 0.4: 2, 0.5: 3, INF: 3}
    assert found[2] == {COUNT: 104, SUM: 10.5, 0.1: 1, 0.4: 3, 0.5: 4, INF: 4}
    assert found[3] == {COUNT: 105, SUM: 11.0, 0.1: 2, 0.4: 4, 0.5: 5, INF: 5}


def test_a_series_with_other_bounds_makes_buckets_begin_anew() -> None:
    """Buckets that carried something lose it when a bound goes, while count and sum go on."""
    full, less = {COUNT: 5, 1.0: 4, INF: 5}, {COUNT: 5, INF: 5}
    found = histograms_of({"a": full, "b": full}, {"a": full}, {"a": full, "b": less})
    assert found == [{COUNT: 10, 1.0: 8, INF: 10}, {COUNT: 10, 1.0: 8, INF: 10}, {COUNT: 15, INF: 10}]


def test_only_bounds_must_be_those_of_all() -> None:
    """A sum that one series lacks is the sum of the others; that it comes makes no buckets begin anew."""
    bare, full = {COUNT: 5, 1.0: 4}, {COUNT: 5, SUM: 0.5, 1.0: 4}
    found = histograms_of({"a": bare, "b": bare}, {"a": bare}, {"a": bare, "b": full})
    assert found == [{COUNT: 10, 1.0: 8}, {COUNT: 10, 1.0: 8}, {COUNT: 15, SUM: 0.5, 1.0: 12}]


def test_rounding_makes_no_total_fall() -> None:
    """What comes after the comma is added in another order when something is carried; that must look like no fall."""
    source = random.Random(1)  # noqa: S311 - a seed, so that a failure can be repeated
    risks = 0
    for _ in range(2000):
        page = {str(key): source.random() * 10 ** source.randrange(4) for key in range(source.randrange(2, 6))}
        totals = new_totals()
        before = add(totals, counters(page))["all"][VALUE]
        for _ in range(4):
            gone = source.choice(list(page))
            page[gone] = 0.0
            now = add(totals, counters(page))["all"][VALUE]
            risks += sum(page.values()) + (before - sum(page.values())) < before
            assert before <= now <= before * (1 + 1e-15)
            before = now
    assert risks > 10


class Process:
    """A counter that grows, and begins anew now and then; it knows how much it grew in all its lives."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self.value = 0
        self.ever = 0

    def live(self, *, seen: bool) -> None:
        """Grow. Nobody can see what is counted between a page and the end, so that a life ends right after one.

        Nor that a new life has come as far as the old one, so that it must have come far.
        """
        if seen and self.value > 500 and self._source.random() < 0.2:
            self.value = 0
        grown = self._source.choice((0, 1, 100))
        self.value += grown
        self.ever += grown


@pytest.mark.parametrize("seed", range(50))
def test_nothing_is_lost_and_nothing_counted_twice(seed: int) -> None:
    """Over restarts, series that come late and pages that fail, the total is what happened, to the last count."""
    source = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated
    processes = [Process(source) for _ in range(5)]
    totals = new_totals()
    seen = False
    for run in range(60):
        there = processes[: 2 + run // 10]
        for process in there:
            process.live(seen=seen)
        seen = source.random() > 0.3
        if seen:
            page = counters({str(number): process.value for number, process in enumerate(there)})
            assert add(totals, page)["all"][VALUE] == sum(process.ever for process in there)


@pytest.mark.parametrize("seed", range(50))
def test_buckets_stay_cumulative(seed: int) -> None:
    """Whatever begins anew, comes, goes or changes its bounds, no bucket holds less than the one below it."""
    source = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated
    layouts = [(0.1, 0.5, INF), (0.1, 0.25, 0.5, INF), (0.2, 0.5, 1.0, INF)]
    observed: dict[int, list[float]] = {}
    totals = new_totals()
    layout = layouts[0]
    before: Parts = {}
    for _ in range(60):
        layout = source.choice(layouts) if source.random() < 0.1 else layout
        for number in range(4):
            if number not in observed or source.random() < 0.2:
                observed[number] = []
            observed[number] += [source.random() for _ in range(source.randrange(5))]
        page = {
            number: {COUNT: len(all_), SUM: sum(all_)} | {bound: sum(one <= bound for one in all_) for bound in layout}
            for number, all_ in observed.items()
            if number < 2 or source.random() < 0.9  # never one alone, which may fall
        }
        found = add(totals, histograms(page))["all"]
        values = [found[bound] for bound in layout if found]
        assert values == sorted(values)
        if before.keys() == found.keys():
            assert all(found[part] >= before[part] for part in found)
        before = found


class Plain:
    """The docstring of the module, group by group and in so many words."""

    def __init__(self) -> None:
        self.groups: dict[Any, tuple[dict[Any, dict[Part, float]], set[Part], dict[Part, float]]] = {}
        """What its series were (usable values), the bounds that all had, and what is carried."""

    def add(self, page: Page) -> dict[Any, dict[Part, float]]:
        last, self.groups = self.groups, {}
        found: dict[Any, dict[Part, float]] = {}
        for name in {line.group for line in page}:
            series, bounds, carried = last.get(name, ({}, set(), {}))
            its = {line: value for line, value in page.items() if line.group == name}
            now, shown = self.taken(its, series)
            if now:
                common = {part for part in set().union(*now.values()) if all(part in one for one in now.values())}
                new_bounds = {part for part in common if isinstance(part, float)}
                carried = self.carried(series, now, carried)
                if new_bounds != bounds:
                    carried = {part: amount for part, amount in carried.items() if not isinstance(part, float)}
                self.groups[name] = now, new_bounds, carried
                sums = {
                    part: sum(one.get(part, 0) for one in now.values()) + carried.get(part, 0)
                    for part in shown
                    if part in new_bounds or not isinstance(part, float)
                }
                found |= {name: sums} if sums else {}
        return found

    def taken(self, page: Page, last: Mapping[Any, Parts]) -> tuple[dict[Any, dict[Part, float]], set[Part]]:
        """The series of a group, and the parts that have a usable value; what is none keeps its last."""
        now: dict[Any, dict[Part, float]] = {}
        shown = set()
        for (_, part, key), value in page.items():
            if 0 <= value < INF:
                now.setdefault(key, {})[part] = value
                shown.add(part)
            elif part in last.get(key, {}):
                now.setdefault(key, {})[part] = last[key][part]
        return now, shown

    def carried(
        self, last: Mapping[Any, Parts], now: Mapping[Any, Parts], before: Mapping[Part, float]
    ) -> dict[Part, float]:
        """What is carried, by the table."""
        carried = dict(before)
        for key, parts in last.items():
            its = now.get(key, {})
            fell = any(its[part] < value for part, value in parts.items() if part in its)
            if fell and len(last) == len(now) == 1:
                return {}
            for part, value in parts.items():
                if fell or part not in its:
                    carried[part] = carried.get(part, 0) + value
        return carried


class World:
    """Counters and histograms of several groups to which everything happens."""

    def __init__(self, seed: int) -> None:
        self._source = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated
        self._page: dict[Line, float] = {}

    def turn(self) -> Page:
        """The next page: often the same lines, in the same order."""
        events = [self._grow, self._grow, self._grow, self._fall, self._come, self._go, self._mix]
        self._source.choice(events)()
        unusable = self._source.random() < 0.2
        return {line: self._shown(line, value) if unusable else value for line, value in self._page.items()}

    def _shown(self, line: Line, value: float) -> float:
        """A usable value in most cases. Of a histogram all lines have one."""
        return self._source.choice((NAN, INF, -1)) if line.part == VALUE and self._source.random() < 0.3 else value

    def _grow(self) -> None:
        for line in self._page:
            self._page[line] += self._source.choice((0, 0, 1, 5))

    def _fall(self) -> None:
        keys = self._source.sample(range(8), k=self._source.choice((1, 1, 3)))
        for line, value in self._page.items():
            if line.series in keys:
                self._page[line] = self._source.randrange(int(value) + 3)

    def _come(self) -> None:
        key = self._source.randrange(8)
        group = f"g{key % 3}"
        parts = [VALUE] if group == "g0" else [COUNT, SUM, *self._source.sample([0.1, 0.5, 1.0], k=2), INF]
        for part in parts:
            self._page.setdefault(Line(group, part, key), self._source.randrange(10))

    def _go(self) -> None:
        gone = self._source.sample(range(8), k=self._source.choice((1, 1, 4)))
        bound = self._source.choice((0.1, 0.5, 1.0, None))
        self._page = {
            line: value
            for line, value in self._page.items()
            if line.series not in gone or (bound is not None and line.part != bound)
        }

    def _mix(self) -> None:
        mixed = self._source.sample(list(self._page), k=len(self._page))
        self._page = {line: self._page[line] for line in mixed}


@pytest.mark.parametrize("seed", range(60))
def test_totals_are_those_of_a_plain_model(seed: int) -> None:
    """Groups, series, lines and bounds that come, go, fall, change places and are no numbers, in any succession."""
    world, plain, totals = World(seed), Plain(), new_totals()
    lines: list[Line] = []
    for _ in range(150):
        page = world.turn()
        lines = lines if lines == list(page) else list(page)  # as a reader does that compares with the last page
        slots, values = totals.add(lines, list(page.values()))
        found: dict[Any, dict[Part, float]] = {}
        for slot, value in zip(slots, values, strict=True):
            found.setdefault(slot.group.name, {})[slot.part] = value
        assert found == plain.add(page)


def test_what_is_gone_is_forgotten() -> None:
    """After 1000 pages of ever new series and groups, no more is held than after the first two."""
    totals = new_totals()
    held: list[list[int]] = []
    for run in range(1000):
        page = histograms({"still": {COUNT: 1}, run: {COUNT: 1, 1.0: run}}) | counters({f"new {run}": 1}, f"g{run}")
        found = add(totals, page)
        if run in {1, 999}:
            held.append([sum(1 for _ in found_in(totals, kind)) for kind in (Line, Slot, Group)])
    assert found == {"all": {COUNT: 1001}, "g999": {VALUE: 1}}
    assert held == [[len(page), 3, 2]] * 2


@pytest.mark.parametrize(("combine", "expected"), [("sum", 6), ("max", 3)])
def test_gauges_are_combined_as_their_family_says(combine: str, expected: float) -> None:
    """Depths add up; of durations only the longest means something."""
    assert level([1, 3, 2], combine) == expected


def test_a_group_that_begins_without_a_value_is_one_group() -> None:
    """What is not a number yet keeps its place, so that those who come later join it."""
    totals = new_totals()
    add(totals, counters({"a": NAN}))
    _, values = totals.add(list(counters({"a": 5, "b": 3})), [5, 3])
    assert list(values) == [8]


def test_another_order_of_lines_rounds_no_total_down() -> None:
    """Sums of fractions depend on their order in the last digit, and the Agent takes any fall for a new beginning."""
    first, second = totals_of({"a": 0.1, "b": 0.2, "c": 0.3}, {"c": 0.3, "b": 0.2, "a": 0.1})
    assert (first, second) == (0.6000000000000001, 0.6000000000000001)


def test_a_part_without_a_value_while_its_histogram_begins_anew_counts_once() -> None:
    """The sum was 0 since, whatever it was before."""
    totals, other = new_totals(), {COUNT: 1, SUM: 1}
    pages = [{"a": {COUNT: count, SUM: total}, "b": other} for count, total in [(10, 5), (3, NAN), (4, 1)]]
    assert [add(totals, histograms(page))["all"].get(COUNT) for page in pages] == [11, 14, 15]


def test_bounds_that_are_gone_are_forgotten() -> None:
    """A group does not keep the totals that it once had."""
    totals = new_totals()
    for run in range(100):
        add(totals, histograms({"a": {COUNT: 1, float(run): 1}}))
    (slot, *_), _ = totals.add([Line("all", COUNT, "a")], [1])
    assert len(slot.group.slots) <= 2
