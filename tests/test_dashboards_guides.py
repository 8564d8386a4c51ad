from __future__ import annotations

from etcd_latency import catalog
from tests.boards import METRICS, said

NAMED = (
    "process_open_fds",
    "process_max_fds",
    "process_resident_memory_bytes",
    "etcd_disk_backend_commit_duration_seconds",
    "etcd_disk_wal_fsync_duration_seconds",
    "etcd_mvcc_db_total_size_in_bytes",
    "etcd_network_peer_round_trip_time_seconds",
    "grpc_server_handled_total",
    "grpc_server_started_total",
    "etcd_debugging_store_watchers",
    "etcd_debugging_mvcc_slow_watcher_total",
    "etcd_server_leader_changes_seen_total",
    "etcd_server_proposals_failed_total",
    "etcd_server_proposals_committed_total",
    "etcd_server_proposals_applied_total",
    "etcd_request_duration_seconds",
)
"""The families that the two guides of the runbook name."""


def test_what_the_guides_name_is_to_be_seen() -> None:
    """As it is, also where something better is derived from it and shown beside it."""
    ours = {one.exposed: one.name for source in ("etcd", "apiserver") for one in catalog.load(source).families}
    shown = {found.name.removeprefix("etcd_latency.") for _, found in METRICS}
    endings = ("", ".count", ".duration.avg", ".avg")
    assert said(one for one in NAMED if not shown & {ours[one] + ending for ending in endings}) == []
