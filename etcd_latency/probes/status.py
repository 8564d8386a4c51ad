"""What does the member say of itself?

etcd answers alone, also without a leader (server/etcdserver/api/v3rpc/maintenance.go: Status).
"""

from __future__ import annotations

import re

from etcd_latency.model import Alarm, Status
from etcd_latency.probes import fields as read
from etcd_latency.probes.server import Server

ALARM = re.compile(r"memberID:(\d+) +alarm:(\w+)")
"""An alarm among the errors, in protobuf's text format."""


def ask(server: Server) -> Status:
    """Version, sizes, raft's numbers, and what is wrong as far as this member knows."""
    fields = server.gateway.call("maintenance/status", {}).fields
    header = read.header(fields)
    errors = read.texts(fields, "errors")
    return Status(
        cluster_id=read.integer(header, "cluster_id"),
        member_id=read.integer(header, "member_id"),
        version=read.text(fields, "version"),
        db_size=read.integer(fields, "dbSize"),
        db_size_in_use=read.integer(fields, "dbSizeInUse"),
        db_size_quota=read.integer(fields, "dbSizeQuota") if "dbSizeQuota" in fields else None,
        leader=read.integer(fields, "leader"),
        raft_term=read.integer(fields, "raftTerm"),
        raft_index=read.integer(fields, "raftIndex"),
        raft_applied_index=read.integer(fields, "raftAppliedIndex"),
        is_learner=bool(fields.get("isLearner", False)),
        errors=errors,
        alarms=tuple(Alarm(kind, int(number)) for error in errors for number, kind in ALARM.findall(error)),
    )
