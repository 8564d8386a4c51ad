"""The tier of `make test-kube`: a control plane of Kubernetes on a real cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import cluster, kubernetes
from lab.cluster import Cluster
from lab.kubernetes import Server


@pytest.fixture(scope="session")
def lab() -> Iterator[Cluster]:
    """The etcd below the API server: three healthy members. Tests must leave it as it is."""
    with cluster.running() as running:
        yield running


@pytest.fixture(scope="session")
def api(lab: Cluster) -> Iterator[Server]:
    """A kube-apiserver that is ready."""
    with kubernetes.api_server(lab) as server:
        yield server


@pytest.fixture(scope="session")
def manager(lab: Cluster, api: Server) -> Iterator[Server]:
    """A kube-controller-manager that is healthy."""
    with kubernetes.controller_manager(lab, api) as server:
        yield server
