"""The smallest Agent: what its flush makes of gauges and counts."""

from __future__ import annotations

import itertools

from lab.agent import Agent
from tests.conftest import Serve
from tests.servers import pages

PUTS = "# TYPE etcd_mvcc_put_total counter\netcd_mvcc_put_total {}\n"
FSYNC = (
    "# TYPE etcd_disk_wal_fsync_duration_seconds histogram\n"
    'etcd_disk_wal_fsync_duration_seconds_bucket{{le="+Inf"}} {0}\n'
    "etcd_disk_wal_fsync_duration_seconds_sum {1}\netcd_disk_wal_fsync_duration_seconds_count {0}\n"
)
MEMBER = "etcd_member:m1"


def agent(serve: Serve, *texts: str) -> Agent:
    url = serve(pages(*(text.encode() for text in texts)))
    instance = {"cluster": "prod", "members": [{"url": url, "name": "m1"}], "skip_proxy": True, "probes": False}
    clock = itertools.count(step=10).__next__
    return Agent(instance, clock=lambda: float(clock()))


def test_a_count_is_its_growth(serve: Serve) -> None:
    """The first value gives nothing, later ones their difference; after a reset it counts from 0, as the check says."""
    one = agent(serve, *(PUTS.format(value) for value in (100, 130, 130, 5, 9)))
    grown = [one.flush().value("mvcc.put.count", MEMBER) for _ in range(5)]
    assert grown == [None, 30, 0, 5, 4]


def test_a_rate_is_per_second(serve: Serve) -> None:
    """Growth over the time since the flush before; there is none in the first."""
    one = agent(serve, PUTS.format(100), PUTS.format(130))
    assert [one.flush().rate("mvcc.put.count", MEMBER) for _ in range(2)] == [None, 3.0]


def test_a_mean_is_of_the_interval(serve: Serve) -> None:
    """Sum over count of what came since the flush before, and nothing when nothing came."""
    one = agent(serve, FSYNC.format(10, 5), FSYNC.format(14, 5.02), FSYNC.format(14, 5.02))
    means = [one.flush().mean("disk.wal_fsync.duration", MEMBER) for _ in range(3)]
    assert means[0] is None
    assert round(means[1] or 0, 6) == 0.005
    assert means[2] is None


def test_what_is_missing_is_none(serve: Serve) -> None:
    """A series that nobody submitted has no value, in particular not 0."""
    flush = agent(serve, PUTS.format(1)).flush()
    assert flush.value("server.is_leader", MEMBER) is None
    assert flush.value("mvcc.put.count", "etcd_member:other") is None
