"""What two lists have in common at both ends: pages change in the middle, if at all, and in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress, count
from operator import ne
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Middle(NamedTuple):
    """Where the items are that lists do not have in common."""

    old: slice
    new: slice

    def put(self, kept: list[T], found: list[T]) -> list[T]:
        """A list like the old one with other items in its middle."""
        return kept[: self.old.start] + found + kept[self.old.stop :]


def middle(old: Sequence[Any], new: Sequence[Any], differ: Callable[[Any, Any], bool] = ne) -> Middle:
    """The part in which they differ."""
    shorter = min(len(old), len(new))
    if old is new:
        return Middle(slice(shorter, shorter), slice(shorter, shorter))
    first = next(compress(count(), map(differ, old, new)), shorter)
    last = next(compress(count(), map(differ, reversed(old), reversed(new))), shorter)
    last = min(last, shorter - first)
    return Middle(slice(first, len(old) - last), slice(first, len(new) - last))
