"""Pressure is real, is seen on the members' own pages, and ends with its block."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from lab import cluster, faults, load
from lab.cluster import Cluster, Member, port_of
from lab.links import HOST
from lab.recordings import pressure
from lab.recordings.pressure import rising
from lab.recordings.stage import Stage

QUOTA = 32 * 2**20
PATIENCE_SECONDS = 90.0


@pytest.fixture(scope="module")
def small() -> Iterator[Cluster]:
    """Three members with a small quota and no load. Tests leave it empty."""
    with cluster.running(flags=[f"--quota-backend-bytes={QUOTA}"]) as running:
        yield running


def total(lab: Cluster, member: Member, family: str, **labels: str) -> float:
    """The sum of the series of a member's page with this name and these labels."""
    with lab.session() as session:
        lines = session.get(f"{member.metrics_url}/metrics", timeout=10).text.splitlines()
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    found = (line for line in lines if line.startswith((f"{family} ", f"{family}{{")))
    return sum(float(line.rpartition(" ")[2]) for line in found if all(label in line for label in wanted))


def becomes(probe: Callable[[], bool]) -> bool:
    """Whether it is so soon."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not probe():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.2)
    return True


def _later(probe: Callable[[], float]) -> float:
    """What it is after a moment."""
    time.sleep(0.5)
    return probe()


@pytest.mark.parametrize(("passed", "value"), [(0, 0.5), (5, 0.75), (10, 1.0), (99, 1.0)])
def test_rising(passed: float, value: float) -> None:
    """What rises begins at one value, and stays at the other."""
    assert rising(0.5, 1.0, 10)(passed) == value


def test_elections(small: Cluster) -> None:
    """Members see the leader change, more than once."""
    member = small.members[0]
    seen = "etcd_server_leader_changes_seen_total"
    before = total(small, member, seen)
    with pressure.elections(small, 0.1):
        assert becomes(lambda: total(small, member, seen) >= before + 4)
    cluster.wait_until_healthy(small)


def test_growing(small: Cluster) -> None:
    """The database grows to its share and no further, and is small again afterwards."""
    member, size = small.members[0], "etcd_mvcc_db_total_size_in_bytes"
    with pressure.growing(small, QUOTA, rising(0.2, 0.3, 1)):
        assert becomes(lambda: total(small, member, size) >= 0.3 * QUOTA)
        time.sleep(0.5)
        assert total(small, member, size) < 0.4 * QUOTA
    assert total(small, member, size) < 0.1 * QUOTA


def test_growing_until_refused(small: Cluster) -> None:
    """Beyond the quota etcd refuses, and takes writes again afterwards."""
    with pressure.growing(small, QUOTA, rising(1.5, 1.5, 1)):
        assert becomes(lambda: bool(small.etcdctl("alarm", "list").get("alarms")))
    assert not small.etcdctl("alarm", "list").get("alarms")


def test_fragmented(small: Cluster) -> None:
    """The file stays large while next to nothing is in it."""
    member = small.members[0]
    sizes = "etcd_mvcc_db_total_size_in_bytes", "etcd_mvcc_db_total_size_in_use_in_bytes"
    with pressure.fragmented(small, QUOTA, 0.3):
        assert total(small, member, sizes[0]) >= 0.3 * QUOTA
        # Deleted pages are free from the next write on.
        assert becomes(lambda: bool(small.etcdctl("put", "k", "v")) and total(small, member, sizes[1]) < 0.1 * QUOTA)
    assert total(small, member, sizes[0]) < 0.1 * QUOTA


def test_connected(small: Cluster) -> None:
    """Connections are opened one after the other, and closed at the end; a limit is seen, and taken back."""
    member, used, most = small.members[1], "process_open_fds", "process_max_fds"
    before, limit = total(small, member, used), total(small, member, most)
    # Some that were open before may have been closed meanwhile.
    with faults.descriptors_limited(member, 200), pressure.connected(member, rising(0, 70, 1)):
        assert becomes(lambda: total(small, member, used) >= before + 50)
        assert total(small, member, most) == 200
    assert becomes(lambda: total(small, member, used) < before + 10)
    assert total(small, member, most) == limit


def test_watchers(small: Cluster) -> None:
    """So many watches are held on one member."""
    member = small.members[2]
    with pressure.watchers(small, member, 40):
        assert becomes(lambda: total(small, member, "etcd_debugging_mvcc_watcher_total") == 40)
    assert becomes(lambda: total(small, member, "etcd_debugging_mvcc_watcher_total") == 0)


def test_deaf_watchers(small: Cluster) -> None:
    """Watchers that do not read fall behind, until they go."""
    member, slow = small.members[2], "etcd_debugging_mvcc_slow_watcher_total"
    with pressure.deaf_watchers(small, member, 3, 0.005):
        assert becomes(lambda: total(small, member, slow) == 3)
    assert becomes(lambda: total(small, member, slow) == 0)
    small.etcdctl("del", "--prefix", pressure.BIG_KEYS)


def test_hoarders() -> None:
    """What is asked for and not taken is held in the member's memory, of which a young one has none to spare."""
    with cluster.running(1) as lab:
        (member,) = lab.members
        before = total(lab, member, "process_resident_memory_bytes")
        with pressure.hoarders(lab, member, 3, 50):
            assert becomes(lambda: total(lab, member, "process_resident_memory_bytes") > before + 60e6)


def test_crowd(small: Cluster) -> None:
    """A crowd writes through one member, and is gone at the end."""
    member = small.members[0]
    put = {"family": "grpc_server_handled_total", "grpc_method": "Put"}
    before = total(small, member, **put)
    with pressure.crowd(small, member, "s"):
        assert becomes(lambda: total(small, member, **put) > before + 100)
    assert becomes(lambda: total(small, member, **put) == _later(lambda: total(small, member, **put)))
    small.etcdctl("del", "--prefix", "/crowd/")


def test_moved(small: Cluster) -> None:
    """The clients of one member are at the others, and come back."""
    stage, member = Stage(small, None), small.members[2]
    put = {"family": "grpc_server_handled_total", "grpc_method": "Put"}
    with stage.clients:
        stage.clients.enter_context(load.running(small))
        with pressure.moved(stage, member):
            before = [total(small, each, **put) for each in small.members]
            assert becomes(lambda: total(small, small.members[0], **put) > before[0] + 5)
            assert total(small, member, **put) == before[2]
        assert becomes(lambda: total(small, member, **put) > before[2] + 5)
    faults.empty(small)


def test_old_certificate(small: Cluster) -> None:
    """A new connection is shown the certificate that ends soon, and later the one that does not."""
    assert _days_left(small) > 300
    with faults.old_certificate(small, timedelta(days=5)):
        assert 4 < _days_left(small) < 5
    assert _days_left(small) > 300


def _days_left(lab: Cluster) -> float:
    context = ssl.create_default_context(cafile=str(lab.pki.ca))
    context.load_cert_chain(lab.client.cert, lab.client.key)
    with (
        socket.create_connection((HOST, port_of(lab.members[0].client_url)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
    assert shown
    return (x509.load_der_x509_certificate(shown).not_valid_after_utc - datetime.now(UTC)) / timedelta(days=1)
