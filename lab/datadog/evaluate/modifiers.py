"""What stands behind a metric's scope: `.as_count()`, `.rollup(sum, 300)`, `.fill(last, 600)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args

from lab.datadog.evaluate import space
from lab.datadog.evaluate.buckets import BY_KIND, FILL_BY_KIND, LIMIT, METHODS, Fill, Gaps, Rollup
from lab.datadog.evaluate.lines import refusal
from lab.datadog.query.tree import Literal_, Metric, Modifier, Number
from lab.datadog.store import Kind


@dataclass(frozen=True, slots=True)
class Modified:
    """How a metric is brought together, in time (buckets of so many seconds) and space."""

    aggregator: str
    seconds: int
    method: str | None = None
    gaps: Fill | None = None
    counted: bool = False
    """By `as_count()` or `as_rate()`, which leave a gauge as it is (documentation: Metrics, Type Modifiers)."""
    per_second: bool = False

    def rollup(self, kind: Kind) -> Rollup:
        """The buckets of a series of this kind."""
        return Rollup(self.method or BY_KIND[kind], self.seconds)

    def fill(self, kind: Kind) -> Fill:
        """What fills the gaps of a series of this kind."""
        return self.gaps or FILL_BY_KIND[kind]


def modified(node: Metric, interval: int) -> Modified:
    """Read a metric's aggregator and modifiers; raises `LabError` for one that is not known here."""
    aggregator = node.aggregator or "avg"
    if aggregator not in space.AGGREGATORS:
        raise refusal(
            node, f"the aggregator {aggregator}: is not known here; there are: {', '.join(space.AGGREGATORS)}"
        )
    if any(key.startswith("$") for key in node.by):
        raise refusal(node, f"a variable in by {{{','.join(node.by)}}} needs a value first")
    how = Modified(aggregator, interval)
    for modifier in node.modifiers:
        if modifier.name not in MODIFIERS:
            raise refusal(modifier, f"the modifier .{modifier.name}() is not known here")
        how = MODIFIERS[modifier.name](how, modifier)
    return how


def _as_count(how: Modified, modifier: Modifier) -> Modified:
    _at_most(modifier, 0)
    return replace(how, counted=True)


def _as_rate(how: Modified, modifier: Modifier) -> Modified:
    _at_most(modifier, 0)
    return replace(how, counted=True, per_second=True)


def _rollup(how: Modified, modifier: Modifier) -> Modified:
    """A method, seconds, or both; fewer seconds than the query's own buckets have are that many."""
    _at_most(modifier, 2)
    method, seconds = how.method, how.seconds
    for argument in modifier.arguments:
        if isinstance(argument, Number):
            seconds = max(int(argument.value), how.seconds)
        else:
            method = _choice(modifier, argument, METHODS)
    return replace(how, method=method, seconds=seconds)


def _fill(how: Modified, modifier: Modifier) -> Modified:
    _at_most(modifier, 2)
    if not modifier.arguments:
        raise refusal(modifier, ".fill() needs to be told with what")
    gaps = cast("Gaps", _choice(modifier, modifier.arguments[0], get_args(Gaps)))
    return replace(how, gaps=Fill(gaps, _limit(modifier)))


def _limit(modifier: Modifier) -> int:
    """Seconds; the documentation names 600 as the most and has an example with 900, so none is refused."""
    match modifier.arguments[1:]:
        case ():
            return LIMIT
        case (Number(seconds),):
            return int(seconds)
    raise refusal(modifier, ".fill() needs its limit in seconds")


def _choice(modifier: Modifier, argument: Literal_, choices: Mapping[str, object] | tuple[str, ...]) -> str:
    if argument.value in choices:
        return str(argument.value)
    raise refusal(modifier, f".{modifier.name}() knows {', '.join(choices)}, not {argument.value}")


def _at_most(modifier: Modifier, arguments: int) -> None:
    if len(modifier.arguments) > arguments:
        raise refusal(modifier, f".{modifier.name}() takes {arguments or 'no'} arguments")


MODIFIERS: Mapping[str, Callable[[Modified, Modifier], Modified]] = {
    "as_count": _as_count,
    "as_rate": _as_rate,
    "rollup": _rollup,
    "fill": _fill,
}
