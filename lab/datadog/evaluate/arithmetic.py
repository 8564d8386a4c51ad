"""Arithmetic between lines and numbers.

A point exists where both sides have one; what is divided by 0 is dropped. A count of `as_count()` or `as_rate()` is
taken for 0 where its line has a gap (documentation: Dashboards, Functions, Interpolation, Default zero: these are
always aligned as 0), never where it has no line at all.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping

from lab.datadog.evaluate.lines import Group, Line, refusal
from lab.datadog.query.tree import Arithmetic

Value = float | list[Line]


def _quotient(left: float, right: float) -> float | None:
    return left / right if right else None


OPERATORS: Mapping[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
}


def combined(node: Arithmetic, left: Value, right: Value) -> Value:
    """What an operation gives; raises `LabError` where groups cannot be brought together."""
    combine = OPERATORS[node.operator]
    if isinstance(left, list) and isinstance(right, list):
        return [_merged(one, two, combine) for one, two in _pairs(node, left, right)]
    if isinstance(left, list):
        assert isinstance(right, float)  # noqa: S101 - for the type checker: the other half was above
        number = right
        return [line.each(lambda value: combine(value, number)) for line in left]
    constant = left
    if isinstance(right, list):
        return [line.each(lambda value: combine(constant, value)) for line in right]
    result = combine(constant, right)
    return [] if result is None else result


def negated(operand: Value) -> Value:
    """A number or lines with the other sign."""
    return [line.each(operator.neg) for line in operand] if isinstance(operand, list) else -operand


def _pairs(node: Arithmetic, left: list[Line], right: list[Line]) -> Iterable[tuple[Line, Line]]:
    """Lines of the same group; a side that is not grouped goes with every line of the other."""
    if not left or not right:
        return
    names, others = _keys(left[0].group), _keys(right[0].group)
    if names and others and names != others:
        raise refusal(node, f"groups by {_said(names)} and by {_said(others)} cannot be combined")
    if not names or not others:
        yield from itertools.product(left, right)
        return
    partners = {frozenset(line.group): line for line in right}
    for line in left:
        partner = partners.get(frozenset(line.group))
        if partner:
            yield line, partner


def _merged(left: Line, right: Line, combine: Callable[[float, float], float | None]) -> Line:
    one = _aligned(left, right) if left.counted else left.points
    two = _aligned(right, left) if right.counted else right.points
    both = ((time, combine(value, two[time])) for time, value in one.items() if time in two)
    points = {time: value for time, value in both if value is not None}
    return Line(left.group or right.group, points, left.counted and right.counted)


def _aligned(line: Line, other: Line) -> Mapping[int, float]:
    """The points of a count, with 0 where it has none and the other has."""
    missing = other.points.keys() - line.points.keys()
    if not missing:
        return line.points
    complete = dict(line.points) | dict.fromkeys(missing, 0.0)
    return {time: complete[time] for time in sorted(complete)}


def _keys(group: Group) -> frozenset[str]:
    return frozenset(key for key, _ in group)


def _said(keys: frozenset[str]) -> str:
    return "{" + ",".join(sorted(keys)) + "}"


def lines_of(value: Value, times: Iterable[int]) -> list[Line]:
    """A value as lines: a number is one that stays the same."""
    return value if isinstance(value, list) else [Line((), dict.fromkeys(times, value))]
