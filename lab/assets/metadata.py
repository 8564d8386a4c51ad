"""metadata.csv, which tells Datadog what each metric is: rendered from the catalogue."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from etcd_latency import catalog
from etcd_latency.catalog import NAMESPACE, Family
from etcd_latency.derive.intervals import PERCENTILES, ROUND_TRIP

METADATA = Path("assets/metadata.csv")
SOURCES = ("etcd", "go", "apiserver", "controller_manager", "check")


class Row(NamedTuple):
    """A line of metadata.csv; the field names are its columns."""

    metric_name: str
    metric_type: str
    interval: str = ""
    unit_name: str = ""
    per_unit_name: str = ""
    description: str = ""
    orientation: str = "0"
    integration: str = NAMESPACE
    short_name: str = ""
    curated_metric: str = ""
    sample_tags: str = ""


def rows() -> list[Row]:
    """One row for every metric that the check can emit with its default histogram options, by name.

    Families of the page that are only forwarded have names that nobody knows before they are found.
    """
    catalogues = [catalog.load(source) for source in SOURCES]
    # Where versions of a server have several families for one metric, the newest describes it.
    families = {family.name: family for one in catalogues for family in reversed(one.families)}
    forwards = [one.forward for one in catalogues if one.forward]
    counted = [_row(f"{NAMESPACE}.{forward.families}", "gauge", "", forward.help) for forward in forwards]
    return sorted([row for family in families.values() for row in _rows(family)] + counted)


def _rows(family: Family) -> Iterator[Row]:
    name, unit = f"{NAMESPACE}.{family.name}", family.unit or ""
    if family.kind == "gauge":
        yield _row(name, "gauge", unit, family.help)
    elif family.kind == "counter":
        yield _row(f"{name}.count", "count", unit, family.help)
    else:
        yield _row(f"{name}.count", "count", "", f"How many observations: {family.help}")
        yield _row(f"{name}.sum", "count", unit, f"Sum of the observations: {family.help}")
    if family.kind == "histogram":
        yield from _derived(family)
    if family.kind == "summary":
        yield _row(f"{name}.quantile", "gauge", unit, f"By quantile: {family.help}")


def _derived(family: Family) -> Iterator[Row]:
    """What follows from two pages with a histogram: its mean and percentiles; of peers' round trips the mean alone."""
    name, unit = f"{NAMESPACE}.{family.name}", family.unit or ""
    yield _row(f"{name}.avg", "gauge", unit, f"Exact mean of the observations since the last page: {family.help}")
    if family.exposed == ROUND_TRIP:
        return
    for suffix, share in PERCENTILES.items():
        yield _row(f"{name}.{suffix}", "gauge", unit, f"{_percentile(share)}: {family.help}")


def _percentile(share: float) -> str:
    """Where the buckets cannot tell a percentile, a tag says so (etcd_latency.derive.histograms.Resolution)."""
    edges = "resolution:floor maybe far less, resolution:ceiling maybe far more"
    return f"{share:.0%} of the observations since the last page were at most this ({edges})"


def _row(name: str, kind: str, unit: str, description: str) -> Row:
    short = name.removeprefix(f"{NAMESPACE}.").replace(".", " ").replace("_", " ")
    return Row(name, kind, unit_name=unit, description=description, short_name=short)


def rendered() -> str:
    """The text of metadata.csv."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(Row._fields)
    table.writerows(rows())
    return text.getvalue()
