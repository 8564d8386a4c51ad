"""Assets that are fine, and each way in which one is not: told at its place, in these words."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from lab.datadog import openapi, schema
from lab.datadog.problems import Problem
from lab.datadog.schema import Kind, problems, read
from lab.process import LabError

LAYOUT = {"x": 0, "y": 0, "width": 6, "height": 2}
QUERIES = [{"data_source": "metrics", "name": "used", "query": "max:etcd_latency.mvcc.db.quota.used{$etcd_cluster}"}]
TIMESERIES = {
    "type": "timeseries",
    "title": "Quota used",
    "time": {"live_span": "1h"},
    "requests": [
        {
            "response_format": "timeseries",
            "queries": QUERIES,
            "formulas": [{"formula": "used", "alias": "used", "number_format": {"unit": {"type": "canonical_unit"}}}],
            "display_type": "line",
        }
    ],
}
NOTE = {"type": "note", "content": "Read this first.", "background_color": "white"}
BOARD: dict[str, Any] = {
    "title": "etcd latency: overview",
    "description": "Can it write, and is it slow?",
    "layout_type": "ordered",
    "reflow_type": "fixed",
    "tags": ["team:storage"],
    "template_variables": [{"name": "etcd_cluster", "prefix": "etcd_cluster", "defaults": ["*"]}],
    "widgets": [
        {"definition": NOTE, "layout": LAYOUT},
        {
            "definition": {
                "type": "group",
                "title": "Writes",
                "layout_type": "ordered",
                "widgets": [{"definition": TIMESERIES, "layout": LAYOUT}],
            },
            "layout": {"x": 0, "y": 2, "width": 12, "height": 3},
        },
    ],
}
TAGS = ["integration:etcd-latency"]
ALERT: dict[str, Any] = {
    "version": 2,
    "created_at": "2026-11-21",
    "last_updated_at": "2026-11-21",
    "title": "Database nearly full",
    "description": "Above its quota etcd takes no more writes.",
    "tags": TAGS,
    "definition": {
        "name": "[etcd latency] Database nearly full",
        "type": "query alert",
        "query": "avg(last_5m):max:etcd_latency.mvcc.db.quota.used{*} by {etcd_cluster} > 0.8",
        "message": "Compact and defragment.",
        "tags": TAGS,
        "priority": 2,
        "options": {
            "thresholds": {"critical": 0.8, "warning": 0.7},
            "on_missing_data": "default",
            "renotify_statuses": ["alert"],
        },
    },
}
CHECK: dict[str, Any] = ALERT | {
    "definition": {
        **ALERT["definition"],
        "type": "service check",
        "query": '"etcd_latency.quorum".over("*").by("etcd_cluster").last(4).count_by_status()',
        "options": {"thresholds": {"critical": 3, "warning": 3, "ok": 2}, "notify_no_data": False},
    },
}
GROUP = "widgets[1].definition"
SERIES = f"{GROUP}.widgets[0].definition"
REQUEST = f"{SERIES}.requests[0]"
OPTIONS = "definition.options"
NOT_OURS = "does not belong into an asset: Datadog sets it in the account that imports it"
NO_PREFIX = "does not begin with the integration, as in '[etcd latency] No leader'"
LIVE = "1m 5m 10m 15m 30m 1h 4h 1d 2d 1w 1mo 3mo 6mo week_to_date month_to_date 1y alert"
SPANS = ", ".join(f'"{span}"' for span in LIVE.split())
AGGREGATORS = '"avg", "min", "max", "sum", "last", "area", "l2norm", "percentile"'
UNITS = '"canonical_unit", "custom_unit_label"'
MISSING = '"default", "show_no_data", "show_and_notify_no_data", "resolve"'
GONE = object()


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with another value at this path, or without it."""
    copy = deepcopy(document)
    *steps, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]
    place: Any = copy
    for step in steps:
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return copy


