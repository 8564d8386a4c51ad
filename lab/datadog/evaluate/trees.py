"""What is in a query's tree."""

from __future__ import annotations

from collections.abc import Iterator

from lab.datadog.query.tree import Arithmetic, Call, Expression, Negative, Text


def inside(node: Expression | Text) -> Iterator[Expression | Text]:
    """The node and all that is in it."""
    yield node
    match node:
        case Negative(operand):
            yield from inside(operand)
        case Arithmetic(_, left, right):
            yield from inside(left)
            yield from inside(right)
        case Call():
            for argument in node.arguments:
                yield from inside(argument)


def calls(node: Expression) -> Iterator[Call]:
    """The calls of functions in it."""
    return (one for one in inside(node) if isinstance(one, Call))
