"""The lines of one family as two columns: what stands before the values, and the values.

From page to page what stands before the values is the same. So a family is read by comparing with the last page
and taking the numbers from where they stood, all of it in C; a line is looked at closely only when it is new.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress, count
from operator import getitem, is_, ne
from typing import NamedTuple

from prometheus_client.samples import Sample

from etcd_latency.scrape.ends import middle

LABEL = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)"')

HEAD = re.compile(rb"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:%b)(?:,%b)*)\})? " % (2 * (LABEL.pattern,)))
"""What stands before a value as Go's and everybody's writers put it. What looks otherwise may still be right."""

ESCAPED = re.compile(r'\\([\\n"])')

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
}
"""What a sample's name may add to its family's, by the family's kind; of other kinds nothing."""

MOST_ORDERS = 64
"""How many sets of labels one family may have. What is many times more than the two of a histogram is not usual."""

MOST_SHARED = 4096
"""Families of more lines do not share them: they are those of an API server, of which there are few."""

LONGEST_SHARED_BYTES = 512
"""Lines of any length are read, but what is shared must not fill the memory."""


class Irregular(Exception):
    """A family is not written as usual, so that base's own parser must say what it means."""


Values = Sequence[float]
"""An array of doubles, in a quarter of the room that a list of them takes."""


class Heads(NamedTuple):
    """What stands before the values of a family's lines, space included."""

    texts: list[bytes]
    """In the page's order. The same object as on the last page while the same lines stand there."""

    @property
    def values(self) -> Iterable[slice]:
        """Where the value of each line is."""
        return map(_after, map(len, self.texts))


class Column(NamedTuple):
    """A family on one page."""

    heads: Heads
    values: Values
    """One for each head."""


NO_VALUES: Values = array("d")
NO_LINES = Column(Heads([]), NO_VALUES)


