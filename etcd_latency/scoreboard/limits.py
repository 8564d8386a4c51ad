"""From where on a value matters, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from etcd_latency.model import Level


class Limit(NamedTuple):
    """From where on a value matters. Where low is bad, the critical one is the lower of the two."""

    warning: float
    critical: float
    source: str

    def level(self, value: float) -> Level:
        """On which side of the two a value is; a value at a limit is within it."""
        sign = -1 if self.critical < self.warning else 1
        if sign * value > sign * self.critical:
            return Level.CRITICAL
        return Level.WARNING if sign * value > sign * self.warning else Level.OK


LIMITS: Mapping[str, Limit] = {
    "fsync_p99_seconds": Limit(0.010, 0.100, "etcd's FAQ: 10 ms; 100 ms is the default interval of heartbeats"),
    "backend_commit_p99_seconds": Limit(0.025, 0.250, "etcd's FAQ: 25 ms; etcd's own alert rules: 250 ms"),
    "peer_rtt_seconds": Limit(0.050, 0.150, "what OpenShift asks of a network: 50 ms; etcd's own alert rules: 150 ms"),
    "apply_lag_entries": Limit(1000, 5000, "beyond 5000 etcd refuses requests (v3_server.go); a fifth of that"),
    "db_quota_used_ratio": Limit(0.80, 0.95, "a common alert: 80 %; etcd's own alert rules: 95 %"),
    "file_descriptors_used_ratio": Limit(0.80, 0.90, "a common alert: 80 %; Zabbix' and Elastic's templates: 90 %"),
    "certificate_days_left": Limit(30, 7, "defaults of `certificate_warning_days` and `certificate_critical_days`"),
}
"""What is coloured, by its key in JSON; the source says who holds that it matters from there on."""
