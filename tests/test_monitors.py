"""The monitors as files: what Datadog takes, what they name, and what they say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etcd_latency.scoreboard.limits import LIMITS
from lab.assets.files import files
from lab.assets.monitors import FOLDER, Monitor, groups, monitors, rendered
from lab.datadog import query, schema
from lab.datadog.query.tree import Arithmetic, CheckAlert, In, Metric, MetricAlert, Scope, Tag
from tests.test_assets import metadata

ROOT = Path(__file__).parent.parent
ALL = pytest.mark.parametrize("one", monitors(), ids=lambda one: one.key)
BUILT_IN = {"value", "is_alert", "is_warning", "is_recovery", "is_no_data"}
"""What Datadog puts into a message itself (documentation: Monitors, Notifications, Variables)."""

TAGS = {"etcd_cluster", "etcd_member", "endpoint", "apiserver", "operation", "peer", "cause", "kind", "alarm_type"}
"""What a monitor may group by: tags that tell whom it is about."""


def asset(one: Monitor) -> dict[str, Any]:
    """The committed file."""
    return schema.read(ROOT / FOLDER / f"{one.key}.json")


def definition(one: Monitor) -> dict[str, Any]:
    """What of it Datadog evaluates."""
    found: dict[str, Any] = asset(one)["definition"]
    return found


def test_what_is_committed_is_what_is_rendered() -> None:
    """`make assets` was run after a source changed; and nothing else lies there."""
    for path, text in files().items():
        assert (ROOT / path).read_text() == text, f"{path} is not what `make assets` renders"
    assert {path.name for path in (ROOT / FOLDER).iterdir()} == {path.name for path in rendered()}


@ALL
def test_datadog_takes_it(one: Monitor) -> None:
    """By the strict schema of Datadog's own API, and of its marketplace's assets."""
    assert schema.problems("monitor", asset(one)) == []


@ALL
def test_the_limit_stands_in_the_query_and_beside_it(one: Monitor) -> None:
    """They are the same: Datadog refuses a monitor where they differ."""
    alert = query.parse_monitor(definition(one)["query"])
    if isinstance(alert, MetricAlert):
        assert alert.threshold == definition(one)["options"]["thresholds"]["critical"]
    else:
        thresholds = definition(one)["options"]["thresholds"]
        assert isinstance(alert, CheckAlert)
        assert alert.last == max(thresholds.values()) + 1


@ALL
def test_each_limit_is_left_later_than_it_is_crossed(one: Monitor) -> None:
    """Critical lies beyond the warning, and each is over only on its healthy side, so that nothing flaps at a limit."""
    limits = definition(one)["options"]["thresholds"]
    if one.check:
        assert limits.keys() == {"critical", "warning", "ok"}
        return
    worse = 1 if one.compare in (">", ">=") else -1
    order = [limits[name] * worse for name in ("critical", "critical_recovery", "warning", "warning_recovery")]
    assert order[0] > order[1]
    assert order[0] > order[2] > order[3]


@ALL
def test_it_names_what_there_is(one: Monitor) -> None:
    """Metrics and service checks that are described, and groups by tags that tell whom it is about."""
    alert = query.parse_monitor(definition(one)["query"])
    if isinstance(alert, CheckAlert):
        known = {
            entry["check"]: entry["groups"] for entry in json.loads((ROOT / "assets/service_checks.json").read_text())
        }
        assert alert.check in known
        assert set(alert.by) <= set(known[alert.check])
        return
    assert isinstance(alert, MetricAlert)
    for metric in query.metrics(alert.expression):
        assert metric.name in metadata()
        assert set(metric.by) <= TAGS
        assert metric.modified("as_count") == metric.name.endswith(".count"), "a count is summed, a gauge is not"
    assert len({metric.by for metric in query.metrics(alert.expression)}) == 1


@ALL
def test_it_says_what_to_whom_and_where_to_look(one: Monitor) -> None:
    """In three sentences and a link; with variables that its groups fill, each group named, and no placeholder left."""
    message, name = definition(one)["message"], definition(one)["name"]
    filled = set(re.findall(r"\{\{[#^/]?([\w.]+)\}\}", message + name))
    assert filled <= BUILT_IN | {f"{key}.name" for key in groups(one)}
    assert {f"{key}.name" for key in groups(one)} <= set(re.findall(r"\{\{([\w.]+)\}\}", name))
    assert message.count("{{") == message.count("}}") == len(re.findall(r"\{\{[#^/]?[\w.]+\}\}", message))
    assert "\nLook first at " in message
    assert message.endswith(f"/assets/runbook.md#{one.anchor})")
    assert "@" not in message, "whom to tell is the user's choice"
    for opened in re.findall(r"\{\{[#^](\w+)\}\}", message):
        assert f"{{{{/{opened}}}}}" in message


@ALL
def test_a_value_is_told_as_what_it_is(one: Monitor) -> None:
    """The least of a window and a change above a floor are bounds: what there was is that, or more."""
    if "{{value}}" not in one.says:
        return
    if one.query.startswith("min("):
        assert re.search(r"\bor more\b", one.says)
    if one.query.startswith("pct_change("):
        assert "clamp_min(" in one.query
        assert "at least {{value}} %" in one.says


@pytest.mark.parametrize("one", [one for one in monitors() if one.check], ids=lambda one: one.key)
def test_a_service_check_is_told_in_runs(one: Monitor) -> None:
    """How many minutes they are depends on the instance's interval, and on how many Agents there are."""
    runs = {3: "three", 5: "five", 20: "20", 40: "40"}
    assert f"in {runs[int(one.warning)]} runs in a row" in one.says
    assert "minute" not in one.says


