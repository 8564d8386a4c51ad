"""What is asked beside the metrics page: one question per file, one signature, one table.

A probe takes a `Server` and gives a frozen value of `model`, or raises the `TargetError` that says why
there is none. It judges nothing: what an answer means is decided in `derive`.
"""

from etcd_latency.probes.server import Server
from etcd_latency.probes.table import (
    ALARM_LIST,
    APISERVER_LANES,
    APISERVER_LIVEZ,
    APISERVER_READYZ,
    CERTIFICATE,
    CONTROLLER_MANAGER_LANES,
    HEALTH,
    LINEARIZABLE_READ,
    LIVEZ,
    MEMBER_LANES,
    MEMBER_LIST,
    PAGE,
    READYZ,
    SERIALIZABLE_READ,
    STATUS,
    Probe,
)

__all__ = [
    "ALARM_LIST",
    "APISERVER_LANES",
    "APISERVER_LIVEZ",
    "APISERVER_READYZ",
    "CERTIFICATE",
    "CONTROLLER_MANAGER_LANES",
    "HEALTH",
    "LINEARIZABLE_READ",
    "LIVEZ",
    "MEMBER_LANES",
    "MEMBER_LIST",
    "PAGE",
    "READYZ",
    "SERIALIZABLE_READ",
    "STATUS",
    "Probe",
    "Server",
]
