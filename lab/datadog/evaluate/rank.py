"""The first or the last of the lines, by one number of each (documentation: Dashboards, Functions, Rank)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from statistics import fmean

from lab.datadog.evaluate.arguments import Arguments
from lab.datadog.evaluate.lines import Line

Rank = Callable[[Sequence[float]], float]


def _norm(values: Sequence[float]) -> float:
    return math.hypot(*values)


RANKS: Mapping[str, Rank] = {
    "max": max,
    "mean": fmean,
    "min": min,
    "sum": sum,
    "last": itemgetter(-1),
    "l2norm": _norm,
    "area": sum,  # of buckets of equal length
}
LARGEST_FIRST = {"asc": False, "desc": True}


def top(lines: list[Line], arguments: Arguments) -> list[Line]:
    """`top(query, 5, 'max', 'desc')`; `asc` gives the smallest."""
    arguments.at_most(3)
    size = int(arguments.number(1, "how many lines"))
    rank = RANKS[arguments.text(2, "what to rank by", RANKS)]
    return _first(lines, size, rank, largest=LARGEST_FIRST[arguments.text(3, "the order", LARGEST_FIRST)])


def _ranking(size: int, rank: Rank, *, largest: bool) -> Callable[[list[Line], Arguments], list[Line]]:
    def apply(lines: list[Line], arguments: Arguments) -> list[Line]:
        arguments.at_most(0)
        return _first(lines, size, rank, largest=largest)

    return apply


def _first(lines: list[Line], size: int, rank: Rank, *, largest: bool) -> list[Line]:
    known = [line for line in lines if line.points]
    return sorted(known, key=lambda line: rank(list(line.points.values())), reverse=largest)[:size]


RANKINGS = {
    f"{end}{size}_{name}": _ranking(size, RANKS[name], largest=end == "top")
    for end in ("top", "bottom")
    for size in (5, 10, 15, 20)
    for name in ("mean", "min", "max", "last", "area", "l2norm")
}
"""`top5_max(query)`, `bottom10_mean(query)` and so on."""
