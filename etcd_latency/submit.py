"""What the check itself says, beside the pages: the only module that names the Agent's methods for it."""

from __future__ import annotations

from datadog_checks.base import AgentCheck

from etcd_latency.model import Target

CAN_CONNECT = "can_connect"


def connected(check: AgentCheck, target: Target) -> None:
    """The target was measured in this run."""
    check.service_check(CAN_CONNECT, AgentCheck.OK, tags=list(target.tags))


def not_connected(check: AgentCheck, target: Target, message: str) -> None:
    """The target could not be measured; the message says why and what to do."""
    check.service_check(CAN_CONNECT, AgentCheck.CRITICAL, tags=list(target.tags), message=message)
