"""Which alarms are active, and how long does a request take that travels as a write does?

The list goes through raft: one entry in the write-ahead log of every member, agreed upon by a quorum, no
key touched; it works when writes are refused for want of space (etcd: server/etcdserver/v3_server.go: Alarm).
"""

from __future__ import annotations

import re

from etcd_latency.model import Alarm, AlarmList
from etcd_latency.probes.fields import integer, matching, objects, text
from etcd_latency.probes.server import Server

KIND = re.compile("[A-Z_]{1,32}")
"""What an alarm is called becomes a tag."""


def ask(server: Server) -> AlarmList:
    """The alarms of the whole cluster; an alarm whose kind is left out is none."""
    said = server.gateway.call("maintenance/alarm", {"action": "GET"})
    return AlarmList(
        alarms=tuple(
            Alarm(matching(alarm, "alarm", KIND), integer(alarm, "memberID"))
            for alarm in objects(said.fields, "alarms")
            if text(alarm, "alarm") not in ("", "NONE")
        ),
        seconds=said.seconds,
    )
