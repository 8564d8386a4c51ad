"""A page with the lines of the one before, read as a whole.

Most pages of a member show the series of the last one, in the same order, and of most series the same value. Then it
need not even be looked for where one family ends and the next begins: lines that are as they were are left alone, and
the numbers are taken from the others.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import compress, repeat
from typing import NamedTuple

from etcd_latency.scrape import lines
from etcd_latency.scrape.lines import Column, Heads, Values

FIXED, UNWANTED, WANTED = range(3)
"""A line without a value; one with a value that nobody wants; one with a value that somebody wants."""


class Part(NamedTuple):
    """A block of a page."""

    fixed: list[bytes]
    """Lines without a value."""
    varying: list[bytes]
    """Lines with one."""
    heads: Heads | None
    """Of the lines with a value; None where nobody wants them."""


class Steady:
    """What is known of a page for when its lines come again."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """`parts` make up the page; raises `Irregular` for one that cannot be known again."""
        self._begins: list[bytes] = []
        """What each line begins with; of one without a value all of it."""
        self._lines: list[bytes] = []
        """The last page, line by line."""
        self.values: Values
        """The number of each line; no number where there is none that anybody wants."""
        self.places: list[slice] = []
        """Where the numbers of each part are that is wanted."""
        kinds, values = bytearray(), array("d")
        for fixed, varying, wanted in parts:
            heads = wanted or lines.heads_of(varying)
            if b"" in heads.texts:
                raise lines.Irregular  # anything would begin like a line without a space
            first = len(self._begins) + len(fixed)
            self._begins += [*map(lines.shared, fixed), *heads.texts]
            self._lines += map(lines.kept, fixed + varying)
            kinds += bytes([FIXED] * len(fixed) + [WANTED if wanted else UNWANTED] * len(varying))
            values.extend(repeat(math.nan, len(fixed)))
            values.extend(lines.values(varying, heads) if wanted else repeat(math.nan, len(varying)))
            if wanted:
                self.places.append(slice(first, len(self._begins)))
        self._kinds, self.values = bytes(kinds), values

    @property
    def size(self) -> int:
        """How many lines the page has."""
        return len(self._begins)

    def read(self, page: bytes) -> Values | None:
        """The numbers of the page's lines; None when this is another page.

        Raises `Irregular` as `lines.read` does.
        """
        found = lines.split(page)
        if len(found) != len(self._lines):
            return None
        changed = lines.changed(self._lines, found)
        texts = lines.endings(list(map(found.__getitem__, changed)), self._begins, changed)
        kinds = bytes(map(self._kinds.__getitem__, changed))
        if texts is None or FIXED in kinds:
            return None
        wanted = list(map(WANTED.__eq__, kinds))
        self.values = lines.renewed(self.values, compress(changed, wanted), list(compress(texts, wanted)))
        for line in changed:
            self._lines[line] = lines.kept(found[line])
        return self.values


class Observed(Mapping[str, Column]):
    """The numbers of a page that is known as a whole, by family; each is cut out when somebody asks for it."""

    __slots__ = ("_values", "_where")

    def __init__(self, where: Mapping[str, tuple[Heads, slice]], values: Values) -> None:
        self._where = where
        self._values = values

    def __getitem__(self, name: str) -> Column:
        heads, place = self._where[name]
        return Column(heads, self._values[place])

    def __contains__(self, name: object) -> bool:
        return name in self._where

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)
