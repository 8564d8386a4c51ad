"""Is etcd well, as a Kubernetes API server sees it?"""

from __future__ import annotations

from etcd_latency.errors import Down
from etcd_latency.model import Failure, HttpHealth, Level, Verdict


def judged(answer: HttpHealth | Failure) -> Verdict:
    """A health page of an API server; one that may not be read, or is not there, says nothing about etcd."""
    if isinstance(answer, HttpHealth):
        told = answer.reason or f"HTTP {answer.status_code} without a reason"
        return Verdict(Level.OK) if answer.passed else Verdict(Level.CRITICAL, told)
    return Verdict(Level.CRITICAL if isinstance(answer.error, Down) else Level.UNKNOWN, str(answer.error))
