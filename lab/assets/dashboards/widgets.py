"""Each kind of widget, as Datadog takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

from etcd_latency.catalog import NAMESPACE
from lab.assets.dashboards import metrics
from lab.assets.dashboards.formulas import Queries, Shown
from lab.assets.dashboards.grid import Size
from lab.assets.dashboards.limits import Json, Limits
from lab.assets.monitors import TAG
from lab.process import LabError

NOTE_LETTERS, NOTE_LINES = 13, 4
"""How many letters are in a column of the grid, and how many lines in one of its own, on a small screen."""


@dataclass(frozen=True, slots=True)
class Widget:
    """One widget, as the sources have it; what a kind has no use for stays empty."""

    kind: str
    title: str
    of: Mapping[str, Shown] = field(default_factory=dict)
    """What it shows, by what that is called."""
    limit: str = ""
    """The monitor whose thresholds are lines, or colours."""
    palette: str = "dog_classic"
    service_check: str = ""
    by: Sequence[str] = ()
    """What a service check is grouped by, beside the cluster."""
    width: int | None = None

    @classmethod
    def of_entry(cls, entry: Mapping[str, Any]) -> Widget:
        """From a mapping in which the kind has the title as its value."""
        kinds = [key for key in entry if key in KINDS]
        if len(kinds) != 1:
            raise LabError(f"{dict(entry)}: a widget has one of {', '.join(KINDS)}, with its title")
        rest = {key: value for key, value in entry.items() if key not in {*kinds, "of"}}
        shown = {alias: Shown.of(one) for alias, one in entry.get("of", {}).items()}
        return cls(kinds[0], entry[kinds[0]], of=shown, **rest)

    @property
    def size(self) -> Size:
        """What it asks for of the grid."""
        return Size(KINDS[self.kind].height, self.width)

    def definition(self, limits: Limits) -> Json:
        """What Datadog takes, without its place."""
        return KINDS[self.kind].render(self, limits)


def note_height(content: str, width: int) -> int:
    """How many lines of the grid a text needs."""
    lines = sum(ceil((len(line) or 1) / (NOTE_LETTERS * width)) for line in content.splitlines())
    return ceil(lines / NOTE_LINES)


def note(content: str, colour: str) -> Json:
    """A text; the only widget without a title."""
    return {
        "type": "note",
        "content": content,
        "background_color": colour,
        "font_size": "14",
        "text_align": "left",
        "vertical_align": "top",
        "show_tick": False,
        "tick_pos": "50%",
        "tick_edge": "left",
        "has_padding": True,
    }


def _graph(display: str) -> Callable[[Widget, Limits], Json]:
    def render(widget: Widget, limits: Limits) -> Json:
        style = {"palette": widget.palette, "line_type": "solid", "line_width": "normal"}
        request, helps = _request(widget, limits)
        return _titled("timeseries", widget, helps) | {
            "show_legend": True,
            "legend_layout": "auto",
            "legend_columns": ["avg", "max", "value"],
            "requests": [request | {"display_type": display, "style": style}],
            "yaxis": {"include_zero": True, "scale": "linear", "label": "", "min": "auto", "max": "auto"},
            "markers": limits[widget.limit].lines() if widget.limit else [],
        }

    return render


def _value(widget: Widget, limits: Limits) -> Json:
    request, helps = _request(widget, limits, scalar=True)
    return _titled("query_value", widget, helps) | {
        "requests": [request | _colours(widget.limit, limits)],
        "autoscale": True,
        "precision": 2,
        "timeseries_background": {"type": "area", "yaxis": {"include_zero": True}},
    }


def _toplist(widget: Widget, limits: Limits) -> Json:
    request, helps = _request(widget, limits, scalar=True)
    return _titled("toplist", widget, helps) | {
        "requests": [request | _colours(widget.limit, limits) | _sorted("desc", rows=20)],
        "style": {"display": {"type": "flat"}, "scaling": "relative"},
    }


def _table(widget: Widget, limits: Limits) -> Json:
    request, _ = _request(widget, limits, scalar=True)
    columns = [
        formula | {"cell_display_mode": "number"} | _colours(shown.limit, limits)
        for formula, shown in zip(request["formulas"], widget.of.values(), strict=True)
    ]
    first = next(iter(widget.of.values())).limit
    order = limits[first].worst_first if first else "desc"
    return _titled("query_table", widget) | {
        "requests": [request | {"formulas": columns} | _sorted(order, rows=100)],
        "has_search_bar": "never",
    }


def _check(widget: Widget, _: Limits) -> Json:
    return _titled("check_status", widget) | {
        "check": f"{NAMESPACE}.{widget.service_check}",
        "grouping": "cluster",
        "group_by": [metrics.CLUSTER, *widget.by],
        "tags": [f"${name}" for name in metrics.variables(widget.service_check)],
    }


def _monitors(widget: Widget, _: Limits) -> Json:
    return _titled("manage_status", widget) | {
        "query": f'tag:"{TAG}" group:${metrics.CLUSTER}',
        "summary_type": "monitors",
        "display_format": "countsAndList",
        "color_preference": "text",
        "sort": "status,asc",
        "hide_zero_counts": True,
        "show_last_triggered": True,
        "show_priority": False,
    }


def _events(widget: Widget, _: Limits) -> Json:
    query = {"data_source": "event_stream", "query_string": f"source:{NAMESPACE} ${metrics.CLUSTER}", "event_size": "s"}
    return _titled("list_stream", widget) | {
        "requests": [{"response_format": "event_list", "query": query, "columns": []}]
    }


def _titled(kind: str, widget: Widget, helps: str = "") -> Json:
    """What all begin with; the help is shown where one hovers over the title."""
    title = {"type": kind, "title": widget.title, "title_size": "16", "title_align": "left"}
    return title | ({"description": helps} if helps else {})


def _colours(limit: str, limits: Limits) -> Json:
    return {"conditional_formats": limits[limit].colours()} if limit else {}


def _sorted(order: str, rows: int) -> Json:
    return {"sort": {"count": rows, "order_by": [{"type": "formula", "index": 0, "order": order}]}}


def _request(widget: Widget, limits: Limits, *, scalar: bool = False) -> tuple[Json, str]:
    """What is asked for, and what its metrics tell."""
    queries = Queries(limits, scalar)
    formulas = [queries.formula(alias, shown) for alias, shown in widget.of.items()]
    request = {
        "response_format": "scalar" if scalar else "timeseries",
        "queries": queries.definitions(),
        "formulas": formulas,
    }
    return request, metrics.helps(queries.metrics)


class Kind(NamedTuple):
    """How a kind of widget is made, and how high it is."""

    render: Callable[[Widget, Limits], Json]
    height: int


KINDS: Mapping[str, Kind] = {
    "lines": Kind(_graph("line"), 3),
    "area": Kind(_graph("area"), 3),
    "bars": Kind(_graph("bars"), 3),
    "value": Kind(_value, 2),
    "toplist": Kind(_toplist, 3),
    "table": Kind(_table, 4),
    "check": Kind(_check, 2),
    "monitors": Kind(_monitors, 4),
    "events": Kind(_events, 6),
}
