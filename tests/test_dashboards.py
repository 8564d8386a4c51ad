from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator

import pytest
from datadog_checks.base.stubs.aggregator import AggregatorStub

from lab.assets import dashboards, monitors
from lab.assets.dashboards.limits import BY_DEFINITION, Limits
from lab.assets.dashboards.metrics import VARIABLES, family
from lab.assets.dashboards.widgets import Widget
from lab.assets.metadata import METADATA
from lab.datadog import schema
from lab.datadog.query import metrics, parse_formula, parse_monitor, parse_query, words
from lab.datadog.query.tree import In, Metric, MetricAlert, Tag, Variable
from tests.boards import BOARDS, METRICS, PATHS, ROOT, WIDGETS, of_kind, said, scopes
from tests.conftest import MakeCheck, Serve, recorded
from tests.servers import pages
from tests.test_assets import KUBERNETES, PAGES, kubernetes, later


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def described(column: str) -> dict[str, str]:
    """A column of metadata.csv, by metric."""
    with (ROOT / METADATA).open() as table:
        return {row["metric_name"]: row[column] for row in csv.DictReader(table)}


# The files


def test_what_is_committed_is_what_is_built() -> None:
    """`make assets` was run after the sources of the dashboards, or the monitors, changed."""
    assert {path: path.read_text(encoding="utf-8") for path in PATHS} == dashboards.rendered()


@pytest.mark.parametrize("board", BOARDS)
def test_datadog_takes_it(board: str) -> None:
    """The strict schema that derives from Datadog's API finds nothing."""
    assert schema.problems("dashboard", BOARDS[board]) == []


def test_sources_are_far_shorter() -> None:
    """Sources are worth having: what is made of them is nine times as long."""
    sources = sum((dashboards.SOURCES / f"{name}.yaml").stat().st_size for name in dashboards.BOARDS)
    assert 9 * sources < sum(path.stat().st_size for path in PATHS)


# What they ask for


def test_every_metric_exists() -> None:
    """None is asked for that the check does not send."""
    known = described("metric_type")
    assert said((str(one), found.name) for one, found in METRICS if found.name not in known) == []


def test_every_service_check_is_shown() -> None:
    """All that the check sends, and no other."""
    known = {one["check"] for one in json.loads((ROOT / "assets/service_checks.json").read_text())}
    assert {one.definition["check"] for one in of_kind("check_status")} == known


def test_counts_are_counted_and_gauges_are_not() -> None:
    """What a count is per flush depends on the flush, so it is a count or a rate; a gauge is neither."""
    types = described("metric_type")
    counted = ((one, found, found.modified("as_count") or found.modified("as_rate")) for one, found in METRICS)
    assert said(one for one, found, is_counted in counted if is_counted != (types[found.name] == "count")) == []


def test_formulas_use_all_queries_and_no_other() -> None:
    """Each name in a formula is that of a query, and each query is in a formula."""
    for one in WIDGETS:
        used = {word.value for formula in one.formulas() for word in words(parse_formula(formula["formula"]))}
        assert used == {query["name"] for query in one.queries()}, one


def test_series_are_asked_for_as_series_and_numbers_as_numbers() -> None:
    """A number names how the time on the screen becomes one; a graph has none to name."""
    for one in WIDGETS:
        graph = one.kind == "timeseries"
        assert {request["response_format"] for request in one.requests()} <= {"timeseries" if graph else "scalar"}, one
        assert all(("aggregator" in query) != graph for query in one.queries()), one


def test_percentiles_are_read_as_the_readme_says() -> None:
    """By their maximum, for there is a series for each resolution; in a graph without a line over what is missing."""
    percentiles = [(one, found) for one, found in METRICS if re.search(r"\.p\d\d$", found.name)]
    assert {found.aggregator for _, found in percentiles} == {"max"}
    assert said(one for one, found in percentiles if found.modified("fill") != (one.kind == "timeseries")) == []


