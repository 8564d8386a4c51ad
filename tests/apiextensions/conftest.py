"""The tier of `make test-apiextensions`: today's labels and habits of an API server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import cluster, kubernetes
from lab.cluster import Cluster
from lab.kubernetes import Server


@pytest.fixture(scope="session")
def lab() -> Iterator[Cluster]:
    """The etcd below the server: three healthy members. Tests must leave it as it is."""
    with cluster.running() as running:
        yield running


@pytest.fixture(scope="session")
def extensions(lab: Cluster) -> Iterator[Server]:
    """An apiextensions-apiserver that has found its etcd."""
    with kubernetes.extensions_server(lab) as server:
        yield server
