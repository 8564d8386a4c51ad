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

Kind = Literal["gauge", "counter", "histogram", "summary"]


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

    @property
    def parsed(self) -> str:
        """Its name after parsing: OpenMetrics takes the suffix off a counter."""
        return self.exposed.removesuffix("_total") if self.kind == "counter" else self.exposed


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One catalogue file."""

    families: tuple[Family, ...]
    left_out: dict[str, str]
    """Families that are known and deliberately not collected, with the reason."""


@cache
def load(source: str) -> Catalogue:
    """Read `<source>.yaml`: `etcd`, or `go` for the runtime of a Go program."""
    raw = yaml.safe_load(files(__name__).joinpath(f"{source}.yaml").read_text(encoding="utf-8"))
    families = tuple(
        Family(exposed, entry["name"], entry["kind"], entry.get("unit"), entry["help"])
        for exposed, entry in raw["families"].items()
    )
    return Catalogue(families, raw.get("left_out", {}))


def metrics_option(families: Iterable[Family]) -> list[dict[str, Any]]:
    """The families as base's OpenMetrics V2 option `metrics`.

    The kind is ours, not the page's: a family keeps its meaning when a version of etcd declares it anew.
    """
    return [{family.parsed: {"name": family.name, "type": family.kind} for family in families}]