SPARSE = {
    "apiserver_lists",
    "apiserver_requests",
    "backend_commit",
    "backend_commit_increase",
    "handled_drop",
    "wal_fsync",
    "wal_fsync_increase",
}
"""Means and percentiles of what happens now and then, and shares of few calls."""


@ALL
def test_one_value_is_no_window(one: Monitor) -> None:
    """Where values are missing in quiet times, a single bad one is not told as minutes of them, nor for ever after."""
    options = definition(one)["options"]
    assert one.sparse == (one.key in SPARSE)
    if not one.check:
        assert options["require_full_window"] is one.sparse
        assert not one.sparse or options["on_missing_data"] == "resolve"


@pytest.mark.parametrize("key", ["wal_fsync", "backend_commit"])
def test_a_percentile_of_several_resolutions(key: str) -> None:
    """It is one figure in several series: the gaps of each are not filled across what the others say."""
    (one,) = (each for each in monitors() if each.key == key)
    (metric,) = query.metrics(query.parse_monitor(one.whole_query).expression)
    assert metric.modified("fill")


def test_the_readme_lists_them() -> None:
    """By their keys, each once, and it counts them right."""
    readme = (ROOT / "README.md").read_text()
    (table,) = re.findall(r"^\| monitors of \| .+\n\|[-|]+\n((?:\|.+\n)+)", readme, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(one.key for one in monitors())
    assert f"Two dashboards and {len(monitors())} monitors" in readme


SUMMED_BY_MEANING = {"grpc_errors"}
"""Its parts are series of one member: methods and codes; what several Agents count twice is in both of them."""


@ALL
def test_several_agents_change_nothing(one: Monitor) -> None:
    """What each Agent of a control plane tells of the whole cluster must not add up."""
    alert = query.parse_monitor(definition(one)["query"])
    if isinstance(alert, MetricAlert) and one.key not in SUMMED_BY_MEANING:
        assert {metric.aggregator for metric in query.metrics(alert.expression)} <= {"avg", "min", "max"}


SEEDS = {
    "descriptors beyond 80 %": ("file_descriptors", "avg(last_5m)", 80),
    "the forecast of it": ("file_descriptors_forecast", "max(next_12h):forecast(", 80),
    "backend commit +25 % in 5 minutes": ("backend_commit_increase", "pct_change(avg(last_5m),last_5m)", 25),
    "WAL fsync +50 % in 5 minutes": ("wal_fsync_increase", "pct_change(avg(last_5m),last_5m)", 50),
    "database beyond 80 % of its quota": ("database_quota", "mvcc.db.quota.used", 80),
    "the forecast of that": ("database_quota_forecast", "max(next_12h):forecast(", 80),
    "round trips +15 %": ("peer_round_trip_increase", "pct_change(avg(last_15m),last_15m)", 15),
    "more than 100 leader changes in an hour": ("leader_changes", "sum(last_1h):max:", 100),
    "proposals that fail": ("proposals_failing", "server.proposals.failed.count", 6),
    "committed and applied that fall apart": ("apply_lag", "server.proposals.apply_lag", 4000),
    "slow watchers": ("slow_watchers", "mvcc.slow_watchers", 10),
    "watches that are uneven": ("watch_imbalance", "mvcc.watchers", 2.2),
    "one member that handles far less": ("handled_drop", "grpc.server.handled.beside_others", -50),
    "started and not handled": ("unfinished_requests", "grpc.server.unfinished", 250),
    "error codes": ("grpc_errors", "grpc_code IN (unavailable,deadlineexceeded,", 5),
    "create, update and get": ("apiserver_requests", "{operation IN (create,update,delete,get)}", 0.25),
    "list": ("apiserver_lists", "{operation:list*}", 1),
    "/livez/etcd": ("apiserver_livez", '"etcd_latency.apiserver.livez"', 5),
    "/readyz/etcd": ("apiserver_readyz", '"etcd_latency.apiserver.readyz"', 5),
    "endpoint health": ("endpoint_health", '"etcd_latency.endpoint.health"', 3),
    "resident memory": ("memory", "process.resident_memory", 100),
}
"""What the two guides ask for, that the project is made from: the monitor, a part of its query, its limit."""


@pytest.mark.parametrize(("key", "part", "critical"), SEEDS.values(), ids=SEEDS)
def test_what_the_guides_ask_for(key: str, part: str, critical: float) -> None:
    """Each of their rules has a monitor with its limit."""
    (one,) = (each for each in monitors() if each.key == key)
    assert part in definition(one)["query"]
    assert definition(one)["options"]["thresholds"]["critical"] == critical


DOCUMENTED = {
    "wal_fsync": "fsync_p99_seconds",
    "backend_commit": "backend_commit_p99_seconds",
    "peer_round_trip": "peer_rtt_seconds",
    "certificate": "certificate_days_left",
}
"""Where etcd's documents or its users have limits, `etcd-latency diagnose` colours by them, too."""


@pytest.mark.parametrize(("key", "limit"), DOCUMENTED.items())
def test_documented_limits_are_the_same_everywhere(key: str, limit: str) -> None:
    """On the terminal and in the monitor."""
    (one,) = (each for each in monitors() if each.key == key)
    assert (one.warning, one.critical) == (LIMITS[limit].warning, LIMITS[limit].critical)


def conditions(scope: Scope) -> Iterator[Tag | In]:
    """What a scope asks of tags."""
    if isinstance(scope, Tag | In):
        yield scope
    for each in getattr(scope, "operands", ()):
        yield from conditions(each)


def test_codes_are_those_of_the_server() -> None:
    """What a client brings about itself is left out: a cancelled watch or a forbidden key is no failure of etcd."""
    (one,) = (each for each in monitors() if each.key == "grpc_errors")
    alert = query.parse_monitor(definition(one)["query"])
    assert isinstance(alert, MetricAlert)
    bad, every = query.metrics(alert.expression)
    assert isinstance(alert.expression, Arithmetic)
    assert isinstance(bad, Metric)
    unary, codes = conditions(bad.scope)
    assert list(conditions(every.scope)) == [unary] == [Tag("grpc_type", "unary")]
    assert isinstance(codes, In)
    assert not {"ok", "canceled", "permissiondenied", "notfound", "outofrange"} & set(codes.values)
    assert all(code == code.lower() for code in codes.values), "Datadog has tags in small letters"
