"""Ratios and gaps: on recorded pages, and at every edge where a number would be a lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_latency.derive import storage
from etcd_latency.derive.storage import DEFAULT_QUOTA, figures, imbalance, shares
from tests.test_derive_pages import gauge, page, reading_of

NOW = 1_800_000_000.0

SIZE, IN_USE = "etcd_mvcc_db_total_size_in_bytes", "etcd_mvcc_db_total_size_in_use_in_bytes"
QUOTA = "etcd_server_quota_backend_bytes"
COMMITTED, APPLIED = "etcd_server_proposals_committed_total", "etcd_server_proposals_applied_total"
CURRENT, COMPACT = "etcd_debugging_mvcc_current_revision", "etcd_debugging_mvcc_compact_revision"
LAST = "etcd_debugging_mvcc_db_compaction_last"


def test_a_recorded_page() -> None:
    """All figures of a leader under load that has never compacted."""
    assert figures(reading_of("etcd-3.5.16/m2-leader-load-extensive"), NOW) == {
        "process.fds.used": 30 / 20000,
        "mvcc.db.quota.used": 6025216 / 2147483648,
        "mvcc.db.fragmentation": 0.0,
        "server.proposals.apply_lag": 0.0,
        "headroom.apply": 1.0,
        "grpc.server.unfinished": 0.0,
        "mvcc.revision.age": 8845.0,
    }


def test_a_page_with_nothing_of_it() -> None:
    """Missing is missing, never 0."""
    assert figures(page(gauge(etcd_server_has_leader=1)), NOW) == {}


@pytest.mark.parametrize(
    ("values", "metric", "expected"),
    [
        ({"process_open_fds": 800, "process_max_fds": 1000}, "process.fds.used", 0.8),
        ({"process_open_fds": 800}, "process.fds.used", None),
        ({"process_open_fds": 800, "process_max_fds": 0}, "process.fds.used", None),
        ({SIZE: 1.5e9, QUOTA: 2e9}, "mvcc.db.quota.used", 0.75),
        ({SIZE: 2.1e9, QUOTA: 2e9}, "mvcc.db.quota.used", 1.05),
        ({SIZE: DEFAULT_QUOTA / 4, QUOTA: 0}, "mvcc.db.quota.used", 0.25),
        ({SIZE: 1.5e9, QUOTA: -1}, "mvcc.db.quota.used", None),
        ({SIZE: 1.5e9}, "mvcc.db.quota.used", None),
        ({SIZE: 100, IN_USE: 30}, "mvcc.db.fragmentation", 0.7),
        ({SIZE: 100, IN_USE: 101}, "mvcc.db.fragmentation", 0.0),
        ({SIZE: 0, IN_USE: 0}, "mvcc.db.fragmentation", None),
        ({COMMITTED: 9000, APPLIED: 8000}, "server.proposals.apply_lag", 1000),
        ({COMMITTED: 9000, APPLIED: 8000}, "headroom.apply", 0.8),
        ({COMMITTED: 9000, APPLIED: 3000}, "headroom.apply", -0.2),
        ({COMMITTED: 9000, APPLIED: 9001}, "server.proposals.apply_lag", 0),
        ({COMMITTED: 9000}, "headroom.apply", None),
        ({CURRENT: 900, COMPACT: 600}, "mvcc.revision.age", 300),
        ({CURRENT: 900, COMPACT: -1}, "mvcc.revision.age", 900),
        ({CURRENT: 900}, "mvcc.revision.age", None),
        ({LAST: NOW - 300}, "mvcc.compaction.age", 300),
        ({LAST: NOW + 2}, "mvcc.compaction.age", 0),  # by another clock
        ({LAST: 0}, "mvcc.compaction.age", None),
        ({}, "mvcc.compaction.age", None),
    ],
)
def test_every_figure_at_its_edges(values: dict[str, float], metric: str, expected: float | None) -> None:
    """A quota of 0 is etcd's default, one below 0 is none; a time of 0 is no compaction yet."""
    found = figures(page(gauge(**values)), NOW).get(metric)
    assert found == (expected if expected is None else pytest.approx(expected))


