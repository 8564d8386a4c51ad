"""Large families, kept from page to page: of thousands of series of an API server most stand still.

A family is compared with that of the last page stretch by stretch, in C, and only those stretches are read that are
not as they were.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence

from etcd_latency.scrape.lines import (
    NO_LINES,
    Column,
    Heads,
    Irregular,
    Text,
    Values,
    column,
    endings,
    renewed,
    split,
)

LONGEST_STRETCH = 64
"""How many lines are compared at once; a histogram of an API server has up to 45."""


class Known:
    """A large family: it is kept from page to page, so that only those stretches are read that are not as they were."""

    __slots__ = ("_column", "_starts", "_stretches")

    def __init__(self) -> None:
        self._column = NO_LINES
        self._starts: list[int] = []
        """The number of the first line of each stretch."""
        self._stretches: list[bytes] = []

    def read(self, text: Text) -> Column:
        """The same as `column`."""
        changed = self._changed(text)
        if changed is None:
            self._begin(text)
        elif changed and not self._renew(changed):
            self._mend(changed)
        return self._column

    def _renew(self, changed: Mapping[int, bytes]) -> bool:
        """Take in stretches, by their numbers; False where their lines are not those of the last page."""
        heads = self._column.heads
        lines = [line for stretch in changed.values() for line in split(stretch)]
        which = [line for number in changed for line in range(*self._bounds(number))]
        texts = endings(lines, heads.texts, which) if len(lines) == len(which) else None
        if texts is None:
            return False
        self._column = Column(heads, renewed(self._column.values, which, texts))
        for number, stretch in changed.items():
            self._stretches[number] = stretch
        return True

    def _mend(self, changed: Mapping[int, bytes]) -> None:
        """Take in stretches, by their numbers, of which some have other lines than before."""
        heads, which, texts = self._column.heads.texts, list[int](), list[bytes]()
        stretches, others = self._stretches.copy(), dict[int, list[bytes]]()
        for number, stretch in changed.items():
            lines, place = split(stretch), range(*self._bounds(number))
            found = endings(lines, heads, place) if len(lines) == len(place) else None
            if found is None:
                others[number] = lines
            else:
                which += place
                texts += found
                stretches[number] = stretch
        self._replace(others, stretches, renewed(self._column.values, which, texts))

    def _replace(self, others: Mapping[int, list[bytes]], known: list[bytes], before: Values) -> None:
        """Put the lines of other stretches in the place of those that are known."""
        heads, texts, values, begins = self._column.heads.texts, list[bytes](), array("d"), list[int]()
        stretches = list[bytes]()
        for number, stretch in enumerate(known):
            first, end = self._bounds(number)
            if number not in others:
                begins.append(len(texts))
                stretches.append(stretch)
                texts += heads[first:end]
                values.extend(before[first:end])
                continue
            new = column(others[number], Heads(heads[first:end]))
            its = list(starts(new.heads.texts))
            begins += (len(texts) + begin for begin in its)
            stretches += stretches_of(others[number], its)
            texts += new.heads.texts
            values.extend(new.values)
        if len(set(texts)) < len(texts):
            raise Irregular
        self._column, self._starts, self._stretches = Column(Heads(texts), values), begins, stretches

    def _changed(self, text: Text) -> dict[int, bytes] | None:
        """The stretches that are not as they were, by their numbers; None when it cannot be told where they begin."""
        page, at, end = text
        changed = {}
        heads = self._column.heads.texts
        for number, stretch in enumerate(self._stretches, 1):
            if page.startswith(stretch, at, end):
                at += len(stretch)
                continue
            is_last = number == len(self._stretches)
            stop = end if is_last else page.find(b"\n" + heads[self._starts[number]], at, end) + 1
            if not stop:
                return None
            changed[number - 1] = page[at:stop]
            at = stop
        return changed if at == end else None

    def _bounds(self, number: int) -> tuple[int, int]:
        """Which lines a stretch has."""
        after = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._column.heads.texts)
        return self._starts[number], after

    def _begin(self, text: Text) -> None:
        """Read everything."""
        lines = text.lines()
        self._column = column(lines, self._column.heads)
        self._starts = list(starts(self._column.heads.texts))
        self._stretches = stretches_of(lines, self._starts)


def stretches_of(lines: Sequence[bytes], begins: Sequence[int]) -> list[bytes]:
    """Lines as the parts of a page that begin there."""
    ends = [*begins, len(lines)][1:]
    return [b"".join(b"%b\n" % line for line in lines[first:end]) for first, end in zip(begins, ends, strict=True)]


def starts(heads: Sequence[bytes]) -> Iterator[int]:
    """Where stretches begin: each is one histogram, or so many lines."""
    start = 0
    for line, head in enumerate(heads, 1):
        if line - start == LONGEST_STRETCH or b"_count{" in head or line == len(heads):
            yield start
            start = line
