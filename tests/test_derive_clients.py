"""Where the time of an API server's calls goes, by each source of what etcd spends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_latency.derive.clients import Measured, Spent, Split, split, waits
from etcd_latency.derive.pages import Interval
from tests.test_derive_pages import gauge, page, reading_of

HANDLING, REQUEST = "grpc_server_handling_seconds", "etcd_server_request_duration_seconds"
APPLY, RANGE = "etcd_server_apply_duration_seconds", "etcd_server_range_duration_seconds"
NOTHING = Measured()
PROBED = Measured(commit=0.003, serializable_read=0.001, linearizable_read=0.004, write=0.006)
WAITED = {"read": Spent(1.0, 100), "write": Spent(4.0, 100)}


def member(**families: str) -> Interval:
    """What a member observed since a page on which nothing was."""
    text = "".join(f"# TYPE {family} histogram\n{lines}" for family, lines in families.items())
    return Interval(page(gauge(etcd_server_has_leader=1)), page(gauge(etcd_server_has_leader=1) + text, 15.0))


def series(family: str, labels: str, seconds: float, calls: int) -> str:
    """The lines of one histogram."""
    buckets = "".join(f'{family}_bucket{{{labels},le="{bound}"}} {calls}\n' for bound in ("1", "+Inf"))
    return f"{buckets}{family}_sum{{{labels}}} {seconds}\n{family}_count{{{labels}}} {calls}\n"


def grpc(method: str, seconds: float, calls: int) -> str:
    return series(HANDLING, f'grpc_method="{method}",grpc_type="unary"', seconds, calls)


def test_operations_are_reads_or_writes() -> None:
    """All that the calls of a kind took; what is neither a read nor a write is left out."""
    calls = {
        "get": Spent(0.5, 10),
        "list": Spent(2.0, 5),
        "update": Spent(1.0, 10),
        "create": Spent(0.5, 5),
        "watch": Spent(900.0, 3),
    }
    assert waits(calls) == {"read": Spent(2.5, 15), "write": Spent(1.5, 15)}


def test_no_calls() -> None:
    """Of a kind that was not called there is nothing to tell."""
    assert waits({"get": Spent(1.0, 10)}) == {"read": Spent(1.0, 10), "write": Spent(0.0, 0.0)}


def test_the_best_source() -> None:
    """With --metrics=extensive every call is measured in etcd, over all members; Txn is how Kubernetes writes."""
    members = [
        member(**{HANDLING: grpc("Range", 0.1, 50) + grpc("Txn", 0.6, 60) + grpc("Watch", 900.0, 3)}),
        member(**{HANDLING: grpc("Range", 0.3, 50) + grpc("Put", 0.2, 40)}),
    ]
    assert split(WAITED, members, PROBED) == (
        Split("read", 0.01, pytest.approx(0.004), "grpc_handling"),
        Split("write", 0.04, pytest.approx(0.008), "grpc_handling"),
    )


@pytest.mark.parametrize(
    ("family", "label", "measured", "expected"),
    [
        (REQUEST, 'type="Range"', NOTHING, ("read", 0.002, "request")),
        (REQUEST, 'type="Txn"', NOTHING, ("write", 0.002, "request")),
        (APPLY, 'op="Txn",version="v3"', PROBED, ("write", 0.005, "store_and_quorum")),
        (RANGE, 'success="true"', PROBED, ("read", 0.005, "store_and_quorum")),
        (APPLY, 'op="Txn",version="v3"', Measured(write=0.006), ("write", 0.006, "probe")),
        (RANGE, 'success="true"', Measured(linearizable_read=0.004), ("read", 0.004, "probe")),
    ],
)
def test_every_source(family: str, label: str, measured: Measured, expected: tuple[str, float, str]) -> None:
    """A part of what etcd does counts only with the rest; else the check's own questions say it."""
    kind, inside, source = expected
    found = {
        str(one.kind): one for one in split(WAITED, [member(**{family: series(family, label, 0.2, 100)})], measured)
    }
    one = found[kind]
    assert (one.inside, one.source) == (pytest.approx(inside), source)
    assert one.outside == pytest.approx(one.waited - inside)


def test_nothing_is_known_of_etcd() -> None:
    """Then what is spent outside is not known either, and is not all of it."""
    assert split(WAITED, [member()], NOTHING) == ()
    assert split(WAITED, [], NOTHING) == ()


def test_too_few_calls() -> None:
    """The mean of a few is the chance of one of them, on either side."""
    few = {"read": Spent(0.04, 4), "write": Spent(0.0, 0)}
    assert split(few, [], PROBED) == ()
    assert split(WAITED, [member(**{HANDLING: grpc("Range", 0.1, 4)})], NOTHING) == ()


def test_a_recorded_member() -> None:
    """On a real page under load; of 3.5 without extensive metrics writes are put together, reads are asked."""
    basic = Interval(reading_of("etcd-3.5.16/m1-leader-idle"), reading_of("etcd-3.5.16/m1-leader-load", 15.0))
    found = split(WAITED, [basic], PROBED)
    assert [(one.kind, one.source) for one in found] == [("read", "probe"), ("write", "store_and_quorum")]
    assert 0.003 < found[1].inside < 0.0035


@given(st.floats(0, 100), st.floats(0, 100))
def test_what_is_outside_is_never_negative(waited: float, inside: float) -> None:
    """Nor is it more than was waited; the two parts are at least the whole."""
    one = Split("read", waited, inside, "probe")
    assert 0 <= one.outside <= waited
    assert one.outside + one.inside >= one.waited * (1 - 1e-9)
