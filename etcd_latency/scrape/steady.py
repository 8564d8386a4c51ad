"""A page with the lines of the one before, read as a whole.

Most pages of a member show the series of the last one, in the same order, with other values. Then it need not even
be looked for where one family ends and the next begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, chain, compress
from typing import NamedTuple

from etcd_latency.scrape import lines
from etcd_latency.scrape.lines import Heads, Irregular, Values

FIXED, UNWANTED, WANTED = range(3)
"""A line without a value; one with a value that nobody wants; one with a value that somebody wants."""


class Part(NamedTuple):
    """A block of a page."""

    fixed: bytes
    """Lines without a value."""
    varying: bytes
    """Lines with one."""
    heads: Heads | None
    """Of the lines with a value; None where nobody wants them."""


class Steady:
    """What is known of a page for when its lines come again."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """`parts` make up the page; raises `Irregular` for one that cannot be known again."""
        self._begins: list[bytes] = []
        """What each line begins with; of one without a value all of it."""
        self._wanted: list[Heads] = []
        """The parts that are wanted."""
        kinds: list[int] = []
        for part in parts:
            fixed = list(map(lines.shared, lines.split(part.fixed)))
            heads = part.heads or lines.heads_of(lines.split(part.varying))
            if b"" in heads.texts:
                raise Irregular  # anything would begin like a line without a space
            self._begins += fixed + heads.texts
            kinds += [FIXED] * len(fixed) + [WANTED if part.heads else UNWANTED] * len(heads.texts)
            if part.heads:
                self._wanted.append(part.heads)
        self._is_fixed = bytes(kind == FIXED for kind in kinds)
        self._is_wanted = bytes(kind == WANTED for kind in kinds)
        self._fixed = list(compress(self._begins, self._is_fixed))

    def read(self, page: bytes) -> list[Values] | None:
        """The values of the parts that are wanted; None when this is another page.

        Raises `Irregular` as `lines.read` does.
        """
        found = lines.split(page)
        if not lines.begin_with(found, self._begins) or list(compress(found, self._is_fixed)) != self._fixed:
            return None
        where = chain.from_iterable(heads.values for heads in self._wanted)
        values = lines.numbers(compress(found, self._is_wanted), where)
        ends = accumulate(len(heads.texts) for heads in self._wanted)
        return [values[end - len(heads.texts) : end] for heads, end in zip(self._wanted, ends, strict=True)]
