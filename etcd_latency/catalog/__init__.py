"""Which metric families are collected and what they are called: the YAML files beside this module, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

NAMESPACE = "etcd_latency"
"""What every metric and service check of ours begins with, followed by a dot."""

ASKED_BY_BASE = ("process_start_time_seconds", "target_info")
"""Families that base itself reads, for its options `use_process_start_time` and `target_info`."""

Kind = Literal["gauge", "counter", "histogram", "summary"]
Combine = Literal["sum", "max"]
Labels = tuple[tuple[str, str], ...]
"""The page's label and our tag, pair by pair."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family of a page and what it becomes."""

    exposed: str
    """Its name on the page."""
    name: str
    """Our name, without the namespace and without the suffixes that base adds (`.count`, `.sum`, `.quantile`)."""
    kind: Kind
    unit: str | None
    """A Datadog unit, or None where none fits."""
    help: str
    labels: Labels = ()
    """Of a summed family: the labels that become tags always."""
    detail: Labels = ()
    """Of a summed family: the labels that become tags when detail is asked for."""
    combine: Combine = "sum"
    """How several series of a gauge become one."""
    unknown: float | None = None
    """A value that stands for none."""

    @property
    def parsed(self) -> str:
        """Its name after parsing: OpenMetrics takes the suffix off a counter."""
        return self.exposed.removesuffix("_total") if self.kind == "counter" else self.exposed


@dataclass(frozen=True, slots=True)
class Forward:
    """Families that are submitted as they are found, known by the beginning of their names."""

    prefix: str
    name: str
    """What our names of them begin with, followed by a dot."""
    families: str
    """Our name of the gauge that tells how many there are."""
    help: str
    """What that gauge tells an operator."""
    labels: Labels = ()
    """The labels whose tags have another name than they."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One catalogue file."""

    families: tuple[Family, ...]
    """Of families with one name, the first that a page has counts."""
    left_out: dict[str, str]
    """Families that are known and deliberately not collected, with the reason."""
    server: str = ""
    """What the server of a summed page is called."""
    mark: str = ""
    """A pattern for what begins a line in every page of that server."""
    forward: Forward | None = None


@cache
def load(source: str) -> Catalogue:
    """Read `<source>.yaml`: for a page, or `go` for a Go program's runtime, or `check` for what is on no page."""
    raw = yaml.safe_load(files(__name__).joinpath(f"{source}.yaml").read_text(encoding="utf-8"))
    forward = raw.get("forward")
    return Catalogue(
        families=tuple(_family(exposed, entry) for exposed, entry in raw["families"].items()),
        left_out=raw.get("left_out", {}),
        server=raw.get("server", ""),
        mark=raw.get("mark", ""),
        forward=Forward(**{**forward, "labels": _labels(forward, "labels")}) if forward else None,
    )


def _family(exposed: str, entry: dict[str, Any]) -> Family:
    return Family(
        exposed,
        entry["name"],
        entry["kind"],
        entry.get("unit"),
        entry["help"],
        labels=_labels(entry, "labels"),
        detail=_labels(entry, "detail"),
        combine=entry.get("combine", "sum"),
        unknown=entry.get("unknown"),
    )


def _labels(entry: dict[str, Any], key: str) -> Labels:
    return tuple(entry.get(key, {}).items())


def metrics_option(families: Iterable[Family]) -> list[dict[str, Any]]:
    """The families as base's OpenMetrics V2 option `metrics`.

    The kind is ours, not the page's: a family keeps its meaning when a version of etcd declares it anew.
    """
    return [{family.parsed: {"name": family.name, "type": family.kind} for family in families}]
