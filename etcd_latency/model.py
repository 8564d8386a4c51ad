"""The frozen values that pass from one stage of a run to the next."""

from __future__ import annotations

from dataclasses import dataclass

from etcd_latency.errors import TargetError


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is asked over HTTP in every run; today always an etcd member."""

    name: str
    """What people call it: the value of the tag `etcd_member`."""
    url: str
    """Where its clients connect: the value of the tag `endpoint`."""
    page_url: str
    """Where its metrics page is."""
    tags: tuple[str, ...]
    """The tags of everything that is submitted about it."""

    def __str__(self) -> str:
        return f"{self.name} ({self.url})"


@dataclass(frozen=True, slots=True)
class Page:
    """A metrics page as it came over the wire."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a target gave no page: failure is a value, so that the other targets go on."""

    error: TargetError


Answer = Page | Failure
