"""Which alarms are active, and how long does a request take that travels as a write does?

The list goes through raft: one entry in the write-ahead log of every member, agreed upon by a quorum, no
key touched; it works when writes are refused for want of space (etcd: server/etcdserver/v3_server.go: Alarm).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from etcd_latency.errors import BadPage
from etcd_latency.model import Alarm, AlarmList
from etcd_latency.probes.fields import integer, objects, text
from etcd_latency.probes.server import Server


def ask(server: Server) -> AlarmList:
    """The alarms of the whole cluster; an alarm whose kind is left out is none."""
    said = server.gateway.call("maintenance/alarm", {"action": "GET"})
    return AlarmList(
        alarms=tuple(
            Alarm(_kind(alarm), integer(alarm, "memberID"))
            for alarm in objects(said.fields, "alarms")
            if text(alarm, "alarm") not in ("", "NONE")
        ),
        seconds=said.seconds,
    )


def _kind(alarm: Mapping[str, Any]) -> str:
    found = text(alarm, "alarm")
    if not re.fullmatch("[A-Z_]{1,32}", found):
        raise BadPage(f"etcd's answer holds alarm: {found!r}, which is none; is this an etcd member?")
    return found
