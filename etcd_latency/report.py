"""A run as text: for people as `agent check` would tell it, one column a member; for programs as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from etcd_latency.catalog import NAMESPACE
from etcd_latency.model import Level
from etcd_latency.scoreboard import WORST_FIRST
from etcd_latency.standalone import Metric, Run, ServiceCheck

COLUMNS = {
    "etcd_member": "=== Series ===",
    "apiserver": "=== Series of API servers ===",
    "controller_manager": "=== Series of controller managers ===",
    "": "=== Series of the cluster ===",
}
"""A table for each kind of server, with a column for each value of this tag; what has none of them comes last."""

Row = tuple[tuple[str, ...], dict[str, float]]
"""What tells a series from its siblings, and its value by column."""
Line = tuple[str, str, list[str]]
"""A line of the table: its text, the type of its metric, and a cell a column."""


def as_json(run: Run) -> str:
    """One object on one line."""
    return json.dumps(
        {
            "metrics": [asdict(metric) for metric in run.metrics],
            "service_checks": [asdict(check) for check in run.service_checks],
            "events": list(run.events),
            "errors": list(run.errors),
        }
    )


def as_text(run: Run, *, show_all: bool = False) -> str:
    """Sections as `agent check` has them; labelled series that are 0 everywhere are counted, unless `show_all`."""
    sections = [
        *_tables(run.metrics, show_all=show_all),
        ["=== Service checks ===", *_service_checks(run.service_checks)],
        ["=== Events ===", *(str(event.get("msg_title", event)) for event in run.events)] if run.events else [],
        ["=== Errors ===", *run.errors] if run.errors else [],
        [
            "=== Summary ===",
            f"  Metric samples: {len(run.metrics):,}",
            f"  Service checks: {len(run.service_checks):,}",
            f"  Events:         {len(run.events):,}",
            f"  Errors:         {len(run.errors):,}",
            f"  Run time:       {run.seconds:.3f} s",
        ],
    ]
    text = "\n\n".join("\n".join(section) for section in sections if section)
    # A label of a page may hold what a terminal obeys.
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


def _service_checks(checks: Sequence[ServiceCheck]) -> Iterator[str]:
    for check in sorted(checks, key=lambda check: (WORST_FIRST.index(Level(check.status)), check.name, check.tags)):
        yield f"  {Level(check.status).name:8}  {check.name}  {' '.join(check.tags)}"
        if check.message:
            yield f"            {check.message}"


def _tables(metrics: Sequence[Metric], *, show_all: bool) -> Iterator[list[str]]:
    if not metrics:
        yield [COLUMNS["etcd_member"], "  none"]
    for tag, title in COLUMNS.items():
        belonging = [metric for metric in metrics if _column_tag(metric) == tag]
        if belonging:
            yield [title, *_series(belonging, show_all=show_all)]


def _series(metrics: Sequence[Metric], *, show_all: bool) -> Iterator[str]:
    shared = frozenset.intersection(*(frozenset(metric.tags) for metric in metrics))
    columns = sorted({_column(metric) for metric in metrics})
    lines: list[Line] = [("", "type", columns)]
    for (name, kind), samples in groupby(sorted(metrics, key=_name_and_kind), key=_name_and_kind):
        lines += _block(
            name.removeprefix(f"{NAMESPACE}."), kind, list(_rows(samples, shared)), columns, show_all=show_all
        )
    yield f"  tags of all: {' '.join(sorted(shared)) or 'none'}"
    width = max(len(text) for text, _, _ in lines)
    for text, kind, cells in lines:
        yield f"  {text:<{width}}  {kind:<15}{''.join(f' {cell:>18}' for cell in cells)}".rstrip()


def _block(name: str, kind: str, rows: list[Row], columns: list[str], *, show_all: bool) -> Iterator[Line]:
    """One metric: on one line if nothing but the member tells its series apart, else a line each."""
    if [labels for labels, _ in rows] == [()]:
        yield name, kind, [_number(rows[0][1].get(column)) for column in columns]
        return
    yield name, kind, []
    hidden = 0
    for labels, values in rows:
        if show_all or any(values.values()):
            yield "  " + " ".join(labels), "", [_number(values.get(column)) for column in columns]
        else:
            hidden += len(values)
    if hidden:
        yield f"  {hidden} series at 0 (--all shows them)", "", []


def _rows(samples: Iterable[Metric], shared: frozenset[str]) -> Iterator[Row]:
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for sample in samples:
        labels = tuple(
            sorted(tag for tag in set(sample.tags) - shared if tag.split(":")[0] not in (*COLUMNS, "endpoint"))
        )
        rows.setdefault(labels, {})[_column(sample)] = sample.value
    yield from sorted(rows.items())


def _name_and_kind(metric: Metric) -> tuple[str, str]:
    return metric.name, metric.type


def _column_tag(metric: Metric) -> str:
    keys = {tag.split(":")[0] for tag in metric.tags}
    return next((key for key in COLUMNS if key in keys), "")


def _column(metric: Metric) -> str:
    """The name of the server that a sample is about; of the cluster where it is about none."""
    key = _column_tag(metric) or "etcd_cluster"
    return next((tag.removeprefix(f"{key}:") for tag in metric.tags if tag.startswith(f"{key}:")), "")


def _number(value: float | None) -> str:
    """Twelve digits tell every byte of a terabyte, six are enough of a fraction; a dash is a series that is missing."""
    if value is None:
        return "-"
    return f"{value:,.12g}" if value == int(value) else f"{value:,.6g}"
