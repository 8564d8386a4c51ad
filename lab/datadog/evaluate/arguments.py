"""What a function is called with, beside the query that it works on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from lab.datadog.evaluate.lines import refusal
from lab.datadog.query.tree import Call, Negative, Number, Text, Word


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call after its first one, by their places from 1; each refusal is a `LabError`."""

    call: Call

    def number(self, place: int, what: str) -> float:
        match self._at(place):
            case Number(value):
                return value
            case Negative(Number(value)):
                return -value
        raise refusal(self.call, f"{self.call.function}() needs a number, {what}, as argument {place + 1}")

    def text(self, place: int, what: str, choices: Collection[str]) -> str:
        found = self._at(place)
        if isinstance(found, Text | Word) and found.value in choices:
            return found.value
        said = ", ".join(sorted(choices))
        raise refusal(self.call, f"{self.call.function}() needs {what} as argument {place + 1}, one of: {said}")

    def keyword(self, name: str) -> str | float | None:
        """What stands behind `name=`."""
        return next((literal.value for key, literal in self.call.keywords if key == name), None)

    def at_most(self, places: int) -> None:
        """Refuse what the function does not take."""
        if len(self.call.arguments) > places + 1:
            raise refusal(self.call, f"{self.call.function}() takes no argument {places + 2}")

    def _at(self, place: int) -> object:
        return self.call.arguments[place] if place < len(self.call.arguments) else None
