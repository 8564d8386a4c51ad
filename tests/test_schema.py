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
from tests.test_catalog import UNITS as UNITS_OF_METRICS

LAYOUT = {"x": 0, "y": 0, "width": 6, "height": 2}
QUERIES = [{"data_source": "metrics", "name": "used", "query": "max:etcd_latency.mvcc.db.quota.used{$etcd_cluster}"}]
UNIT = {"type": "canonical_unit", "unit_name": "fraction"}
TIMESERIES = {
    "type": "timeseries",
    "title": "Quota used",
    "time": {"live_span": "1h"},
    "yaxis": {"scale": "linear", "min": "auto", "max": "auto"},
    "markers": [{"value": "y = 0.8", "display_type": "error dashed"}],
    "custom_links": [{"label": "Runbook", "link": "https://example.com/runbook"}],
    "requests": [
        {
            "response_format": "timeseries",
            "queries": QUERIES,
            "formulas": [{"formula": "used", "alias": "used", "number_format": {"unit": UNIT}}],
            "display_type": "line",
            "style": {"palette": "warm"},
        }
    ],
}
VALUE = {
    "type": "query_value",
    "title": "Quota used",
    "requests": [
        {
            "response_format": "scalar",
            "queries": [QUERIES[0] | {"aggregator": "last"}],
            "formulas": [{"formula": "used", "alias": "used"}],
        }
    ],
}
STATUS = {
    "type": "check_status",
    "title": "Quorum",
    "check": "etcd_latency.quorum",
    "grouping": "cluster",
    "group_by": ["etcd_cluster"],
    "tags": ["$etcd_cluster"],
}
MONITORS = {
    "type": "manage_status",
    "title": "Monitors",
    "query": 'tag:"integration:etcd-latency" group:$etcd_cluster',
    "sort": "status,asc",
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
            "thresholds": {"critical": 0.8, "warning": 0.7, "critical_recovery": 0.75, "warning_recovery": 0.65},
            "include_tags": False,
            "new_group_delay": 300,
            "notify_audit": False,
            "renotify_interval": 60,
            "renotify_statuses": ["alert"],
            "on_missing_data": "default",
            "require_full_window": False,
        },
    },
}
CHECK: dict[str, Any] = ALERT | {
    "definition": {
        **ALERT["definition"],
        "type": "service check",
        "query": '"etcd_latency.quorum".over("*").by("etcd_cluster").last(4).count_by_status()',
        "options": {
            "thresholds": {"critical": 3, "warning": 3, "ok": 2},
            "include_tags": False,
            "new_group_delay": 300,
            "notify_audit": False,
            "renotify_interval": 0,
            "notify_no_data": False,
        },
    },
}
GROUP = "widgets[1].definition"
SERIES = f"{GROUP}.widgets[0].definition"
REQUEST = f"{SERIES}.requests[0]"
OPTIONS = "definition.options"
NOT_OUR_MONITORS = 'does not begin with tag:"integration:etcd-latency", which our monitors have'
NOT_OURS = "does not belong into an asset: Datadog sets it in the account that imports it"
NO_TAG = "is no tag as Datadog keeps it: small letters first, then digits and _ - : . / as well"
NO_PREFIX = "does not begin with the integration, as in '[etcd latency] No leader'"


def quoted(words: str) -> str:
    """Each in quotes, as the errors list what there is to choose from."""
    return ", ".join(f'"{word}"' for word in words.split())