def test_units_are_said() -> None:
    """A metric with a unit is shown with one, also where nobody has given metadata.csv to Datadog."""
    units = described("unit_name")
    for one in WIDGETS:
        asked = {query["name"]: query["query"] for query in one.queries()}
        for formula in one.formulas():
            alone = next(metrics(parse_query(asked[formula["formula"]]))) if formula["formula"] in asked else None
            assert alone is None or bool(units[alone.name]) == ("number_format" in formula), one


# Template variables and tags


def test_template_variables() -> None:
    """Few, each called like its tag, all values at first."""
    expected = [{"name": name, "prefix": name, "available_values": [], "defaults": ["*"]} for name in VARIABLES]
    assert [board["template_variables"] for board in BOARDS.values()] == [expected] * len(BOARDS)


def listened_to(metric: Metric) -> set[str]:
    """The template variables that a query listens to."""
    return {one.name for one in scopes(metric) if isinstance(one, Variable)}


def test_every_widget_listens() -> None:
    """To the cluster at least; a text has nothing to hear."""
    deaf = [one for one in WIDGETS if one.kind != "note" and "$etcd_cluster" not in json.dumps(one.definition)]
    assert said(deaf) == []
    assert said(one for one, found in METRICS if "etcd_cluster" not in listened_to(found)) == []


def test_service_checks_listen_to_the_tags_that_they_have() -> None:
    """All of the template variables that stand among the groups of the check, where it has one kind of target."""
    groups = {one["check"]: one["groups"] for one in json.loads((ROOT / "assets/service_checks.json").read_text())}
    for one in of_kind("check_status"):
        carried = groups[one.definition["check"]]
        mixed = "controller_manager" in carried
        heard = [f"${name}" for name in VARIABLES if name in carried and (name == "etcd_cluster" or not mixed)]
        assert one.definition["tags"] == heard, one
        assert set(one.definition["group_by"]) <= set(carried), one


Tags = dict[str, list[frozenset[str]]]


@pytest.fixture
def tags(serve: Serve, make_check: MakeCheck, aggregator: AggregatorStub) -> Tags:
    """The keys of the tags of all series of each metric, on recorded pages."""
    bodies = [recorded(one) for one in PAGES]
    servers = {source: {"endpoints": [serve(kubernetes(recording))]} for source, recording in KUBERNETES.items()}
    check = make_check(*(serve(pages(body, later(body))) for body in bodies), **servers)
    check.check({})
    check.check({})
    return {name: list(map(_keys, aggregator.metrics(name))) for name in aggregator.metric_names}


def _keys(stub: object) -> frozenset[str]:
    return frozenset(tag.partition(":")[0] for tag in getattr(stub, "tags", ()))


UNSEEN = 40
"""At most so many metrics of the boards are on no recorded page: failures, and what is only asked for."""


def test_queries_listen_to_the_tags_that_they_have(tags: Tags) -> None:
    """A variable whose tag a metric lacks would empty the graph; one that is left out would not filter it."""
    for one, found in METRICS:
        if found.name in tags:
            carried = {name for name in VARIABLES if all(name in keys for keys in tags[found.name])}
            assert listened_to(found) == carried, (str(one), found.name)
    assert len({found.name for _, found in METRICS} - tags.keys()) <= UNSEEN


def test_queries_name_tags_that_there_are(tags: Tags) -> None:
    """In filters and in groups, as the recorded series carry them."""
    asked = [(one, found, key) for one, found in METRICS for key in named(found) if found.name in tags]
    known = {name: frozenset.union(*keys) for name, keys in tags.items()}
    # The severity has a member where one is to blame, an answer where one was asked: these pages have neither.
    missing = {(found.name, key) for _, found, key in asked if key not in known[found.name]}
    assert missing == {(f"etcd_latency.{name}", "etcd_member") for name in ("diagnosis.severity", "probe.success")}


