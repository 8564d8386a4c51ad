"""What does the member say of itself?

etcd answers alone, also without a leader (server/etcdserver/api/v3rpc/maintenance.go: Status).
"""

from __future__ import annotations

import re

from etcd_latency.model import Alarm, Status
from etcd_latency.probes.fields import header, integer, matching, texts
from etcd_latency.probes.server import Server

ALARM = re.compile(r"memberID:(\d{1,20}) +alarm:([A-Z_]{1,32})")
"""An alarm among the errors, in protobuf's text format."""

VERSION = re.compile(r"\d{1,4}\.\d{1,4}\b.*")
"""Its numbers are compared."""


def ask(server: Server) -> Status:
    """Version, sizes, raft's numbers, and what is wrong as far as this member knows."""
    fields = server.gateway.call("maintenance/status", {}).fields
    answering = header(fields)
    errors = texts(fields, "errors")
    return Status(
        cluster_id=integer(answering, "cluster_id"),
        member_id=integer(answering, "member_id"),
        db_size=integer(fields, "dbSize"),
        db_size_in_use=integer(fields, "dbSizeInUse"),
        db_size_quota=integer(fields, "dbSizeQuota") if "dbSizeQuota" in fields else None,
        leader=integer(fields, "leader"),
        raft_term=integer(fields, "raftTerm"),
        raft_index=integer(fields, "raftIndex"),
        raft_applied_index=integer(fields, "raftAppliedIndex"),
        is_learner=bool(fields.get("isLearner", False)),
        version=matching(fields, "version", VERSION),
        errors=errors,
        alarms=tuple(Alarm(kind, int(number)) for error in errors for number, kind in ALARM.findall(error)),
    )
