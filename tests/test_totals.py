"""Running totals: each case by hand, and then processes that begin anew at random."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest

from etcd_latency.scrape.totals import COUNT, SUM, VALUE, Parts, Series, Totals, level

NAN, INF = math.nan, math.inf


def totals_of(*pages: Mapping[str, float]) -> list[float | None]:
    """The totals, page after page, of counters that are all of one group."""
    totals: Totals[str] = Totals()
    found = [totals.add(Series("all", key, {VALUE: value}) for key, value in page.items()) for page in pages]
    return [one.get("all", {}).get(VALUE) for one in found]


def histograms_of(*pages: Mapping[str, Parts]) -> list[Parts]:
    """The same of histograms."""
    totals: Totals[str] = Totals()
    return [totals.add(Series("all", key, parts) for key, parts in page.items())["all"] for page in pages]


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([{"a": 5, "b": 7}], [12]),
        ([{"a": 5, "b": 7}, {"a": 6, "b": 9}], [12, 15]),
        ([{"a": 5, "b": 7}, {"a": 5, "b": 7}], [12, 12]),
        ([{"a": 5, "b": 7}, {"a": 2, "b": 8}], [12, 15]),
        ([{"a": 5, "b": 7}, {"a": 0, "b": 7}, {"a": 1, "b": 7}], [12, 12, 13]),
        ([{"a": 5}, {"a": 5, "b": 3}], [5, 8]),
        ([{"a": 5, "b": 7}, {"a": 6}, {"a": 6, "b": 9}], [12, 13, 22]),
        ([{"a": 5}, {}, {"a": 6}], [5, None, 6]),
        ([{"a": 2**53 - 1, "b": 0}, {"a": 2**53 - 1, "b": 1}], [2**53 - 1, 2**53]),
    ],
    ids=[
        "the first page is a plain sum",
        "series grow",
        "series stand still",
        "one begins anew",
        "one begins anew at 0",
        "a new one",
        "one goes and comes back",
        "the whole group goes and comes back",
        "counts are exact",
    ],
)
def test_a_total_grows_by_what_its_series_grew(pages: list[dict[str, float]], expected: list[float | None]) -> None:
    """Each line of the module's table, and pages of more than one series."""
    assert totals_of(*pages) == expected


@pytest.mark.parametrize("odd", [NAN, INF, -INF, -1])
def test_values_that_are_no_counts_are_left_out(odd: float) -> None:
    """Such a value neither spoils the total nor makes its series a new one; it is counted."""
    totals: Totals[str] = Totals()
    pages = [(5, 1), (odd, 2), (7, 3)]
    found = []
    for a, b in pages:
        found.append(totals.add([Series("all", "a", {VALUE: a}), Series("all", "b", {VALUE: b})])["all"][VALUE])
        assert totals.left_out == (a is odd)
    assert found == [6, 7, 10]


def test_a_total_of_nothing_usable_is_missing() -> None:
    """Missing is not 0, and the total goes on where it stood."""
    assert totals_of({"a": 5}, {"a": NAN}, {"a": 6}) == [5, None, 6]


def test_groups_do_not_mix() -> None:
    """Two groups with equal parts have totals of their own."""
    totals: Totals[str] = Totals()
    assert totals.add([Series("x", 1, {VALUE: 1}), Series("y", 2, {VALUE: 2})]) == {"x": {VALUE: 1}, "y": {VALUE: 2}}


def test_a_series_that_stands_twice_counts_once() -> None:
    """A broken page must not double a total."""
    totals: Totals[str] = Totals()
    assert totals.add([Series("x", 1, {VALUE: 4}), Series("x", 1, {VALUE: 5})]) == {"x": {VALUE: 5}}


def test_a_histogram_begins_anew_as_a_whole() -> None:
    """The count is past its old value already, but a bucket fell: all that the page shows is new."""
    before = {COUNT: 100, SUM: 1.0, 0.1: 100, INF: 100}
    after = {COUNT: 120, SUM: 60.0, 0.1: 50, INF: 120}
    assert histograms_of({"a": before}, {"a": after})[1] == {COUNT: 220, SUM: 61.0, 0.1: 150, INF: 220}


def test_without_buckets_count_or_sum_show_a_new_beginning() -> None:
    """Of a page that was cut, sum and count are all that is left to see it by."""
    pages = [{"a": {COUNT: 10, SUM: 5.0}}, {"a": {COUNT: 12, SUM: 1.0}}, {"a": {COUNT: 1, SUM: 2.0}}]
    assert histograms_of(*pages) == [{COUNT: 10, SUM: 5.0}, {COUNT: 22, SUM: 6.0}, {COUNT: 23, SUM: 8.0}]


def test_bounds_that_not_all_have_are_left_out() -> None:
    """With a bound of one series only, its bucket would hold less than the one below it."""
    one = {COUNT: 10, SUM: 1.0, 0.1: 5, 0.2: 9, INF: 10}
    other = {COUNT: 20, SUM: 2.0, 0.1: 15, 0.5: 19, INF: 20}
    assert histograms_of({"a": one, "b": other}) == [{COUNT: 30, SUM: 3.0, 0.1: 20, INF: 30}]


def test_new_bounds_begin_anew_and_count_and_sum_go_on() -> None:
    """After an upgrade buckets are those of the new process; nothing is lost of count and sum."""
    old = {COUNT: 100, SUM: 9.0, 0.1: 90, 0.5: 99, INF: 100}
    new = {COUNT: 3, SUM: 1.0, 0.1: 1, 0.4: 2, 0.5: 3, INF: 3}
    later = {COUNT: 4, SUM: 1.5, 0.1: 1, 0.4: 3, 0.5: 4, INF: 4}
    found = histograms_of({"a": old}, {"a": new}, {"a": later})
    assert found[1] == {COUNT: 103, SUM: 10.0, 0.1: 1, 0.4: 2, 0.5: 3, INF: 3}
    assert found[2] == {COUNT: 104, SUM: 10.5, 0.1: 1, 0.4: 3, 0.5: 4, INF: 4}


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
    processes = [Process(source) for _ in range(4)]
    totals: Totals[str] = Totals()
    seen = False
    for run in range(60):
        there = processes[: 1 + run // 10]
        for process in there:
            process.live(seen=seen)
        seen = source.random() > 0.3
        if seen:
            page = [Series("all", number, {VALUE: process.value}) for number, process in enumerate(there)]
            assert totals.add(page)["all"][VALUE] == sum(process.ever for process in there)


@pytest.mark.parametrize("seed", range(50))
def test_buckets_stay_cumulative(seed: int) -> None:
    """Whatever begins anew, comes, goes or changes its bounds, no bucket holds less than the one below it."""
    source = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated
    layouts = [(0.1, 0.5, INF), (0.1, 0.25, 0.5, INF), (0.2, 0.5, 1.0, INF)]
    observed: dict[int, list[float]] = {}
    totals: Totals[str] = Totals()
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
            if source.random() < 0.9
        }
        found = totals.add(Series("all", number, parts) for number, parts in page.items()).get("all", {})
        values = [found[bound] for bound in layout if found]
        assert values == sorted(values)
        if before and found and before.keys() == found.keys():
            assert all(found[part] >= before[part] for part in found)
        before = found


@pytest.mark.parametrize(("combine", "expected"), [("sum", 6), ("max", 3)])
def test_gauges_are_combined_as_their_family_says(combine: str, expected: float) -> None:
    """Depths add up; of durations only the longest means something."""
    assert level([1, 3, 2], combine) == expected
