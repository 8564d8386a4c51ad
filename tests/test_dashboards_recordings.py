"""The dashboards on recordings of real faults: what a widget shows, to whom was called, at the worst of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from lab.datadog.evaluate import evaluate
from lab.datadog.query import parse_formula, parse_query
from lab.datadog.query.tree import Every
from lab.datadog.store import Point, Store
from lab.recordings.matrix import MINUTE, Play, played
from tests.boards import METRICS, ROOT, WIDGETS, Placed

Shown = dict[str, dict[str, float]]
"""By alias, then by what it is grouped by beside the cluster: the last value."""

UNTIL: Mapping[str, float] = {
    "healthy": 30,
    "killed-leader": 10.5,
    "api-no-etcd": 12,
    "slow-disk-follower": 14,
    "slow-watchers": 18,
    "full": 25,
}
"""The minute of each recording at which somebody looks: long after it was struck, before that is over."""


@cache
def play(name: str) -> Play:
    """A recording, replayed once for all tests."""
    return played(name)


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def shown(widget: Placed, name: str, store: Store | None = None) -> Shown:
    """What a widget has of a recording from its begin on; a forecast needs a week."""
    tape = play(name)
    end = tape.began + UNTIL[name] * MINUTE
    asked = {query["name"]: parse_query(query["query"]) for query in widget.queries()}
    found: Shown = {}
    for formula in widget.formulas():
        if not formula["formula"].startswith("forecast("):
            tree = parse_formula(formula["formula"])
            lines = evaluate(tree, store or tape.store, tape.began, end, names=asked)
            groups = {" ".join(value for key, value in line.group if key != "etcd_cluster"): line for line in lines}
            found[formula["alias"]] = {group: list(line.points.values())[-1] for group, line in groups.items()}
    return found


def told_by_two_agents(store: Store) -> Store:
    """All points that the boards ask for, once from each of two hosts."""
    both = Store()
    for name in {found.name for _, found in METRICS}:
        for one in store.series(name, Every(())):
            for time, value in zip(one.times, one.values, strict=True):
                hosts = (one.tags | {f"host:{host}"} for host in ("one", "two"))
                both.add([Point(name, one.kind, tags, value) for tags in hosts], time)
    return both


def overview(name: str, title: str) -> Shown:
    """What the one widget of this title on the overview shows in a recording."""
    (widget,) = (one for one in WIDGETS if (one.group.board, one.title) == ("overview", title))
    return shown(widget, name)


def column(name: str, alias: str) -> dict[str, float]:
    """A column of the table of members."""
    return overview(name, "Members")[alias]


EMPTY_WHEN_WELL = {"overview: What Is Wrong?: Members at fault", "overview: What Kubernetes Feels: Failed calls"}
"""Their groups' notes say so."""


def test_the_overview_has_something_to_show_when_all_is_well() -> None:
    """Of each widget, but of those whose notes say that it is empty then."""
    asked = [one for one in WIDGETS if one.group.board == "overview" and one.formulas()]
    assert {str(one) for one in asked if not any(shown(one, "healthy").values())} == EMPTY_WHEN_WELL


COUNTED_BY_EACH = {
    "deep_dive: API Server and Controller Manager: Rate of calls to etcd",
    "deep_dive: Load and Requests: Codes other than OK",
    "deep_dive: Load and Requests: Requests by method",
}
"""Sums over members, codes or API servers."""


def test_several_agents_show_what_one_shows() -> None:
    """Also the numbers that are counted, but for sums of many series, as the note beside them says."""
    both = told_by_two_agents(play("api-no-etcd").store)
    asked = [one for one in WIDGETS if one.formulas()]
    other = {str(one) for one in asked if not same(shown(one, "api-no-etcd"), shown(one, "api-no-etcd", both))}
    assert other == COUNTED_BY_EACH


def same(one: Shown, other: Shown) -> bool:
    """But for what is lost in the last digits."""
    return one.keys() == other.keys() and all(found == pytest.approx(other[key]) for key, found in one.items())


def test_who_is_down_stands_out() -> None:
    """Its last values stay, that it leads among them; so it is the row of which nothing is answered."""
    assert column("killed-leader", "Leads") == {"etcd-1": 1, "etcd-2": 0, "etcd-3": 1}
    assert column("killed-leader", "Unanswered") == {"etcd-1": 100, "etcd-2": 0, "etcd-3": 0}
    assert overview("killed-leader", "Members at fault")["Severity"]["etcd-1 quorum"] == 1
    assert overview("killed-leader", "Failures it survives") == {"Fault tolerance": {"": 0}}


def test_writes_that_fail_are_seen() -> None:
    """The time of a write keeps the value of the last one that was answered; how many are answered does not."""
    assert overview("healthy", "Writes answered") == {"By members": {"": 100}}
    assert overview("api-no-etcd", "Writes answered") == {"By members": {"": 0}}
    assert overview("api-no-etcd", "Time of a write")["Slowest member"][""] < 0.1
    assert overview("api-no-etcd", "Causes")["Severity"]["quorum"] == 2


def test_a_slow_follower_is_seen_though_nobody_waits_for_it() -> None:
    """By its cause, its row, and what a write would take after one failure."""
    assert overview("slow-disk-follower", "Members at fault")["Severity"]["etcd-2 disk_wal"] == 1
    assert column("slow-disk-follower", "Drags") == {"etcd-1": 0, "etcd-2": 1, "etcd-3": 0}
    now, then = (overview("slow-disk-follower", title) for title in ("Commit estimate", "After one failure"))
    assert now["Slowest cluster"][""] < 0.05 < then["Slowest cluster"][""]


def test_slow_watchers_have_a_column() -> None:
    """For they are no cause of the diagnosis."""
    assert column("slow-watchers", "Slow watchers") == {"etcd-1": 20, "etcd-2": 0, "etcd-3": 0}


def test_a_full_database_is_seen() -> None:
    """By its alarm, its cause, and each member's share of the quota."""
    assert overview("full", "Alarm NOSPACE") == {"Active": {"": 1}}
    assert overview("full", "Causes")["Severity"]["space"] == 2
    assert min(column("full", "Quota").values()) > 99
