"""What a scraper makes of the families of a page, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from prometheus_client import Metric

from etcd_latency.scrape import lines
from etcd_latency.scrape.lines import NO_LINES, Column, Irregular, Text
from etcd_latency.scrape.replay import Note, Replay, Route, Submitter

Learn = Callable[[bytes], Sequence[Note]]
"""Says what becomes of a series, by what its line begins with; raises `Irregular` where base must read it."""


class Declared(NamedTuple):
    """A family as a page declares it."""

    family: str
    kind: str

    def metric(self, *heads: bytes) -> Metric:
        """It as base's parser has it, with these samples.

        Raises `ValueError` for a kind that there is not, `Irregular` for samples that are not written as usual.
        """
        name = self.family.removesuffix("_total") if self.kind == "counter" else self.family
        metric = Metric(name, "", self.kind or "untyped")
        metric.samples = [lines.sample(head, self.family, self.kind) for head in heads]
        return metric


class Family(Protocol):
    """A family of a page that base need not read."""

    column: Column
    """Its lines on the last page."""

    def read(self, text: Text) -> None:
        """Take in a page's lines of it; raises `Irregular` where base must read them."""

    def submit(self, submitter: Submitter) -> None:
        """Submit what was read."""


class Replayed:
    """A family each of whose series is submitted by itself."""

    __slots__ = ("_replay", "column")

    def __init__(self, learn: Learn) -> None:
        self.column = NO_LINES
        self._replay = Replay(learn)

    def read(self, text: Text) -> None:
        column = lines.column(text.lines(), self.column.heads)
        self._replay.arrange(column.heads.texts)
        self.column = column

    def submit(self, submitter: Submitter) -> None:
        self._replay.submit(self.column.values, submitter)

    @property
    def routes(self) -> Sequence[Route]:
        """Where the values of its lines go."""
        return self._replay.routes


class Unreplayable:
    """A family of which base must read every page."""

    column = NO_LINES

    def read(self, _: Text) -> None:
        raise Irregular

    def submit(self, _: Submitter) -> None:
        """Base has done it."""


class Unwanted:
    """A family that nobody wants, unless something else stands among its lines."""

    __slots__ = ("_begins", "column")

    def __init__(self, declared: Declared) -> None:
        self.column = NO_LINES
        endings = lines.ENDINGS.get(declared.kind, ("",))
        self._begins = tuple(f"{declared.family}{ending}{after}".encode() for ending in endings for after in "{ ")

    def read(self, text: Text) -> None:
        if not all(line.startswith(self._begins) for line in text.lines()):
            raise Irregular

    def submit(self, _: Submitter) -> None:
        """Nobody wants it."""