def named(metric: Metric) -> Iterator[str]:
    """The keys of tags in a query."""
    yield from metric.by
    yield from (one.key for one in scopes(metric) if isinstance(one, Tag | In))


def test_members_are_told_apart_by_cluster() -> None:
    """Members of many clusters have the same names, so all groups are by cluster first."""
    assert said(one for one, found in METRICS if found.by and found.by[0] != "etcd_cluster") == []


# Together


def test_what_a_group_has_once_is_not_summed(tags: Tags) -> None:
    """Several Agents may measure one cluster, and each would count: a sum is of series that differ in another tag."""
    for one, found in METRICS:
        if found.aggregator == "sum" and found.name in tags:
            once = {"endpoint", *found.by}
            apart = frozenset.union(*tags[found.name]) - once
            # A family with details has more series once they are asked for.
            assert apart or family(found.name.removeprefix("etcd_latency.")).detail, (str(one), found.name)


FAIR = "etcd_latency.mvcc.watchers"
"""Compared with its mean: that is what a fair share is."""


def test_no_mean_hides_a_member() -> None:
    """One slow member of three is a third in a mean; so means are by member, or by API server."""
    means = [(one, found) for one, found in METRICS if found.aggregator == "avg" and found.name != FAIR]
    assert means
    assert (
        said((str(one), found.name) for one, found in means if listened_to(found) - {*found.by, "etcd_cluster"}) == []
    )


# Limits


SAME = {"etcd_latency.process.fds.used": "etcd_latency.process.open_fds"}
"""Metrics of the boards that tell what those of a monitor tell."""


def sources() -> Iterator[Widget]:
    """The widgets in the sources of both boards."""
    return (
        widget for name in BOARDS for group in dashboards.source(name).groups for row in group.rows for widget in row
    )


def watched(key: str) -> set[str]:
    """The metrics of a monitor."""
    return {found.name for found in metrics(Limits(monitors.monitors()).watched(key))}


def test_lines_and_colours_are_of_what_is_shown() -> None:
    """A threshold is drawn only where the metric of its monitor is shown, and in the same unit."""
    limits = Limits(monitors.monitors())
    limited = [(widget.limit, shown) for widget in sources() for shown in widget.of.values()]
    limited += [(shown.limit, shown) for widget in sources() for shown in widget.of.values()]
    for key, shown in limited:
        if key and key not in BY_DEFINITION:
            of_both = {found.name.removeprefix("etcd_latency.") for found in metrics(shown.tree(limits))}
            names = {f"etcd_latency.{name}" for name in of_both}
            assert watched(key) & {SAME.get(name, name) for name in names}, (key, shown)
            assert (shown.unit == "percent") == ("* 100" in limits.source(key).query), (key, shown)


def test_what_alerts_is_to_be_seen() -> None:
    """Each metric of each monitor is on a board."""
    shown = {found.name for _, found in METRICS}
    alerts = (parse_monitor(one.whole_query) for one in monitors.monitors() if one.compare)
    asked = {found.name for alert in alerts if isinstance(alert, MetricAlert) for found in metrics(alert)}
    assert asked - shown == set()


def test_thresholds_are_those_of_the_monitors() -> None:
    """Whatever number is drawn or colours something is of a monitor, or true by definition."""
    limits = [Limits(monitors.monitors())[one.key] for one in monitors.monitors() if one.compare]
    known = {value for one in (*limits, *BY_DEFINITION.values()) for value in (one.critical, one.warning)}
    drawn = {float(line["value"].removeprefix("y = ")) for one in WIDGETS for line in one.definition.get("markers", [])}
    requests = [request for one in WIDGETS for request in one.requests()]
    formats = [one for request in requests for part in (request, *request["formulas"]) for one in coloured(part)]
    assert drawn | {one["value"] for one in formats} <= known
    assert {one["palette"] for one in formats} == {"white_on_red", "white_on_yellow", "white_on_green"}


def coloured(part: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    return part.get("conditional_formats", [])
