"""What a query of Datadog says, as values; `at` is the column, from 0, at which each part begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Tag:
    """`key:value` in a scope; a value may end or begin with `*`. A bare word has no value."""

    key: str
    value: str | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class In:
    """`key IN (a, b)`."""

    key: str
    values: tuple[str, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, or `$name.value`, of a dashboard; `key` is what stands before it: `key:$name.value`."""

    name: str
    key: str | None = None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    operand: Scope


@dataclass(frozen=True, slots=True)
class Every:
    """What all of these hold for; a comma says the same as AND. Of nothing: `{*}`."""

    operands: tuple[Scope, ...] = ()


@dataclass(frozen=True, slots=True)
class Some:
    """What one of these holds for: OR."""

    operands: tuple[Scope, ...]


Scope = Tag | In | Variable | Not | Every | Some


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted argument."""

    value: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Word:
    """A word without quotes: an argument such as `zero`, or in a formula the name of a query."""

    value: str
    at: int = field(default=0, compare=False)


Literal_ = Number | Text | Word


@dataclass(frozen=True, slots=True)
class Modifier:
    """`.as_count()`, `.rollup(sum, 60)`, `.fill(null)`."""

    name: str
    arguments: tuple[Literal_, ...] = ()
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Metric:
    """`avg:name{scope} by {keys}.modifier()`."""

    name: str
    aggregator: str | None = None
    scope: Scope = field(default_factory=Every)
    by: tuple[str, ...] = ()
    modifiers: tuple[Modifier, ...] = ()
    at: int = field(default=0, compare=False)

    def modified(self, name: str) -> bool:
        """Whether it carries this modifier."""
        return any(modifier.name == name for modifier in self.modifiers)


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    operator: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`function(expression, 'text', 1, name='text')`."""

    function: str
    arguments: tuple[Expression | Text, ...]
    keywords: tuple[tuple[str, Literal_], ...] = ()
    modifiers: tuple[Modifier, ...] = ()
    at: int = field(default=0, compare=False)


Expression = Number | Word | Metric | Negative | Arithmetic | Call

Comparator = Literal[">", ">=", "<", "<=", "==", "!="]


@dataclass(frozen=True, slots=True)
class Change:
    """`pct_change(avg(last_5m),last_5m)`: against the same so long before."""

    kind: Literal["change", "pct_change"]
    shift: str
    """As the query spells it: `last_5m`."""


@dataclass(frozen=True, slots=True)
class MetricAlert:
    """`avg(last_5m):expression > 1`."""

    aggregator: str
    """Over time: avg, sum, min, max, percentile ..."""
    window: str
    """As the query spells it: `last_5m`, `next_12h`."""
    expression: Expression
    comparator: Comparator
    threshold: float
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class CheckAlert:
    """`"check".over("*").by("tag").last(4).count_by_status()`."""

    check: str
    over: tuple[str, ...]
    exclude: tuple[str, ...]
    by: tuple[str, ...]
    last: int | str | None
    counted: str
    """The name of the last call: `count_by_status`, `pct_by_status`; empty without one."""


@dataclass(frozen=True, slots=True)
class EventAlert:
    """`events("query").rollup("count").by("tag").last("5m") > 1`; also of logs and other sources, by their name."""

    source: str
    search: str
    calls: tuple[Modifier, ...]
    comparator: Comparator
    threshold: float


Alert = MetricAlert | CheckAlert | EventAlert
