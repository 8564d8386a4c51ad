"""The lines of one family as two columns: what stands before the values, and the values.

From page to page what stands before the values is the same. So a family is read by comparing with the last page
and taking the numbers from where they stood, all of it in C; a line is looked at closely only when it is new.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import getitem
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
    values: list[slice]
    """Where the value of each line is."""


class Column(NamedTuple):
    """A family on one page."""

    heads: Heads
    values: Values
    """One for each head."""


NO_LINES = Column(Heads([], []), array("d"))


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
        kind, order = _kind_and_order(tuple(labels))
        if len(order) > 1:
            self._seen = self._seen or {}
            first = self._seen.setdefault(kind, order)
            if len(self._seen) > MOST_ORDERS:
                self._seen = None  # begin anew: it may have taken a thousand pages
                raise Irregular
            if first != order:
                raise Irregular


def read(text: bytes, known: Heads = NO_LINES.heads) -> Column:
    """Read a family's lines; `known` are its heads on the last page.

    Raises `Irregular` for what is more than names, labels and numbers: timestamps, exemplars, comments, a line that
    is there twice.
    """
    lines = split(text)
    found = known if begin_with(lines, known.texts) else _changed(lines, known)
    return Column(found, numbers(lines, found.values))


def _changed(lines: Sequence[bytes], known: Heads) -> Heads:
    """The heads of lines that are not those of the last page."""
    part = middle(known.texts, lines, lambda head, line: not line.startswith(head))
    new = heads_of(lines[part.new])
    found = Heads(part.put(known.texts, new.texts), part.put(known.values, new.values))
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


def numbers(lines: Iterable[bytes], where: Iterable[slice]) -> Values:
    """The values of lines; raises `Irregular` where there is more than a number."""
    texts: list[bytes] = list(map(getitem, lines, where))  # type: ignore[arg-type]  # bytes by slices are bytes
    distinct = set(texts)  # of a page's values most are there many times over
    if b"_" in b"".join(distinct):
        raise Irregular  # Python reads 1_000 as a number
    try:
        value = dict(zip(distinct, map(float, distinct), strict=True))
    except ValueError:
        raise Irregular from None
    return array("d", map(value.__getitem__, texts))


def heads_of(lines: Sequence[bytes]) -> Heads:
    """What stands before the values of lines that are new."""
    texts = [line[: line.rfind(b" ") + 1] for line in lines]
    return heads(list(map(shared, texts)) if len(texts) < MOST_SHARED else texts)


def heads(texts: list[bytes]) -> Heads:
    """Heads by what they are."""
    return Heads(texts, [_after(len(text)) for text in texts])


def shared(text: bytes) -> bytes:
    """The same text, and the same object for whoever asks: members have most of their lines in common."""
    return _shared(text) if len(text) < LONGEST_SHARED_BYTES else text


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


@lru_cache(maxsize=1024)
def _kind_and_order(labels: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """What lines may have in common, and in which order it stands; shared by all that have it."""
    return frozenset(labels), labels


@lru_cache(maxsize=1024)
def _after(length: int) -> slice:
    """Shared by all lines with heads of a length."""
    return slice(length, None)


def _unescaped(value: str) -> str:
    return ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], value) if "\\" in value else value


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
