"""Monitors on recordings of real faults: who fires under which, when, for whom, and who keeps still.

What each says in each recording stands in tests/fixtures/recordings/timelines.json, minute by minute, written by
`python -m lab.recordings.matrix --write`. What it should say, and why, stands in tests/matrix.yaml, written by hand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.datadog.evaluate import Status
from lab.datadog.query import metrics, parse_monitor
from lab.datadog.query.tree import CheckAlert, MetricAlert
from lab.process import LabError
from lab.recordings import matrix
from lab.recordings.matrix import Play, Timeline, definitions, played, timeline
from lab.recordings.mutants import Mutant, mutants
from lab.recordings.recording import PACE, path_to, read
from lab.recordings.scenarios import SCENARIOS
from tests.test_assets import metadata

ROOT = Path(__file__).parent.parent
EXPECTED: dict[str, dict[str, Timeline]] = json.loads((ROOT / matrix.TIMELINES).read_text())
FILE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "tests/matrix.yaml").read_text())
STATED, REASONS = FILE["recordings"], FILE["reasons"]
FIRING = {Status.ALERT, Status.NO_DATA}
ALL = pytest.mark.parametrize("name", matrix.names())
KEYS = pytest.mark.parametrize("key", definitions())


@cache
def play(name: str) -> Play:
    """A recording, replayed once for all tests."""
    return played(name)


def said(name: str, definition: Mapping[str, Any]) -> Timeline:
    """What a monitor says, as JSON would keep it."""
    found: Timeline = json.loads(json.dumps(timeline(play(name), definition)))
    return found


def fires(name: str) -> dict[str, dict[str, Any]]:
    """What has to fire in a recording."""
    found: dict[str, dict[str, Any]] = STATED[name].get("fires") or {}
    return found


def short(group: str) -> str:
    """A group without the cluster, of which there is one here."""
    return group.partition("etcd_cluster:lab")[2].strip() or "cluster"


def test_everything_recorded_is_judged() -> None:
    """Recordings, scenarios that can be recorded again, timelines and what is stated are the same."""
    assert set(matrix.names()) == SCENARIOS.keys() | matrix.DERIVED.keys() == EXPECTED.keys() == STATED.keys()


@ALL
def test_every_monitor_says_what_it_said(name: str) -> None:
    """To the minute, the group and the state; after a change that is meant, write it down anew and read the diff."""
    found = {key: said(name, definition) for key, definition in definitions().items()}
    assert {key: turns for key, turns in found.items() if turns} == EXPECTED[name]


@ALL
def test_a_monitor_fires_under_its_fault(name: str) -> None:
    """It alerts within its time for whom it is stated, for nobody else, and is over before the recording is."""
    struck = play(name).struck or 0.0
    for key, stated in fires(name).items():
        groups = {short(group): turns for group, turns in EXPECTED[name].get(key, {}).items()}
        alerts = {group for group, turns in groups.items() if any(state in FIRING for _, state in turns)}
        assert alerts == set(stated["groups"]), key
        for group in alerts:
            first = next(minute for minute, state in groups[group] if state in FIRING)
            assert first - struck <= stated["within"], f"{key} alerts late: {groups[group]}"
            assert groups[group][-1][1] == Status.OK, f"{key} is not over: {groups[group]}"


@ALL
def test_a_monitor_warns_under_its_fault(name: str) -> None:
    """Where the fault takes the reserve only: it warns within its time, and is over before the recording is."""
    struck = play(name).struck or 0.0
    for key, stated in (STATED[name].get("warns") or {}).items():
        groups = {short(group): turns for group, turns in EXPECTED[name].get(key, {}).items()}
        assert groups.keys() == set(stated["groups"]), key
        for group, turns in groups.items():
            assert turns[0][1] == Status.WARN, f"{key} does not warn for {group}: {turns}"
            assert turns[0][0] - struck <= stated["within"], f"{key} warns late: {turns}"
            assert turns[-1][1] == Status.OK, f"{key} is not over: {turns}"


@ALL
def test_nothing_else_fires(name: str) -> None:
    """Nor warns, but for what is allowed; and nothing that does not happen is allowed."""
    allowed = set(STATED[name].get("allowed") or ())
    meant = fires(name).keys() | (STATED[name].get("warns") or {}).keys()
    assert set(EXPECTED[name]) == meant | allowed
    assert not meant & allowed


def test_what_is_allowed_has_its_reason() -> None:
    """One for each monitor that may say something under the fault of another."""
    assert {key for stated in STATED.values() for key in stated.get("allowed") or ()} == REASONS.keys()


@ALL
def test_nothing_fires_before_the_fault(name: str) -> None:
    """A cluster that is well is left in peace; on a machine that was busy then there may be warnings."""
    struck = play(name).struck or 0.0
    bearable = {Status.WARN, Status.OK} if STATED[name].get("busy") else set()
    for key, groups in EXPECTED[name].items():
        for group, turns in groups.items():
            assert {state for minute, state in turns if minute < struck} <= bearable, (key, group)


@KEYS
def test_every_monitor_has_its_fault(key: str) -> None:
    """A monitor that nothing here can make fire is not proven."""
    assert any(key in fires(name) for name in STATED)


@KEYS
def test_every_name_was_seen(key: str) -> None:
    """Each metric and service check was sent while recordings were played, with the tags that a monitor groups by."""
    alert = parse_monitor(definitions()[key]["query"])
    stores = [play(name).store for name in matrix.names()]
    if isinstance(alert, CheckAlert):
        sent = {tag.partition(":")[0] for store in stores for one in store.checks(alert.check) for tag in one.tags}
        assert set(alert.by) <= sent
    elif isinstance(alert, MetricAlert):
        for metric in metrics(alert.expression):
            assert set(metric.by) <= {tag for store in stores for tag in store.tag_keys(metric.name)}, metric.name


def test_the_healthy_recording() -> None:
    """Half an hour and more, at the pace of the Agent, of all that monitors look at; no monitor says anything."""
    tape = read(path_to("healthy"))
    assert tape.spacing == tape.pace == PACE
    assert tape.runs * tape.spacing >= 30 * 60
    assert any(question.startswith("apiserver ") for question in tape.answers)
    assert EXPECTED["healthy"] == {}


@pytest.mark.parametrize("name", ["cut-network", "full", "slow-disk-leader"])
def test_several_agents_say_what_one_says(name: str) -> None:
    """Each host of a control plane may measure the whole cluster: no monitor adds up what three of them say."""
    three = played(name, hosts=("a", "b", "c"))
    for key, definition in definitions().items():
        if definition["type"] != "service check":  # of which three come in a run, so that three in a row come sooner
            found = json.loads(json.dumps(timeline(three, definition)))
            assert found == EXPECTED[name].get(key, {}), key


def service_checks() -> list[str]:
    """The names of all service checks."""
    return [entry["check"] for entry in json.loads((ROOT / "assets/service_checks.json").read_text())]


def has_several(definition: Mapping[str, Any]) -> bool:
    """Whether any group of a query has more than one series, as one Agent sends them."""
    alert = parse_monitor(definition["query"])
    if not isinstance(alert, MetricAlert):
        return False
    metric = next(metrics(alert.expression))
    groups = Counter(
        frozenset(tag for tag in series.tags if tag.partition(":")[0] in metric.by)
        for name in ("api-no-etcd", "slow-disk-leader")
        for series in play(name).store.series(metric.name, metric.scope)
    )
    return max(groups.values(), default=0) > 2


def broken(key: str) -> Iterator[Mutant]:
    """All mutants of a monitor."""
    definition = definitions()[key]
    names = service_checks() if definition["type"] == "service check" else metadata()
    return mutants(definition, names, several=has_several(definition))


def notices(key: str, mutant: Mutant) -> bool:
    """Whether any recording shows the difference, or the lab refuses it; those first that the monitor is about."""
    try:
        names = sorted(EXPECTED, key=lambda name: key not in EXPECTED[name])
        return any(said(name, mutant.definition) != EXPECTED[name].get(key, {}) for name in names)
    except LabError:
        return True


ALIKE = "the members of a group were alike in all recordings"
BEYOND = "the fault went far beyond either limit"
UNSEEN = {
    **dict.fromkeys(("database_alarm takes the avg of a group", "database_alarm takes the min of a group"), ALIKE),
    **dict.fromkeys(("certificate takes the avg of a group", "certificate takes the max of a group"), ALIKE),
    "no_data critical is 1.5": "a cluster that nobody answers for has no values, or 0",
    "no_data critical is 0.166667": "a cluster that nobody answers for has no values, or 0",
    "no_data takes the min of the window": "a cluster that nobody answers for has no values, or 0",
    "apply_lag critical is 1333.33": BEYOND,
    "certificate critical is 21": BEYOND,
    **dict.fromkeys(("apiserver_requests critical is 0.75", "apiserver_requests critical is 0.0833333"), BEYOND),
    "apiserver_lists critical is 3": BEYOND,
    "database_quota_forecast critical is 240": BEYOND,
    "grpc_errors asks for etcd_latency.grpc.server.started.count": "as many calls were started as were handled",
    "grpc_errors asks for etcd_latency.grpc.server.handled.count of all": "few streams ended",
    "watch_imbalance has no floor": "each member had more watches than the floor, or none did",
    "apiserver_livez asks for etcd_latency.apiserver.readyz": "both pages ask etcd the same, and failed together",
    "apiserver_readyz asks for etcd_latency.apiserver.livez": "both pages ask etcd the same, and failed together",
}
"""Mutants that no recording shows, and why. Their limits and metrics are pinned where the sources are
(tests/test_monitors.py)."""


@KEYS
def test_a_broken_monitor_is_noticed(key: str) -> None:
    """A limit, a comparison, a metric, a tag, a window, an aggregator, a function: each of them changed shows."""
    survivors = [mutant.what for mutant in broken(key) if not notices(key, mutant)]
    assert set(survivors) == {what.removeprefix(f"{key} ") for what in UNSEEN if what.startswith(f"{key} ")}