def calls(**numbers: int) -> str:
    """Started and handled calls, by `method_what`; a method that begins with a W is a stream."""
    lines = []
    for what in ("started", "handled"):
        lines.append(f"# TYPE grpc_server_{what}_total counter")
        for name, number in numbers.items():
            method, _, which = name.partition("_")
            kind = "bidi_stream" if method.startswith("W") else "unary"
            code = 'grpc_code="OK",' if what == "handled" else ""
            if which == what:
                lines.append(f'grpc_server_{what}_total{{{code}grpc_method="{method}",grpc_type="{kind}"}} {number}')
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"Put_started": 10, "Put_handled": 7}, 3),
        ({"Put_started": 10, "Put_handled": 7, "Range_started": 5, "Range_handled": 4}, 4),
        ({"Put_started": 10, "Put_handled": 10, "Watch_started": 90, "Watch_handled": 2}, 0),
        ({"Put_started": 10, "Put_handled": 11}, 0),  # the two are not read at one instant
        ({"Watch_started": 90, "Watch_handled": 2}, None),
        ({"Put_started": 10}, None),
    ],
)
def test_unfinished_calls(numbers: dict[str, int], expected: float | None) -> None:
    """Of unary calls alone, over all methods and codes; streams last as they should."""
    assert storage.unfinished(page(calls(**numbers))) == expected


def test_calls_that_wait_on_purpose() -> None:
    """Who waits for a lock, or for an office, is not kept waiting by etcd."""
    text = calls(Put_started=30, Put_handled=27, Lock_started=200, Lock_handled=10, Campaign_started=5)
    for method, service in (
        ("Put", "etcdserverpb.KV"),
        ("Lock", "v3lockpb.Lock"),
        ("Campaign", "v3electionpb.Election"),
    ):
        text = text.replace(f'grpc_method="{method}"', f'grpc_method="{method}",grpc_service="{service}"')
    assert storage.unfinished(page(text)) == 3


def test_watchers() -> None:
    """Those of the v3 store, and each member's share of them."""
    assert storage.watchers(page(gauge(etcd_debugging_mvcc_watcher_total=30, etcd_debugging_store_watchers=0))) == 30
    assert storage.watchers(page(gauge(etcd_debugging_store_watchers=0))) is None
    assert shares({"a": 30, "b": 10, "c": 0}) == {"a": 0.75, "b": 0.25, "c": 0.0}
    assert imbalance({"a": 30, "b": 10, "c": 0}) == pytest.approx(2.25)


@pytest.mark.parametrize("watchers", [{}, {"a": 30.0}, {"a": 0.0, "b": 0.0}])
def test_nobody_to_compare_with(watchers: dict[str, float]) -> None:
    """One alone has everything, and of nothing there are no shares."""
    assert shares(watchers) == {}
    assert imbalance(watchers) is None


def test_few_are_not_shared_out() -> None:
    """What is no more than the fewest says nothing of who has more of it."""
    assert shares({"a": 30.0, "b": 20.0}, fewest=50) == {}
    assert shares({"a": 30.0, "b": 30.0}, fewest=50) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize(
    ("handled", "expected"),
    [
        ({"a": 100, "b": 100, "c": 100}, {"a": 1, "b": 1, "c": 1}),
        ({"a": 100, "b": 100, "c": 400}, {"a": 1, "b": 1, "c": 4}),  # that one is busy is no loss of the others
        ({"a": 15, "b": 150, "c": 150}, {"a": 0.1, "b": 10, "c": 10}),  # its clients have left it
        ({"a": 0, "b": 200}, {"a": 0}),
        ({"a": 20, "b": 30}, {}),
        ({"a": 900}, {}),
    ],
)
def test_beside_others(handled: dict[str, float], expected: dict[str, float]) -> None:
    """A member is measured by what is usual among the others; of few calls, or one member, there is nothing to say."""
    assert storage.beside_others(handled, 50) == pytest.approx(expected)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**6).map(float), min_size=2, max_size=9))
def test_shares_are_shares(watchers: dict[str, float]) -> None:
    """They add up to 1, and the imbalance is between 1 and the number of members."""
    found, ratio = shares(watchers), imbalance(watchers)
    if found:
        assert sum(found.values()) == pytest.approx(1)
        assert ratio is not None
        assert 1 - 1e-9 <= ratio <= len(watchers) + 1e-9


values = st.floats(-1, 1e12) | st.integers(0, 10**9).map(float)


@given(st.dictionaries(st.sampled_from([SIZE, IN_USE, QUOTA, COMMITTED, APPLIED, CURRENT, COMPACT, LAST]), values))
def test_only_a_headroom_may_be_negative(numbers: dict[str, float]) -> None:
    """Whatever stands on a page."""
    found = figures(page(gauge(**numbers)), NOW)
    assert all(
        value >= 0 for metric, value in found.items() if metric != "headroom.apply" and numbers.get(SIZE, 0) >= 0
    )
    assert found.get("mvcc.db.fragmentation", 0) <= 1 or numbers[IN_USE] < 0
