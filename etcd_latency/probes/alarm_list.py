"""Which alarms are active, and how long does a request take that travels as a write does?

The list goes through raft: one entry in the write-ahead log of every member, agreed upon by a quorum, no
key touched; it works when writes are refused for want of space (etcd: server/etcdserver/v3_server.go: Alarm).
"""

from __future__ import annotations

from etcd_latency.model import Alarm, AlarmList
from etcd_latency.probes import fields as read
from etcd_latency.probes.server import Server


def ask(server: Server) -> AlarmList:
    """The alarms of the whole cluster; an alarm whose kind is left out is none."""
    said = server.gateway.call("maintenance/alarm", {"action": "GET"})
    return AlarmList(
        alarms=tuple(
            Alarm(str(alarm["alarm"]), read.integer(alarm, "memberID"))
            for alarm in read.objects(said.fields, "alarms")
            if alarm.get("alarm", "NONE") != "NONE"
        ),
        seconds=said.seconds,
        warm=said.warm,
    )
