"""Tags as Datadog keeps them, and which of them a scope of a query means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from lab.datadog.query.tree import Every, In, Not, Scope, Some, Tag, Variable

LONGEST = 200
"""Characters of a tag; the rest is cut off."""
UNFIT = re.compile(r"[^\w:./-]")
"""Letters of any script, digits, `_ : . / -` stay; everything else becomes `_`."""

Matches = Callable[[frozenset[str]], bool]


@lru_cache(maxsize=65536)
def normalised(tag: str) -> str:
    """A tag after Datadog's intake (documentation: Getting Started with Tags, Define tags).

    It is lowercase, begins with a letter, has no other characters than those above, and does not end with a colon.
    """
    fit = UNFIT.sub("_", tag.lower())[:LONGEST].rstrip(":")
    return fit.lstrip("0123456789_:./-")


@lru_cache(maxsize=65536)
def carried(tags: tuple[str, ...] | frozenset[str]) -> frozenset[str]:
    """What of these tags a series carries; the same come run after run."""
    return frozenset(normalised(tag) for tag in tags) - {""}


def values(tags: Iterable[str], key: str) -> list[str]:
    """The values that a key has among these tags: none, one, or several; sorted."""
    begin = f"{key}:"
    return sorted(tag.removeprefix(begin) for tag in tags if tag.startswith(begin))


@lru_cache(maxsize=4096)
def matcher(scope: Scope) -> Matches:
    """Says of the tags of a series whether a scope means it.

    A variable of a dashboard stands at its default, `*`, and means every series. Values are compared as they
    are written: the intake made tags lowercase, so a scope that is not lowercase means nothing.
    """
    match scope:
        case Tag(key, value):
            return _one(key if value is None else f"{key}:{value}")
        case In(key, those):
            return _listed(key, those)
        case Variable():
            return lambda _: True
        case Not(operand):
            return _negation(matcher(operand))
        case Every(operands):
            return _every([matcher(operand) for operand in operands])
        case Some(operands):
            return _some([matcher(operand) for operand in operands])


def _one(pattern: str) -> Matches:
    if "*" not in pattern:
        return lambda tags: pattern in tags
    fits = re.compile(".*".join(map(re.escape, pattern.split("*")))).fullmatch
    return lambda tags: any(fits(tag) for tag in tags)


def _listed(key: str, values: tuple[str, ...]) -> Matches:
    if any(value.startswith("$") for value in values):
        return lambda _: True
    return _some([_one(f"{key}:{value}") for value in values])


def _negation(operand: Matches) -> Matches:
    return lambda tags: not operand(tags)


def _every(operands: list[Matches]) -> Matches:
    return lambda tags: all(operand(tags) for operand in operands)


def _some(operands: list[Matches]) -> Matches:
    return lambda tags: any(operand(tags) for operand in operands)
