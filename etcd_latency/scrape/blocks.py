"""Cuts the few families that are wanted out of a page of tens of MB, chunk by chunk while it arrives.

In the text format a family's lines stand together under its `# HELP` and `# TYPE` lines. So it is enough to
find those, by a search that runs in C; the lines of families that nobody wants are never looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from etcd_latency.errors import BadPage

LARGEST_CUT_BYTES = 16 * 1024 * 1024
"""What may be kept of one page. The calls to etcd on a page of 22 MB have 0.1 MB, 3 MB with their buckets."""

LONGEST_LINE_BYTES = 1024 * 1024
"""A page is taken line by line; what never ends one is no metrics page."""

HEADER = re.compile(rb"\n# (?:(?:HELP|TYPE)[ \t]+([^ \t\n]+)|EOF)")
"""A line that says which family comes now, or that OpenMetrics ends here, which its parser wants to see."""


class Cutter:
    """Keeps of one page the families that are wanted, as bytes that are a page again.

    What it holds are lines with the line feed before them, not after: then a line feed and `#` is where one may
    begin, in the first line, too, and a search for that is quick.
    """

    def __init__(
        self,
        wanted: Iterable[str] | Callable[[str], bool],
        *,
        buckets: bool,
        limit: int = LARGEST_CUT_BYTES,
    ) -> None:
        """`wanted` names families as their headers do; without `buckets` the `_bucket` lines are dropped."""
        self.size = 0
        """The bytes that the page has had so far."""
        self._wanted = wanted if callable(wanted) else frozenset(wanted).__contains__
        self._buckets = buckets
        self._limit = limit
        self._rest = b"\n"
        self._family: bytes | None = None
        self._keep = False
        self._bucket_lines: re.Pattern[bytes] | None = None
        self._kept: list[bytes] = []
        self._room = limit

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the page; raise `BadPage` as soon as it is clear that this is none."""
        self.size += len(chunk)
        arrived = self._rest + chunk
        end = arrived.rindex(b"\n")
        self._rest = arrived[end:]
        if len(self._rest) > LONGEST_LINE_BYTES:
            raise BadPage(f"the page has a line of more than {LONGEST_LINE_BYTES >> 20} MiB; is this a metrics page?")
        self._cut(arrived[:end])

    def finish(self) -> bytes:
        """What was kept; raise `BadPage` when the page breaks off within a line."""
        if self._rest != b"\n":
            raise BadPage("the page breaks off in the middle of a line; what cuts it on the way?")
        return b"".join([*self._kept, b"\n"])[1:] if self._kept else b""

    def _cut(self, lines: bytes) -> None:
        start = 0
        for header in HEADER.finditer(lines):
            self._take(lines, start, header.start())
            start = header.start()
            self._enter(header[1])
        self._take(lines, start, len(lines))

    def _enter(self, family: bytes | None) -> None:
        """Begin a family's block, or go on with it; None is the mark of the page's end."""
        if family is None:
            self._family, self._keep, self._bucket_lines = None, True, None
        elif family != self._family:
            self._family = family
            self._keep = self._wanted(family.decode("utf-8", errors="replace"))
            bucket = rb"(?:\n" + re.escape(family) + rb"_bucket[{ \t][^\n]*)+"
            self._bucket_lines = re.compile(bucket) if self._keep and not self._buckets else None

    def _take(self, lines: bytes, start: int, end: int) -> None:
        if not self._keep or start == end:
            return
        taken = lines[start:end]
        if self._bucket_lines:
            taken = self._bucket_lines.sub(b"", taken)
        self._room -= len(taken)
        if self._room < 0:
            raise BadPage(f"of the page more than {self._limit >> 20} MiB are about etcd; that is too much to read")
        self._kept.append(taken)
