"""The text report, to the letter, on a run that is small enough to read."""

from __future__ import annotations

from etcd_latency.report import as_text
from etcd_latency.standalone import Metric, Run, ServiceCheck

BASE = ("etcd_cluster:prod", "endpoint:https://10.0.0.1:2379")


def metric(name: str, value: float, member: str, *labels: str, kind: str = "gauge") -> Metric:
    return Metric(f"etcd_latency.{name}", kind, value, (*labels, *BASE, f"etcd_member:{member}"), "")


def run(*metrics: Metric, checks: tuple[ServiceCheck, ...] = (), errors: tuple[str, ...] = ()) -> Run:
    return Run(metrics, checks, (), errors, 0.25)


def squeezed(text: str) -> list[str]:
    """Lines with their runs of blanks folded, without the empty ones."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_a_column_a_member_and_a_row_a_series() -> None:
    """Members stand side by side; what a member lacks is a dash, never 0; labelled series get rows of their own."""
    text = as_text(
        run(
            metric("server.is_leader", 1, "a"),
            metric("server.is_leader", 0, "b"),
            metric("mvcc.db.total_size", 1234567, "a"),
            metric("grpc.server.handled.count", 2.5, "a", "grpc_method:Put", kind="monotonic_count"),
            metric("grpc.server.handled.count", 0, "b", "grpc_method:Txn", kind="monotonic_count"),
        )
    )
    assert squeezed(text) == [
        "=== Series ===",
        "tags of all: endpoint:https://10.0.0.1:2379 etcd_cluster:prod",
        "type a b",
        "grpc.server.handled.count monotonic_count",
        "grpc_method:Put 2.5 -",
        "1 series at 0 (--all shows them)",
        "mvcc.db.total_size gauge 1,234,567 -",
        "server.is_leader gauge 1 0",
        "=== Service checks ===",
        "=== Summary ===",
        "Metric samples: 5",
        "Service checks: 0",
        "Events: 0",
        "Errors: 0",
        "Run time: 0.250 s",
    ]


def test_all_shows_the_zeros() -> None:
    """With `show_all` nothing is folded."""
    zero = metric("grpc.server.handled.count", 0, "b", "grpc_method:Txn", kind="monotonic_count")
    assert "grpc_method:Txn - 0" in squeezed(as_text(run(zero, metric("server.is_leader", 0, "a")), show_all=True))


def test_the_worst_check_comes_first() -> None:
    """Critical before ok, each with its message below it."""
    checks = (
        ServiceCheck("etcd_latency.can_connect", 0, ("etcd_member:a",), ""),
        ServiceCheck("etcd_latency.can_connect", 2, ("etcd_member:b",), "b: nothing listens there"),
    )
    text = squeezed(as_text(run(checks=checks, errors=("b: nothing listens there",))))
    start = text.index("=== Service checks ===")
    assert text[start : start + 6] == [
        "=== Service checks ===",
        "CRITICAL etcd_latency.can_connect etcd_member:b",
        "b: nothing listens there",
        "OK etcd_latency.can_connect etcd_member:a",
        "=== Errors ===",
        "b: nothing listens there",
    ]


def test_nothing_submitted_is_said() -> None:
    """An empty run is not an empty page."""
    assert squeezed(as_text(run()))[:2] == ["=== Series ===", "none"]
