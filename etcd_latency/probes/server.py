"""What a probe may use."""

from __future__ import annotations

from dataclasses import dataclass

from etcd_latency.client import Client
from etcd_latency.gateway import Gateway
from etcd_latency.model import Target


@dataclass(frozen=True, slots=True)
class Server:
    """One target, for one question at a time."""

    target: Target
    http: Client
    gateway: Gateway
