"""Functions and arithmetic over metrics or, in a formula, over the names of queries.

expression = term {("+" | "-") term}
term       = signed {("*" | "/") signed}
signed     = "-" signed | atom {modifier}
atom       = number | "(" expression ")" | function "(" [argument {"," argument}] ")" | metric or name
argument   = expression | literal | "{" keys "}" | name "=" literal

Keys are those by which an aggregation of an aggregation still groups; with their braces they make one word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast

from lab.datadog.query import scope
from lab.datadog.query.cursor import DEEPEST, Cursor
from lab.datadog.query.metric import literal, metric, modifiers, share
from lab.datadog.query.spelling import separated
from lab.datadog.query.tree import Arithmetic, Call, Expression, Literal_, Metric, Negative, Number, Text, Word

BINDING = {"+": 0, "-": 0, "*": 1, "/": 1}
"""How strongly an operator binds; those that bind alike go from left to right."""
Operator = Literal["+", "-", "*", "/"]
BRACKETS = ""
"""The function that stands for brackets with modifiers: `(a{*} / b{*}).rollup(avg, 60)`."""


@dataclass(frozen=True, slots=True)
class Expressions:
    """Reads the expressions of queries, or those of formulas."""

    cursor: Cursor
    formula: bool = False

    def read(self, weakest: int = 0) -> Expression:
        """What stands here, up to the first operator that binds weaker than this."""
        at, terms = self.cursor.here.at, 1
        found = self._signed()
        while self.cursor.at(*BINDING) and BINDING[self.cursor.here.value] >= weakest:
            if terms == DEEPEST:
                self.cursor.too_deep(self.cursor.here.at)
            operator = cast("Operator", self.cursor.take().value)
            found, terms = Arithmetic(operator, found, self.read(BINDING[operator] + 1), at), terms + 1
        return found

    def _signed(self) -> Expression:
        here, ahead = self.cursor.here, self.cursor.ahead
        if here.kind == "number" or (self.cursor.at("-") and ahead.kind == "number"):
            return Number(self.cursor.number(), here.at)
        if not self.cursor.accept("-"):
            return self._modified(self._atom())
        with self.cursor.deeper():
            return Negative(self._signed(), here.at)

    def _modified(self, inner: Expression) -> Expression:
        found = modifiers(self.cursor)
        if not found:
            return inner
        if isinstance(inner, Metric | Call):
            return replace(inner, modifiers=inner.modifiers + found)
        return Call(BRACKETS, (inner,), (), found, inner.at)

    def _atom(self) -> Expression:
        here, ahead = self.cursor.here, self.cursor.ahead
        if self.cursor.at("("):
            return self._brackets()
        if here.kind == "name" and ahead.kind == "mark" and ahead.value == "(":
            return self._call()
        if not self.formula:
            return metric(self.cursor)
        return Word(self.cursor.expect_kind("name", "the name of a query, a function or a number").value, here.at)

    def _brackets(self) -> Expression:
        self.cursor.take()
        with self.cursor.deeper():
            inner = self.read()
        self.cursor.close(")", "an operator")
        return inner

    def _call(self) -> Call | Metric:
        name = self.cursor.take()
        self.cursor.take()
        if name.value == "count" and self.cursor.here.value == "v" and not self.formula:
            return share(self.cursor, name.at)
        arguments: list[Expression | Text] = []
        keywords: list[tuple[str, Literal_]] = []
        if not self.cursor.at(")"):
            with self.cursor.deeper():
                self._arguments(arguments, keywords)
        self.cursor.close(")")
        return Call(name.value, tuple(arguments), tuple(keywords), (), name.at)

    def _arguments(self, arguments: list[Expression | Text], keywords: list[tuple[str, Literal_]]) -> None:
        while True:
            if self._ahead("="):
                keywords.append(self._keyword())
            elif keywords:
                self.cursor.refuse("an argument with a name, such as history='1w'")
            else:
                arguments.append(self._argument(first=not arguments))
            if not self.cursor.accept(","):
                return

    def _keyword(self) -> tuple[str, Literal_]:
        name = self.cursor.take()
        self.cursor.take()
        return name.value, literal(self.cursor)

    def _argument(self, *, first: bool) -> Expression | Text:
        """A function's first argument is what it is of, so that a lone word there is a metric without its scope."""
        here = self.cursor.here
        if here.kind == "text":
            return Text(self.cursor.take().value, here.at)
        if self.cursor.at("{") and not first:
            return Word(f"{{{separated(scope.keys(self.cursor))}}}", here.at)
        if self._ahead(",", ")") and not first:
            return Word(self.cursor.take().value, here.at)
        return self.read()

    def _ahead(self, *marks: str) -> bool:
        """Whether a name is here and one of these marks ahead."""
        here, ahead = self.cursor.here, self.cursor.ahead
        return here.kind == "name" and ahead.kind == "mark" and ahead.value in marks