SPANS = quoted("1m 5m 10m 15m 30m 1h 4h 1d 2d 1w 1mo 3mo 6mo week_to_date month_to_date 1y alert")
AGGREGATORS = '"avg", "min", "max", "sum", "last", "area", "l2norm", "percentile"'
UNITS = '"canonical_unit", "custom_unit_label"'
OURS = quoted(
    "byte connection core day error event file fraction item key message millisecond object operation percent request "
    "second thread transaction"
)
PALETTES = quoted("blue classic cool dog_classic gray green grey orange purple red semantic warm yellow")
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
        ("reflow_type", "auto", "must be fixed: with auto, widgets have no layout"),
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
        ("widgets[1].layout.width", 13, "13 is more than 12"),
        ("widgets[1].layout.height", GONE, "is missing"),
        ("widgets[1].layout.height", 0, "is nothing to be seen"),
        ("widgets[0].definition.content", "", "says nothing"),
        ("widgets[0].definition.background_color", "whitish", "is no colour of Datadog's"),
        ("widgets[0].definition.font_size", "big", "is no size such as 16"),
        ("widgets[0].definition.tick_pos", "half", "is no percentage such as 50%"),
        (f"{GROUP}.title", GONE, "is missing"),
        (f"{GROUP}.widgets", [], "has 0 entries, less than 1"),
        (f"{GROUP}.widgets[0].layout", GONE, "is missing"),
        (f"{GROUP}.widgets", {}, "{} is not a list"),
        (f"{SERIES}.autoscale", True, "no such key"),
        (f"{SERIES}.title", GONE, "is missing"),
        (f"{SERIES}.requests", GONE, "is missing"),
        (f"{SERIES}.requests", [], "has 0 entries, less than 1"),
        (f"{SERIES}.yaxis.scale", "linar", "is none of linear, log, sqrt, and pow with a number"),
        (f"{SERIES}.yaxis.max", "much", "is neither auto nor a number"),
        (f"{SERIES}.markers[0].value", "y == 1", "is neither 'y = 1' nor '0 < y < 1'"),
        (f"{SERIES}.markers[0].display_type", "red", "is not a severity with a line, as in 'error dashed'"),
        (f"{SERIES}.custom_links[0].link", GONE, "is missing"),
        (f"{SERIES}.show_legend", "yes", '"yes" is not true or false'),
        (f"{SERIES}.time.live_span", "2h", f'"2h" is none of {SPANS}'),
        (f"{SERIES}.time.live_spam", "1h", "no such key; did you mean live_span?"),
        (f"{SERIES}.time.type", "alive", '"alive" is none of "fixed", "live"'),
        (f"{REQUEST}.q", "avg:system.load.1{*}", "is deprecated"),
        (f"{REQUEST}.display_type", "lines", '"lines" is none of "area", "bars", "line", "overlay"'),
        (
            f"{REQUEST}.queries[0].data_source",
            "metric",
            '"metric" is none of 26 values; near are "metrics", "apm_metrics"',
        ),
        (f"{REQUEST}.queries", GONE, "is missing"),
        (f"{REQUEST}.queries", [], "has 0 entries, less than 1"),
        (f"{REQUEST}.queries[0].name", GONE, "is missing"),
        (f"{REQUEST}.queries[0].name", "the query", "is no name that a formula can have"),
        (f"{REQUEST}.queries[0].query", " ", "says nothing"),
        (f"{REQUEST}.queries[0].aggregator", "avg", "is for numbers; a graph shows all values"),
        (f"{REQUEST}.response_format", "scalar", "is for numbers"),
        (f"{REQUEST}.style.palette", "rainbow", f'"rainbow" is none of {PALETTES}'),
        (f"{REQUEST}.formulas", GONE, "is missing"),
        (f"{REQUEST}.formulas[0].formula", 1, "1 is not a text"),
        (f"{REQUEST}.formulas[0].alias", "", "says nothing"),
        (f"{REQUEST}.formulas[0].number_format.unit.unit_name", GONE, "is missing"),
        (f"{REQUEST}.formulas[0].number_format.unit.unit_name", "bytes", f'"bytes" is none of {OURS}'),
        (f"{REQUEST}.formulas[0].number_format.unit.type", "unit", f'"unit" is none of {UNITS}'),
    ],
)
def test_a_broken_board_is_told_where_it_is_broken(path: str, value: object, text: str) -> None:
    """Also deep inside a group, where a union of 43 widgets would otherwise say that none of them fits."""
    assert problems("dashboard", changed(BOARD, path, value)) == [Problem(path, text)]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("requests[0].queries[0].aggregator", "avgs", f'"avgs" is none of {AGGREGATORS}'),
        ("requests[0].queries[0].aggregator", GONE, "is missing"),
        ("requests[0].response_format", "timeseries", "is for graphs"),
        ("requests[0].formulas", GONE, "is missing"),
        ("precision", -1, "-1 is less than 0"),
        ("title_size", "large", "is no size such as 16"),
    ],
)
def test_a_broken_number_is_told_where_it_is_broken(key: str, value: object, text: str) -> None:
    """It wants to know how the time on the screen becomes one."""
    board = changed(BOARD, SERIES, VALUE)
    assert problems("dashboard", board) == []
    assert problems("dashboard", changed(board, f"{SERIES}.{key}", value)) == [Problem(f"{SERIES}.{key}", text)]


@pytest.mark.parametrize(
    ("widget", "key", "value", "text"),
    [
        (STATUS, "check", "", "says nothing"),
        (STATUS, "grouping", "check", "is of one check; group_by wants cluster"),
        (STATUS, "title", GONE, "is missing"),
        (MONITORS, "query", "group:$etcd_cluster", NOT_OUR_MONITORS),
        (MONITORS, "sort", "status", "is not what to sort by with a direction, as in 'status,asc'"),
    ],
)
def test_a_broken_list_is_told_where_it_is_broken(widget: dict[str, Any], key: str, value: object, text: str) -> None:
    """Of what does not ask for metrics."""
    board = changed(BOARD, SERIES, widget)
    assert problems("dashboard", board) == []
    assert problems("dashboard", changed(board, f"{SERIES}.{key}", value)) == [Problem(f"{SERIES}.{key}", text)]