@pytest.mark.parametrize(
    ("kind", "document"),
    [("dashboard", BOARD), ("monitor", ALERT), ("monitor", CHECK)],
    ids=["board", "alert", "check"],
)
def test_what_is_fine_has_no_problems(kind: Kind, document: dict[str, Any]) -> None:
    """Else the tests below would show nothing."""
    assert problems(kind, document) == []


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("titel", "x", "no such key; did you mean title?"),
        ("title", GONE, "is missing"),
        ("title", " ", "says nothing"),
        ("description", GONE, "is missing"),
        ("template_variables", GONE, "is missing"),
        ("template_variables", [], "has 0 entries, less than 1"),
        ("template_variables[0].default", "*", "is deprecated"),
        ("template_variables[0].defaults[0]", "", "has 0 characters, less than 1"),
        ("layout_type", "free", '"free" is not "ordered"'),
        ("reflow_type", "fluid", '"fluid" is none of "auto", "fixed"'),
        ("id", "abc-def-ghi", NOT_OURS),
        ("author_handle", "someone@example.com", NOT_OURS),
        ("url", "/dashboard/abc", NOT_OURS),
        ("tags[0]", "integration:etcd", "is no team; Datadog refuses other tags of a dashboard"),
        ("widgets", [], "has 0 entries, less than 1"),
        ("widgets[0].layout", GONE, "is missing"),
        ("widgets[0].definition.type", "notes", '"notes" is none of 42 values; near are "note"'),
        ("widgets[0].definition.type", GONE, "is missing"),
        ("widgets[0].definition.content", GONE, "is missing"),
        ("widgets[0].definition.contents", "x", "no such key; did you mean content?"),
        ("widgets[1].layout.width", "12", '"12" is not a whole number'),
        ("widgets[1].layout.width", -1, "-1 is less than 0"),
        ("widgets[1].layout.height", GONE, "is missing"),
        (f"{GROUP}.widgets", {}, "{} is not a list"),
        (f"{SERIES}.autoscale", True, "no such key"),
        (f"{SERIES}.show_legend", "yes", '"yes" is not true or false'),
        (f"{SERIES}.time.live_span", "2h", f'"2h" is none of {SPANS}'),
        (f"{SERIES}.time.live_spam", "1h", "no such key; did you mean live_span?"),
        (f"{SERIES}.time.type", "alive", '"alive" is none of "fixed", "live"'),
        (f"{REQUEST}.q", "avg:system.load.1{*}", "is deprecated"),
        (f"{REQUEST}.display_type", "lines", '"lines" is none of "area", "bars", "line", "overlay"'),
        (f"{REQUEST}.queries[0].aggregator", "avgs", f'"avgs" is none of {AGGREGATORS}'),
        (
            f"{REQUEST}.queries[0].data_source",
            "metric",
            '"metric" is none of 26 values; near are "metrics", "apm_metrics"',
        ),
        (f"{REQUEST}.queries[0].name", GONE, "is missing"),
        (f"{REQUEST}.formulas[0].formula", 1, "1 is not a text"),
        (f"{REQUEST}.formulas[0].number_format.unit.type", "unit", f'"unit" is none of {UNITS}'),
    ],
)
def test_a_broken_board_is_told_where_it_is_broken(path: str, value: object, text: str) -> None:
    """Also deep inside a group, where a union of 43 widgets would otherwise say that none of them fits."""
    assert problems("dashboard", changed(BOARD, path, value)) == [Problem(path, text)]


@pytest.mark.parametrize(
    ("document", "path", "value", "text"),
    [
        (ALERT, "version", 1, "1 is not 2"),
        (ALERT, "created_at", "21.11.2026", "is not a date such as 2026-11-21"),
        (ALERT, "title", GONE, "is missing"),
        (ALERT, "description", "x" * 301, "has 301 characters, more than 300"),
        (ALERT, "tags", ["etcd"], "lacks the tag integration:etcd-latency"),
        (ALERT, "tags", [*TAGS, *TAGS], "has a tag twice"),
        (ALERT, "recommended_monitor_metadata", {}, "no such key"),
        (ALERT, "definition.id", 5, NOT_OURS),
        (ALERT, "definition.priority", GONE, "is missing"),
        (ALERT, "definition.priority", 6, "6 is more than 5"),
        (ALERT, "definition.message", "", "says nothing"),
        (ALERT, "definition.name", "Database nearly full", NO_PREFIX),
        (ALERT, "definition.query", "avg(last_5m):max:a{*}", "does not end in a comparison such as '> 0.5'"),
        (ALERT, "definition.type", "metric alert", '"metric alert" is none of "query alert", "service check"'),
        (ALERT, "definition.restriction_policy", {"bindings": []}, "no such key; did you mean restricted_roles?"),
        (ALERT, f"{OPTIONS}.thresholds", GONE, "is missing"),
        (ALERT, f"{OPTIONS}.thresholds.critical", GONE, "is missing"),
        (ALERT, f"{OPTIONS}.thresholds.critical", "0.8", '"0.8" is not a number'),
        (ALERT, f"{OPTIONS}.thresholds.warnings", 0.7, "no such key; did you mean warning?"),
        (ALERT, f"{OPTIONS}.thresholds.ok", 0, "is for service checks; a query alert has critical_recovery"),
        (ALERT, f"{OPTIONS}.notify_no_data", False, "is for service checks; a query alert has on_missing_data"),
        (ALERT, f"{OPTIONS}.on_missing_data", "show", f'"show" is none of {MISSING}'),
        (ALERT, f"{OPTIONS}.new_host_delay", 300, "is deprecated"),
        (ALERT, f"{OPTIONS}.renotify_interval", "0", '"0" is not a whole number or null'),
        (ALERT, f"{OPTIONS}.renotify_statuses[0]", "warning", '"warning" is none of "alert", "warn", "no data"'),
        (ALERT, f"{OPTIONS}.avalanche_window", 20, "no such key"),
        (CHECK, "definition.query", '"a".over("*").last(4)', "does not end in .count_by_status()"),
        (CHECK, f"{OPTIONS}.on_missing_data", "default", "is for query alerts; a service check has notify_no_data"),
        (CHECK, f"{OPTIONS}.thresholds.ok", GONE, "is missing"),
    ],
)
def test_a_broken_monitor_is_told_where_it_is_broken(
    document: dict[str, Any], path: str, value: object, text: str
) -> None:
    """What Datadog's API refuses, and what an asset may not have though the API takes it."""
    assert problems("monitor", changed(document, path, value)) == [Problem(path, text)]


