"""A tree as the text of a query, spelled in one way: what is read from it again is the same tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lab.datadog.query.expression import BINDING
from lab.datadog.query.scope import VARIABLE
from lab.datadog.query.spelling import bare, quoted, separated
from lab.datadog.query.tree import (
    Alert,
    Arithmetic,
    Call,
    CheckAlert,
    EventAlert,
    Every,
    Expression,
    In,
    Literal_,
    Metric,
    MetricAlert,
    Modifier,
    Negative,
    Not,
    Number,
    Scope,
    Some,
    Tag,
    Text,
    Variable,
    Word,
)

EXACT = 1e15
"""Whole numbers below it are written without an exponent."""


def text(node: Expression | Alert | Scope | Modifier | Literal_) -> str:
    """The query that says this."""
    return PRINTERS[type(node)](node)


def _listed(nodes: Iterable[Any], mark: str = ", ") -> str:
    return mark.join(map(text, nodes))


# Scopes


def _constant(value: str) -> str:
    """A word of a tag, which is not to be read as a variable."""
    return quoted(value) if VARIABLE.fullmatch(value) else bare(value)


def _tag(node: Tag) -> str:
    if node.value is not None:
        return f"{node.key}:{_constant(node.value)}"
    return quoted(node.key) if node.key == "*" or set(":=") & set(node.key) else _constant(node.key)


def _in(node: In, operator: str = "IN") -> str:
    return f"{node.key} {operator} ({separated(node.values)})"


def _variable(node: Variable) -> str:
    return f"${node.name}" if node.key is None else f"{node.key}:${node.name}.value"


def _not(node: Not) -> str:
    match node.operand:
        case In():
            return _in(node.operand, "NOT IN")
        case Tag() | Variable():
            return f"NOT {text(node.operand)}"
    return f"NOT ({text(node.operand)})"


def _every(node: Every) -> str:
    return " AND ".join(_grouped(operand) for operand in node.operands) or "*"


def _some(node: Some) -> str:
    return " OR ".join(_grouped(operand) for operand in node.operands)


def _grouped(node: Scope) -> str:
    inner = isinstance(node, Some) or (isinstance(node, Every) and node.operands)
    return f"({text(node)})" if inner else text(node)


def _scope(node: Scope) -> str:
    """In signs, as is usual, where single tags all have to hold; else in words: Datadog refuses both in one scope."""
    operands = node.operands if isinstance(node, Every) else (node,)
    signs = [_sign(operand) for operand in operands]
    return ",".join(sign for sign in signs if sign) if operands and all(signs) else text(node)


def _sign(node: Scope) -> str | None:
    """`a:b`, `!a:b` or `*`; None for what needs words."""
    match node:
        case Tag() | Variable() | Every(()):
            return text(node)
        case Not(Tag() | Variable() as operand):
            return f"!{text(operand)}"
    return None


# Expressions


def _number(node: Number) -> str:
    return str(int(node.value)) if node.value.is_integer() and abs(node.value) < EXACT else repr(node.value)


def _modifier(node: Modifier) -> str:
    return f".{node.name}({_listed(node.arguments)})"


def _metric(node: Metric) -> str:
    aggregator = f"{node.aggregator}:" if node.aggregator else ""
    by = f" by {{{separated(node.by)}}}" if node.by else ""
    return f"{aggregator}{node.name}{{{_scope(node.scope)}}}{by}{_listed(node.modifiers, '')}"


def _negative(node: Negative) -> str:
    """A number with a sign is one number, so that the sign before a number needs brackets."""
    brackets = isinstance(node.operand, Arithmetic | Number)
    return f"-({text(node.operand)})" if brackets else f"-{text(node.operand)}"


def _arithmetic(node: Arithmetic) -> str:
    level = BINDING[node.operator]
    return f"{_operand(node.left, level)} {node.operator} {_operand(node.right, level + 1)}"


def _operand(node: Expression, level: int) -> str:
    brackets = isinstance(node, Arithmetic) and BINDING[node.operator] < level
    return f"({text(node)})" if brackets else text(node)


def _call(node: Call) -> str:
    arguments = [text(argument) for argument in node.arguments]
    arguments += [f"{name}={text(value)}" for name, value in node.keywords]
    return f"{node.function}({', '.join(arguments)}){_listed(node.modifiers, '')}"


# Monitors


def _metric_alert(node: MetricAlert) -> str:
    window = f"{node.aggregator}({node.window})"
    if node.change:
        window = f"{node.change.kind}({window},{node.change.shift})"
    return f"{window}:{text(node.expression)} {_comparison(node)}"


def _check_alert(node: CheckAlert) -> str:
    tags = {"over": node.over, "exclude": node.exclude, "by": node.by}
    calls = [f".{name}({','.join(map(quoted, given))})" for name, given in tags.items() if given]
    if node.last is not None:
        calls.append(f".last({node.last if isinstance(node.last, int) else quoted(node.last)})")
    if node.counted:
        calls.append(f".{node.counted}()")
    return quoted(node.check) + "".join(calls)


def _event_alert(node: EventAlert) -> str:
    calls = "".join(f".{call.name}({','.join(map(_event_argument, call.arguments))})" for call in node.calls)
    return f"{node.source}({quoted(node.search)}){calls} {_comparison(node)}"


def _event_argument(node: Literal_) -> str:
    return quoted(node.value) if isinstance(node, Text) else text(node)


def _comparison(node: MetricAlert | EventAlert) -> str:
    return f"{node.comparator} {_number(Number(node.threshold))}"


PRINTERS: Mapping[type, Callable[[Any], str]] = {
    Tag: _tag,
    In: _in,
    Variable: _variable,
    Not: _not,
    Every: _every,
    Some: _some,
    Number: _number,
    Text: lambda node: quoted(node.value, "'"),
    Word: lambda node: node.value,
    Modifier: _modifier,
    Metric: _metric,
    Negative: _negative,
    Arithmetic: _arithmetic,
    Call: _call,
    MetricAlert: _metric_alert,
    CheckAlert: _check_alert,
    EventAlert: _event_alert,
}
