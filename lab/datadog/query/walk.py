"""Ways through a tree, without recursion: hostile ones are deep."""

from __future__ import annotations

from collections.abc import Iterator

from lab.datadog.query.tree import (
    Alert,
    Arithmetic,
    Call,
    CheckAlert,
    EventAlert,
    Every,
    Expression,
    Metric,
    MetricAlert,
    Negative,
    Not,
    Scope,
    Some,
    Text,
    Word,
)

Node = Expression | Scope | Text


def metrics(node: Expression | Alert) -> Iterator[Metric]:
    """The metrics in it, from left to right."""
    return (found for found in inside(node) if isinstance(found, Metric))


def words(node: Expression | Alert) -> Iterator[Word]:
    """Words without quotes, from left to right: names of queries in a formula, and arguments such as `mean`."""
    return (found for found in inside(node) if isinstance(found, Word))


def calls(node: Expression | Alert) -> Iterator[Call]:
    """The calls of functions in it, from left to right."""
    return (found for found in inside(node) if isinstance(found, Call))


def inside(node: Expression | Alert) -> Iterator[Node]:
    """The node and all that is in it, from left to right."""
    return (found for found, _ in _nodes(node))


def deepest(expression: Expression) -> tuple[int, int]:
    """How many nodes stand within each other at most, and the column of the innermost, as far as columns are known."""
    found, at, column = 0, 0, 0
    for node, depth in _nodes(expression):
        column = getattr(node, "at", column)
        if depth > found:
            found, at = depth, column
    return found, at


def _nodes(node: Expression | Alert) -> Iterator[tuple[Node, int]]:
    if isinstance(node, CheckAlert | EventAlert):
        return
    waiting: list[tuple[Node, int]] = [(node.expression if isinstance(node, MetricAlert) else node, 1)]
    while waiting:
        here, depth = waiting.pop()
        yield here, depth
        waiting.extend((child, depth + 1) for child in reversed(_children(here)))


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Metric():
            return (node.scope,)
        case Not() | Negative():
            return (node.operand,)
        case Every() | Some():
            return node.operands
        case Arithmetic():
            return node.left, node.right
        case Call():
            return node.arguments
    return ()
