"""Where in a query its reader stands: two tokens are in sight, and how deep the brackets are is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isinf
from typing import NoReturn, cast, get_args

from lab.datadog.query.errors import QueryError
from lab.datadog.query.lexer import Token, tokens
from lab.datadog.query.tree import Comparator

COMPARATORS = get_args(Comparator)
DEEPEST = 100
"""Brackets within brackets, calls within calls and terms in a row: what takes a tree apart may recurse."""


class Cursor:
    """The token `here`, and the one `ahead` of it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens(text)
        self._depth = 0
        self.here = next(self._tokens)
        self.ahead = next(self._tokens)

    def take(self) -> Token:
        """The token here, and go on to the next."""
        taken, self.here, self.ahead = self.here, self.ahead, next(self._tokens)
        return taken

    def at(self, *marks: str) -> bool:
        """Whether one of these marks is here."""
        return self.here.kind == "mark" and self.here.value in marks

    def accept(self, mark: str) -> bool:
        """Pass by this mark, if it is here."""
        found = self.at(mark)
        if found:
            self.take()
        return found

    def close(self, mark: str, otherwise: str = "','") -> None:
        """Take the mark that ends brackets; `otherwise` tells what else could go on here."""
        if not self.accept(mark):
            self.refuse(f"{otherwise} or '{mark}'")

    def expect(self, mark: str) -> Token:
        """Take this mark, which has to be here."""
        return self.take() if self.at(mark) else self.refuse(f"'{mark}'")

    def expect_kind(self, kind: str, expected: str) -> Token:
        """Take a token of this kind, which has to be here."""
        return self.take() if self.here.kind == kind else self.refuse(expected)

    def number(self) -> float:
        """A number, with its sign."""
        sign = -1 if self.accept("-") else 1
        token = self.expect_kind("number", "a number")
        value = float(token.value)
        if isinf(value):
            raise QueryError("the number is too large", self.text, token.at)
        return sign * value

    def comparison(self, otherwise: str) -> tuple[Comparator, float]:
        """`> 1`; `otherwise` tells what else could go on here."""
        if not self.at(*COMPARATORS):
            self.refuse(f"{otherwise}a comparison such as > 1")
        return cast("Comparator", self.take().value), self.number()

    def end(self, expected: str) -> None:
        """Nothing may follow."""
        if self.here.kind != "end":
            self.refuse(expected)

    def refuse(self, expected: str, token: Token | None = None) -> NoReturn:
        """Say what should be here, or in place of an earlier token."""
        found = token or self.here
        raise QueryError(f"expected {expected}, found {found}", self.text, found.at)

    def too_deep(self, at: int) -> NoReturn:
        """Say that what begins at this column is too much."""
        raise QueryError(f"the query is nested more than {DEEPEST} levels deep", self.text, at)

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One bracket, call or sign further in."""
        if self._depth == DEEPEST:
            self.too_deep(self.here.at)
        self._depth += 1
        yield
        self._depth -= 1