@pytest.mark.parametrize(
    ("document", "path", "value", "text"),
    [
        (ALERT, "version", 1, "1 is not 2"),
        (ALERT, "created_at", "21.11.2026", "is not a date such as 2026-11-21"),
        (ALERT, "title", GONE, "is missing"),
        (ALERT, "created_at", "2026-11-21\n", "is not a date such as 2026-11-21"),
        (ALERT, "title", "x" * 81, "has 81 characters, more than 80"),
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
        (ALERT, f"{OPTIONS}.thresholds.warning", None, "is nothing; give a number"),
        (ALERT, f"{OPTIONS}.thresholds.warning", "0.7", '"0.7" is not a number or null'),
        (ALERT, f"{OPTIONS}.thresholds.critical_recovery", GONE, "is missing"),
        (ALERT, f"{OPTIONS}.thresholds.warnings", 0.7, "no such key; did you mean warning?"),
        (ALERT, f"{OPTIONS}.thresholds.ok", 0, "is for service checks; a query alert has critical_recovery"),
        (ALERT, f"{OPTIONS}.notify_no_data", False, "is for service checks; a query alert has on_missing_data"),
        (ALERT, f"{OPTIONS}.on_missing_data", "show", f'"show" is none of {MISSING}'),
        (ALERT, f"{OPTIONS}.new_host_delay", 300, "is deprecated"),
        (ALERT, f"{OPTIONS}.renotify_interval", "0", '"0" is not a whole number or null'),
        (ALERT, f"{OPTIONS}.renotify_statuses[0]", "warning", '"warning" is none of "alert", "warn", "no data"'),
        (ALERT, f"{OPTIONS}.renotify_statuses", [], "has 0 entries, less than 1"),
        (ALERT, f"{OPTIONS}.renotify_statuses", GONE, "is missing"),
        (ALERT, f"{OPTIONS}.escalation_message", "", "says nothing"),
        (ALERT, f"{OPTIONS}.new_group_delay", -1, "-1 is less than 0"),
        (ALERT, f"{OPTIONS}.evaluation_delay", -1, "-1 is less than 0"),
        (ALERT, f"{OPTIONS}.timeout_h", 25, "25 is more than 24"),
        (ALERT, f"{OPTIONS}.group_retention_duration", "an hour", "is not a whole number of m, h or d"),
        (ALERT, f"{OPTIONS}.threshold_windows", {}, "is for monitors of other types"),
        (ALERT, f"{OPTIONS}.avalanche_window", 20, "no such key"),
        (CHECK, "definition.query", '"a".over("*").last(4)', "does not end in .count_by_status()"),
        (CHECK, f"{OPTIONS}.on_missing_data", "default", "is for query alerts; a service check has notify_no_data"),
        (CHECK, f"{OPTIONS}.require_full_window", False, "is for query alerts, which have a window"),
        (CHECK, f"{OPTIONS}.thresholds.ok", GONE, "is missing"),
        (CHECK, f"{OPTIONS}.thresholds.ok", 0, "0 is less than 1"),
        (CHECK, f"{OPTIONS}.thresholds.ok", 1.5, "1.5 is not a multiple of 1"),
        (CHECK, f"{OPTIONS}.thresholds.ok", None, "is nothing; give a number"),
        (CHECK, f"{OPTIONS}.thresholds.critical_recovery", 1, "is for query alerts; a service check has ok"),
    ],
)
def test_a_broken_monitor_is_told_where_it_is_broken(
    document: dict[str, Any], path: str, value: object, text: str
) -> None:
    """What Datadog's API refuses, and what an asset may not have though the API takes it."""
    assert problems("monitor", changed(document, path, value)) == [Problem(path, text)]


@pytest.mark.parametrize("interval", [0, None])
@pytest.mark.parametrize(
    ("key", "value"), [("renotify_statuses", ["warn"]), ("renotify_occurrences", 3), ("escalation_message", "Still.")]
)
def test_what_is_said_again_needs_to_be_said_when(interval: object, key: str, value: object) -> None:
    """Datadog takes it, and says nothing again."""
    once = changed(changed(ALERT, f"{OPTIONS}.renotify_interval", interval), f"{OPTIONS}.renotify_statuses", GONE)
    assert problems("monitor", once) == []
    told = Problem(f"{OPTIONS}.{key}", "says nothing without a renotify_interval")
    assert problems("monitor", changed(once, f"{OPTIONS}.{key}", value)) == [told]


def test_patience_without_data_is_of_who_is_told() -> None:
    """A check that tells nobody of no data has no use for when."""
    patient = changed(CHECK, f"{OPTIONS}.no_data_timeframe", 10)
    assert problems("monitor", patient) == [Problem(f"{OPTIONS}.notify_no_data", "false is not true")]
    assert problems("monitor", changed(patient, f"{OPTIONS}.notify_no_data", value=True)) == []


def test_units_of_metrics_are_units_of_boards() -> None:
    """One that the catalogue has and the schema does not could not be shown."""
    assert UNITS_OF_METRICS - {None} <= set(json.loads(f"[{OURS}]"))


@pytest.mark.parametrize("where", ["tags", "definition.tags"])
@pytest.mark.parametrize("tag", ["", "1st", "my tag", "Team:a", "team:", ":a"])
def test_tags_are_as_datadog_keeps_them(where: str, tag: str) -> None:
    """It would make others of them, and what is searched for is not found."""
    told = [Problem(f"{where}[1]", NO_TAG)]
    assert problems("monitor", changed(ALERT, where, [*TAGS, tag])) == told
    assert problems("monitor", changed(ALERT, where, [*TAGS, "team:a.b/c-d:e", "alone"])) == []


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
