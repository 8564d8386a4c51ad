"""Finds the families of a page by the lines that begin with `#`, and cuts out those that are wanted.

In the text format a family's lines stand together under its `# HELP` and `# TYPE` lines. So it is enough to find
those, by a search that runs in C; the lines of families that nobody wants are never looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from etcd_latency.errors import BadPage

LARGEST_CUT_BYTES = 32 * 1024 * 1024
"""What may be kept of one page. The calls to etcd on a page of 22 MB, from 400 custom resources, have 3 MB."""

MOST_HEADERS = 100_000
"""Of the lines of a page that begin with `#`, each of which is looked at; a large API server has 2,000."""

LONGEST_LINE_BYTES = 1024 * 1024
"""A page is taken line by line; what never ends one is no metrics page."""

LONGEST_KNOWN_BYTES = 512
"""A help text may have any length, but what is looked up must not fill the memory."""

LINE_FEED = 0x0A

HEADER = re.compile(rb"# (HELP|TYPE)[ \t]+([^ \t\r\n]+)(?:[ \t]+([^ \t\r\n]+))?")

END = b"# EOF"
"""The line with which OpenMetrics ends a page, and without which its parser refuses one."""


class Header(NamedTuple):
    """What a line that begins with `#` says."""

    family: bytes
    kind: bytes | None
    """Of a TYPE line what stands behind the name; None in a HELP line."""


class Block(NamedTuple):
    """Where on a page a family is: a header, and lines up to the next one's."""

    family: bytes
    """Empty for what stands before all headers."""
    kind: bytes
    """Empty where no TYPE line says it."""
    begin: int
    first: int
    """Where its samples begin."""
    end: int


def header(line: bytes) -> Header | None:
    """What a line that begins with `#` says; None for a comment. Pages repeat theirs, so that this is a look-up."""
    return _known_header(line) if len(line) < LONGEST_KNOWN_BYTES else _header(line)


def _header(line: bytes) -> Header | None:
    if line.startswith(END):
        return Header(END, None)
    match = HEADER.match(line)
    if match is None:
        return None
    word, family, kind = match.groups()
    return Header(family, (kind or b"") if word == b"TYPE" else None)


_known_header = lru_cache(maxsize=4096)(_header)


def hashes(page: bytes, start: int, end: int) -> Iterator[int]:
    """Where lines begin with `#`, from `start`, which begins a line.

    The character alone is found ten times as fast as a line feed before it, and hardly ever stands elsewhere. Once
    it does, the slower search goes on: a page of nothing but `#` must not cost a step for each.
    """
    at = page.find(b"#", start, end)
    while at == start or (at > start and page[at - 1] == LINE_FEED):
        yield at
        at = page.find(b"#", at + 1, end)
    at = page.find(b"\n#", at, end) if at >= 0 else -1
    while at >= 0:
        yield at + 1
        at = page.find(b"\n#", at + 1, end)


def blocks(page: bytes) -> Iterator[Block]:
    """The blocks of a page that is here as a whole, in its order; raises `BadPage`."""
    family, kind = b"", b""
    begin = first = 0
    for number, at in enumerate(hashes(page, 0, len(page))):
        if number == MOST_HEADERS:
            raise too_many_headers()
        stop = page.find(b"\n", at) + 1 or len(page)
        found = header(page[at : stop - 1] if page[stop - 1] == LINE_FEED else page[at:stop])
        if found is None or found.family == END:
            continue
        if found.family != family:
            if at > begin:
                yield Block(family, kind, begin, first, at)
            family, kind, begin, first = found.family, b"", at, at
        if first == at:  # samples have not begun yet
            first = stop
            kind = kind if found.kind is None else found.kind
    if len(page) > begin:
        yield Block(family, kind, begin, first, len(page))


def too_many_headers() -> BadPage:
    """The error for what consists of comments."""
    return BadPage(f"more than {MOST_HEADERS:,} lines of the page begin with #; is this a metrics page?")


class Cutter:
    """Keeps of one page the families that are wanted, chunk by chunk while it arrives; gives a page again."""

    def __init__(self, wanted: Callable[[str], bool], *, limit: int = LARGEST_CUT_BYTES) -> None:
        """`wanted` is asked by the name of a family as its headers have it."""
        self.size = 0
        """The bytes that the page has had so far."""
        self._wanted = wanted
        self._limit = limit
        self._rest = b""
        """What has come of a line that has not ended yet."""
        self._family = b""
        self._keep = False
        self._kept: list[bytes] = []
        self._room = limit
        self._headers_left = MOST_HEADERS

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the page; raise `BadPage` as soon as it is clear that this is none."""
        self.size += len(chunk)
        first = chunk.find(b"\n") + 1 if self._rest else 0
        if self._rest and first:
            line = self._rest + chunk[:first]
            self._cut(line, 0, len(line))
            self._rest = b""
        last = chunk.rfind(b"\n") + 1
        self._cut(chunk, first, last)
        self._rest += chunk[last:]
        if len(self._rest) > LONGEST_LINE_BYTES:
            raise BadPage(f"the page has a line of more than {LONGEST_LINE_BYTES >> 20} MiB; is this a metrics page?")

    def finish(self) -> bytes:
        """What was kept; raise `BadPage` when the page breaks off within a line."""
        if self._rest:
            raise BadPage("the page breaks off in the middle of a line; what cuts it on the way?")
        return b"".join(self._kept)

    def _cut(self, lines: bytes, start: int, end: int) -> None:
        """Take what is wanted of these whole lines."""
        begin = start
        for at in hashes(lines, start, end):
            self._headers_left -= 1
            if self._headers_left < 0:
                raise too_many_headers()
            found = header(lines[at : lines.index(b"\n", at)])
            if found is None or found.family == self._family:
                continue
            self._take(lines, begin, at)
            begin, self._family = at, found.family
            self._keep = found.family == END or self._wanted(found.family.decode("utf-8", errors="replace"))
        self._take(lines, begin, end)

    def _take(self, lines: bytes, start: int, end: int) -> None:
        if not self._keep or start == end:
            return
        self._room -= end - start
        if self._room < 0:
            raise BadPage(f"of the page more than {self._limit >> 20} MiB are about etcd; that is too much to read")
        self._kept.append(lines[start:end])