def test_problems_come_in_the_order_of_the_lists() -> None:
    """Widget 10 stands behind widget 2, and each problem is told once though two schemas may find it."""
    board = changed(BOARD, "widgets", [{"definition": NOTE | {"content": 1}, "layout": LAYOUT}] * 11)
    assert [str(problem) for problem in problems("dashboard", board)] == [
        f"widgets[{number}].definition.content: 1 is not a text" for number in range(11)
    ]


@pytest.mark.parametrize(("kind", "document"), [("dashboard", []), ("monitor", None)])
def test_what_is_no_object_at_all_is_told(kind: Kind, document: object) -> None:
    assert [str(problem) for problem in problems(kind, document)] == [
        f"the document: {json.dumps(document)} is not an object"
    ]


def test_of_several_forms_the_nearest_is_told() -> None:
    """Where no value tells the forms of a union apart: a list or an object, a source that has another shape."""
    query = {"data_source": "logs", "name": "used", "compute": {"aggregation": "count"}, "group_by": 5}
    board = changed(BOARD, f"{REQUEST}.queries[0]", query)
    text = "5 is not a list, and 5 is not an object"
    assert problems("dashboard", board) == [Problem(f"{REQUEST}.queries[0].group_by", text)]
    board = changed(BOARD, f"{REQUEST}.queries[0]", query | {"group_by": [{"facet": "host", "limits": 3}]})
    text = "no such key; did you mean limit?"
    assert problems("dashboard", board) == [Problem(f"{REQUEST}.queries[0].group_by[0].limits", text)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n"a": 1,\n"b": {"a": 2},\n"a": 3\n}', "line 4: the key 'a' stands twice in one object: remove one of them"),
        ('{"a": [{"b": 1},\n{"b": 1, "\\u0062": 2}]}', "line 2: the key 'b' stands twice"),
        ('{\n"a": NaN}', "line 2: NaN is no number in JSON"),
        ("[1,\n\n-Infinity]", "line 3: -Infinity is no number in JSON"),
        ('{"a": 1,\n}', "line 2: this is not JSON: "),
        ("", "line 1: this is not JSON: "),
    ],
)
def test_a_file_that_says_things_twice_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """Python would take the last of two keys, and NaN, without a word."""
    path = tmp_path / "board.json"
    path.write_text(text)
    with pytest.raises(LabError, match=f"^{re.escape(f'{path}, {told}')}"):
        read(path)


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    """Quotes, braces and colons inside texts are no structure, and a key may stand in many objects."""
    document = [{"a": '{"a": NaN, "a": \\'}, {"a": {"a": ["a", "a", -1.5e3, None, True]}}, {}]
    path = tmp_path / "board.json"
    path.write_text(json.dumps(document, indent=1))
    assert read(path) == document


@pytest.mark.parametrize("kind", schema.ROOTS)
def test_the_schemas_say_what_they_derive_from(kind: str) -> None:
    """The version that the code pins is the one of the committed files, and of what README.md says."""
    derived = read(schema.FOLDER / f"{kind}.json")
    assert derived["$comment"] == f"From {openapi.PACKAGE} {openapi.VERSION}, {openapi.MEMBER}"
    assert f"`{openapi.PACKAGE}` {openapi.VERSION}" in (schema.FOLDER / "README.md").read_text()


def test_every_rule_of_an_asset_is_about_a_key_that_datadog_has() -> None:
    """A rule about a key that was renamed would silently hold no more."""
    for kind, rules, path in (
        ("dashboard", read(schema.FOLDER / "dashboard_asset.json"), "Dashboard"),
        ("monitor", read(schema.FOLDER / "monitor_asset.json")["$defs"]["definition"], "Monitor"),
    ):
        known = read(schema.FOLDER / f"{kind}.json")["$defs"][path]["properties"]
        assert rules["properties"].keys() - known.keys() == set()


def test_rendering_is_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted, so that another version of Datadog's file shows as what changed in it."""
    components = {root: {"type": "object", "properties": {"b": {}, "a": {}}} for root in schema.ROOTS.values()}
    monkeypatch.setattr(openapi, "components", lambda: components)
    monkeypatch.setattr(schema, "FOLDER", tmp_path)
    schema.render()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dashboard.json", "monitor.json"]
    text = (tmp_path / "monitor.json").read_text()
    assert text.startswith('{\n "$comment": "From datadog-api-client ')
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")