class Orders:
    """The orders in which the labels of one family's lines stand.

    One series may be written in two ways, which only base's parser would see. When the labels of all lines that
    have the same ones stand in one order, that cannot be.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[frozenset[str], tuple[str, ...]] | None = None

    def check(self, labels: Iterable[str]) -> None:
        """Raise `Irregular` where these stand in another order than before, or lines have too many kinds of them."""
        kind, order = kind_and_order(tuple(labels))
        if len(order) > 1:
            self._seen = self._seen or {}
            first = self._seen.setdefault(kind, order)
            if len(self._seen) > MOST_ORDERS:
                self._seen = None  # begin anew: it may have taken a thousand pages
                raise Irregular
            if first != order:
                raise Irregular


def read(text: bytes, known: Heads = NO_LINES.heads) -> Column:
    """The same as `column`, of a text."""
    return column(split(text), known)


def column(lines: Sequence[bytes], known: Heads) -> Column:
    """Read a family's lines; `known` are its heads on the last page.

    Raises `Irregular` for what is more than names, labels and numbers: timestamps, exemplars, comments, a line that
    is there twice.
    """
    found = known if begin_with(lines, known.texts) else _moved(lines, known)
    return Column(found, values(lines, found))


class Text(NamedTuple):
    """A part of a page: whole lines. It is not cut out, for a copy of megabytes costs as much as to read them."""

    page: bytes
    first: int
    end: int

    def lines(self) -> list[bytes]:
        """Each without its line feed."""
        return split(self.page[self.first : self.end])


def _moved(lines: Sequence[bytes], known: Heads) -> Heads:
    """The heads of lines that are not those of the last page."""
    part = middle(known.texts, lines, lambda head, line: not line.startswith(head))
    new = heads_of(lines[part.new])
    found = Heads(part.put(known.texts, new.texts))
    if len(set(found.texts)) < len(found.texts):
        raise Irregular
    return found


def split(text: bytes) -> list[bytes]:
    """The lines of a part of a page, without their line feeds."""
    found = text.split(b"\n")
    if not found[-1]:
        found.pop()
    return found


def begin_with(lines: Sequence[bytes], heads: Sequence[bytes]) -> bool:
    """Whether these lines begin with these heads, one by one."""
    return len(lines) == len(heads) and all(map(bytes.startswith, lines, heads))


def changed(before: Iterable[bytes], now: Iterable[bytes]) -> list[int]:
    """The numbers of the lines that are not as they were."""
    return list(compress(count(), map(ne, before, now)))


def endings(lines: Sequence[bytes], heads: Sequence[bytes], which: Iterable[int]) -> list[bytes] | None:
    """What of lines stands behind these heads; None where one of them begins in another way."""
    found = list(map(bytes.removeprefix, lines, map(heads.__getitem__, which)))
    return None if any(map(is_, found, lines)) else found


def renewed(before: Values, which: Iterable[int], texts: Sequence[bytes]) -> Values:
    """The values of a page of which these are not as they were before; raises `Irregular` as `numbers` does."""
    found = array("d", before)
    for line, value in zip(which, numbers(texts), strict=True):
        found[line] = value
    return found


def values(lines: Iterable[bytes], known: Heads) -> Values:
    """The values of lines that begin with these heads; raises `Irregular` as `numbers` does."""
    texts: list[bytes] = list(map(getitem, lines, known.values))  # type: ignore[arg-type]  # bytes by slices are bytes
    distinct = list(set(texts))  # of a page's values most are there many times over
    value = dict(zip(distinct, numbers(distinct), strict=True))
    return array("d", map(value.__getitem__, texts))


def numbers(texts: Sequence[bytes]) -> Values:
    """What texts are as numbers; raises `Irregular` where there is more than a number."""
    if b"_" in b"".join(texts):
        raise Irregular  # Python reads 1_000 as a number
    try:
        return array("d", map(float, texts))
    except ValueError:
        raise Irregular from None


def heads_of(lines: Sequence[bytes]) -> Heads:
    """What stands before the values of lines that are new."""
    texts = [line[: line.rfind(b" ") + 1] for line in lines]
    return Heads(list(map(shared, texts)) if len(texts) < MOST_SHARED else texts)


def shared(text: bytes) -> bytes:
    """The same text, and the same object for whoever asks: members have most of their lines in common."""
    return _shared(text) if len(text) < LONGEST_SHARED_BYTES else text


def kept(line: bytes) -> bytes:
    """A line as it is kept until the next page; most are those of something that never happened, on all members."""
    return shared(line) if line.endswith(b" 0") or line.startswith(b"#") else line


@lru_cache(maxsize=4 * MOST_SHARED)
def _shared(text: bytes) -> bytes:
    return text


def sample(head: bytes, family: str, kind: str) -> Sample:
    """The name and labels of a line, as base's parser would give them; its value is 1. Raises `Irregular`."""
    match = HEAD.fullmatch(head)
    if match is None:
        raise Irregular
    name, written = match[1].decode(), LABEL.findall(match[2] or b"")
    labels = {label.decode(): _unescaped(value.decode("utf-8", errors="replace")) for label, value in written}
    ending = name.removeprefix(family)
    if len(labels) < len(written) or not name.startswith(family) or ending not in ENDINGS.get(kind, ("",)):
        raise Irregular
    # That parser gives every counter the ending that OpenMetrics wants.
    return Sample(f"{name}_total" if kind == "counter" and not name.endswith("_total") else name, labels, 1.0)


def head(found: Sample) -> bytes:
    """The opposite of `sample`, for what base's parser has read."""
    labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in found.labels.items())
    return (f"{found.name}{{{labels}}} " if labels else f"{found.name} ").encode()


def kind_and_order(labels: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """What lines may have in common, and in which order it stands; shared by all that have it."""
    is_short = sum(map(len, labels)) < LONGEST_SHARED_BYTES
    return _kind_and_order(labels) if is_short else (frozenset(labels), labels)


@lru_cache(maxsize=1024)
def _kind_and_order(labels: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    return frozenset(labels), labels


@lru_cache(maxsize=1024)
def _after(length: int) -> slice:
    """Shared by all lines with heads of a length."""
    return slice(length, None)


def _unescaped(value: str) -> str:
    return ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], value) if "\\" in value else value


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
