from __future__ import annotations

from pathlib import Path

import pytest

from lab.datadog.query.tree import Every, In, Not, Scope, Some, Tag, Variable
from lab.datadog.store import CheckStatus, Point, Store
from lab.datadog.tags import normalised, values
from lab.process import LabError
from tests.stores import BEGAN, count, gauge, store_of

SERIES = {
    "a": "role:db role:web env:prod member:etcd-1",
    "b": "role:db env:staging member:etcd-2",
    "c": "env:prod bare",
}


def roles() -> Store:
    return store_of(*(gauge([1], f"{tags} name:{name}") for name, tags in SERIES.items()))


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        (Every(), "abc"),
        (Tag("role", "db"), "ab"),
        (Tag("role", "web"), "a"),
        (Tag("bare", None), "c"),
        (Tag("member", "etcd-*"), "ab"),
        (Tag("member", "*-1"), "a"),
        (Tag("member", "*"), "ab"),
        (Tag("member", "*tcd*"), "ab"),
        (Tag("env", "Prod"), ""),
        (In("env", ("prod", "dev")), "ac"),
        (In("member", ("etcd-1", "*-2")), "ab"),
        (In("member", ("etcd-1", "$member.value")), "abc"),
        (Not(Tag("role", "web")), "bc"),
        (Every((Tag("role", "db"), Tag("env", "prod"))), "a"),
        (Some((Tag("role", "web"), Tag("bare", None))), "ac"),
        (Every((Tag("env", "prod"), Not(Some((Tag("role", "web"), Tag("role", "x")))))), "c"),
        (Variable("cluster", "etcd_cluster"), "abc"),
        (Tag("absent", "x"), ""),
    ],
)
def test_a_scope_means_series(scope: Scope, meant: str) -> None:
    """Any value of a key counts; `*` stands for anything; values are compared as they are written."""
    found = roles().series("m", scope)
    assert {name for one in found for name in values(one.tags, "name")} == set(meant)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("grpc_code:DeadlineExceeded", "grpc_code:deadlineexceeded"),
        ("grpc_method:/etcdserverpb.KV/Range", "grpc_method:/etcdserverpb.kv/range"),
        ("url:https://a.b:2379/x?y=1&z", "url:https://a.b:2379/x_y_1_z"),
        ("member:ümlaut-1", "member:ümlaut-1"),
        ("a b:c,d", "a_b:c_d"),
        ("1name:2", "name:2"),
        ("ends:", "ends"),
        ("k:" + "x" * 300, "k:" + "x" * 198),
    ],
)
def test_tags_are_kept_as_the_intake_makes_them(given: str, kept: str) -> None:
    """Lowercase, odd characters are `_`, at most 200 of them, beginning with a letter, not ending with a colon."""
    assert normalised(given) == kept


def test_series_come_with_their_points_in_order() -> None:
    """Times are seconds; points that came late stand in their place."""
    store = Store()
    tags = frozenset({"Code:A"})
    store.add([Point("x", "count", tags, 2.0)], 20.0)
    store.add([Point("x", "count", tags, 1.0), Point("y", "gauge", tags, 5.0)], 10.0)
    (series,) = store.series("x", Every())
    assert (series.name, series.kind, series.tags) == ("x", "count", {"code:a"})
    assert (series.times, series.values) == ((10.0, 20.0), (1.0, 2.0))
    assert store.metrics() == ["x", "y"]
    assert store.series("z", Every()) == []
    assert store.range == (10.0, 20.0)


def test_a_store_reaches_up_to_its_last_point_or_status() -> None:
    """An empty one reaches nowhere."""
    store = Store()
    assert not store.reaches(0)
    store.add([Point("x", "gauge", frozenset(), 1.0)], 10.0)
    assert (store.reaches(10), store.reaches(10.5)) == (True, False)
    store.add_check(CheckStatus("up", 0, frozenset(), "", 20.0))
    assert store.reaches(15)


def test_what_was_remembered_is_forgotten_when_something_is_added() -> None:
    """A query after an addition sees it."""
    store = store_of(gauge([1]))
    assert len(store.series("m", Every())[0].values) == 1
    store.add([Point("m", "gauge", frozenset(), 2.0)], BEGAN + 100)
    assert store.series("m", Every())[0].values == (1, 2)
    store.add_check(CheckStatus("up", 0, frozenset(), "", BEGAN))
    assert len(store.checks("up")) == 1
    store.add_check(CheckStatus("up", 2, frozenset(), "", BEGAN + 1))
    assert [status.status for status in store.checks("up")] == [0, 2]


def test_keys_and_values_of_tags_are_known() -> None:
    """Sorted, each once; a bare tag is a key without values."""
    store = roles()
    assert store.tag_keys("m") == ["bare", "env", "member", "name", "role"]
    assert store.tag_values("m", "role") == ["db", "web"]
    assert store.tag_values("m", "bare") == []
    assert store.tag_keys("absent") == []


def test_checks_and_events_are_kept() -> None:
    """In the order of time, with tags as the intake makes them."""
    store = Store()
    store.add_check(CheckStatus("up", 2, frozenset({"M:A b"}), "gone", 20.0))
    store.add_check(CheckStatus("up", 0, frozenset({"M:A b"}), "", 10.0))
    store.add_event({"msg_title": "leader changed", "tags": ["a:b"]}, 15.0)
    assert store.checks("up") == [
        CheckStatus("up", 0, frozenset({"m:a_b"}), "", 10.0),
        CheckStatus("up", 2, frozenset({"m:a_b"}), "gone", 20.0),
    ]
    assert store.check_names() == ["up"]
    assert store.checks("absent") == []
    assert store.events() == [(15.0, {"msg_title": "leader changed", "tags": ["a:b"]})]
    assert store.range == (10.0, 20.0)


def test_a_file_stays(tmp_path: Path) -> None:
    """What was written is there when the file is opened again, and can go on."""
    with Store(tmp_path / "store.db") as store:
        store.add([Point("m", "gauge", frozenset({"a:b"}), 1.0)], 10.0)
        store.add_check(CheckStatus("up", 0, frozenset(), "", 10.0))
    with Store(tmp_path / "store.db") as store:
        store.add([Point("m", "gauge", frozenset({"a:b"}), 2.0)], 20.0)
        assert store.series("m", Every())[0].values == (1.0, 2.0)
        assert len(store.checks("up")) == 1


def test_a_metric_keeps_its_kind() -> None:
    """A series that was a count and comes as a gauge is a mistake of whoever submits it."""
    store = store_of(count([1], name="x"))
    with pytest.raises(LabError, match="x was a count before and is now a gauge"):
        store.add([Point("x", "gauge", frozenset(), 1.0)], BEGAN)


def test_an_empty_store_has_no_range() -> None:
    """It says so, rather than inventing a time."""
    with pytest.raises(LabError, match="the store is empty"):
        assert Store().range
