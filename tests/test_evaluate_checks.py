from __future__ import annotations

from typing import Any

import pytest

from lab.datadog.store import CheckStatus, Store
from lab.process import LabError
from tests.stores import BEGAN, checks_of, said

UP = '"up".over("*").by("m").last(4).count_by_status()'


def states(letters: str, options: dict[str, Any] | None = None, query: str = UP) -> str:
    """What a monitor says of one group whose statuses are these, a minute apart."""
    return said(checks_of(a=letters), query, len(letters), options)["m:a"]


@pytest.mark.parametrize(
    ("thresholds", "statuses", "shown"),
    [
        ({"critical": 1, "ok": 1}, "ococo", "oAoAo"),
        ({"critical": 3, "ok": 2}, "occoccco", "ooooooAA"),
        ({"critical": 3, "ok": 2}, "cccocooo", "ooAAAAoo"),
        ({"critical": 2, "warning": 2, "ok": 1}, "owwccwco", "oowwAAAo"),
        ({"critical": 2, "warning": 2}, "owcwcw", "oooooo"),
        ({"critical": 4}, "cccccc", "oooAAA"),
        ({"critical": 1}, "ouu", "ooo"),
        ({"critical": 1, "unknown": 2}, "ouuo", "oo-o"),
        ({"critical": 2}, "cuc", "ooo"),
        ({"critical": 2, "ok": None}, "cco", "oAo"),
    ],
)
def test_so_many_in_a_row_change_the_state(thresholds: dict[str, int], statuses: str, shown: str) -> None:
    """Of the same status; what flaps stays in the state that it was in."""
    assert states(statuses, {"thresholds": thresholds}) == shown


def test_each_group_is_for_itself() -> None:
    """One that comes later is not known before."""
    store = checks_of(a="occ", b="  c", c="ooo")
    assert said(store, UP, 3) == {"m:a": "oAA", "m:b": "--A", "m:c": "ooo"}


def test_over_and_exclude_choose_checks() -> None:
    """All tags of over, none of exclude."""
    store = Store()
    for number, tags in enumerate(("m:a env:prod", "m:b env:prod host:x", "m:c env:dev")):
        store.add_check(CheckStatus("up", number % 3, frozenset(tags.split()), "", BEGAN))
    query = '"up".over("env:prod").exclude("host:x","host:y").by("m").last(1).count_by_status()'
    assert set(said(store, query, 1)) == {"m:a"}
    query = '"up".over("env:prod","host:x").by("m").last(1).count_by_status()'
    assert said(store, query, 1) == {"m:b": "w"}
    assert said(store, query.replace("up", "down"), 1) == {}


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "AAAAAAo"),
        ({"notify_no_data": True}, "AAAAAAo"),
        ({"notify_no_data": True, "no_data_timeframe": 2}, "AAA---o"),
        ({"notify_no_data": False, "no_data_timeframe": 2}, "AAAAAAo"),
    ],
)
def test_silence(options: dict[str, Any], shown: str) -> None:
    """After so many minutes there is no data, 24 hours unless the monitor says otherwise, and only if it notifies."""
    assert states("cc    o", options) == shown


def test_a_new_group_is_left_alone_for_a_while() -> None:
    """60 seconds unless the monitor says otherwise."""
    assert states("ccc", {"new_group_delay": None}) == "-AA"
    assert states("ccc", {"new_group_delay": 120}) == "--A"


@pytest.mark.parametrize(
    ("query", "options", "problem"),
    [
        (UP, {"thresholds": {"critical": 5}}, '"up": last(4) must be from 5, the largest threshold, to 100'),
        (UP.replace("4", "101"), {}, '"up": last(101) must be from 1, the largest threshold, to 100'),
        (UP.replace(".last(4)", ""), {}, '"up": last() must be from 1, the largest threshold, to 100'),
        (UP.replace("4", '"4m"'), {}, '"up": last("4m") must be from 1, the largest threshold, to 100'),
        (UP.replace("count_", "pct_"), {}, '"up": only count_by_status() is evaluated here, not pct_by_status'),
        (UP.replace('"m"', '"*"'), {}, '"up": by() must name the tags that tell its checks apart'),
        (
            UP,
            {"on_missing_data": "resolve"},
            ('"up": on_missing_data is not for service checks, notify_no_data and no_data_timeframe are'),
        ),
    ],
)
def test_what_datadog_would_not_take_is_refused(query: str, options: dict[str, Any], problem: str) -> None:
    """With what is wrong."""
    with pytest.raises(LabError) as caught:
        states("o", options, query)
    assert str(caught.value) == problem


def test_a_group_has_one_check() -> None:
    """Two at the same time would make a row of statuses that nobody submitted."""
    store = Store()
    for endpoint in ("livez", "readyz"):
        store.add_check(CheckStatus("up", 0, frozenset({"m:a", f"endpoint:{endpoint}"}), "", BEGAN))
    with pytest.raises(LabError) as caught:
        said(store, UP, 1)
    apart = "endpoint:livez, endpoint:readyz"
    assert str(caught.value) == f'"up": the group m:a has several checks; by() must tell them apart: {apart}'
    assert len(said(store, UP.replace('"m"', '"m","endpoint"'), 1)) == 2
