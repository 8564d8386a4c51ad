"""The table of probes: what each is called, of what nature it is, who is asked it, in which order.

Questions of one lane share a connection and are asked one after the other; lanes of a target are asked side
by side, so that what waits for a quorum holds up neither the page nor what a member knows by itself. In a
lane, what must not be lost comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from etcd_latency.probes import alarm_list, certificate, health_page, member_list, page, read, status
from etcd_latency.probes.server import Server

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Probe(Generic[T]):
    """One question."""

    name: str
    """The value of the tag `probe`."""
    ask: Callable[[Server], T]
    timed: bool = False
    """Whether it is asked to learn how long the answer takes."""
    costly: bool = False
    """Whether it is a burden to a cluster in trouble, so that a failure does not bring it forward."""
    lasting: bool = False
    """Whether an answer holds until the next one, and does not come in every run."""
    holds_when_down: bool = False
    """Whether it holds also when the next one is a failure."""
    of_voters: bool = False
    """Whether a learner refuses it, and from 3.5.28 on counts that as an error of its own (etcd:
    server/etcdserver/api/v3rpc/util.go: isRPCSupportedForLearner)."""


PAGE = Probe("page", page.ask)
STATUS = Probe("status", status.ask, lasting=True, holds_when_down=True)
SERIALIZABLE_READ = Probe("serializable_read", read.serializable, timed=True)
LINEARIZABLE_READ = Probe("linearizable_read", read.linearizable, timed=True, of_voters=True)
ALARM_LIST = Probe("alarm_list", alarm_list.ask, timed=True, costly=True, lasting=True, of_voters=True)
MEMBER_LIST = Probe("member_list", member_list.ask, lasting=True, of_voters=True)
HEALTH = Probe("health", health_page.health)
LIVEZ = Probe("livez", health_page.livez)
READYZ = Probe("readyz", health_page.readyz)
CERTIFICATE = Probe("certificate", certificate.ask, lasting=True, holds_when_down=True)
APISERVER_LIVEZ = Probe("livez", health_page.apiserver_livez, timed=True)
APISERVER_READYZ = Probe("readyz", health_page.apiserver_readyz, timed=True)
"""Nobody knows of alarms that cannot be asked for, or stands by a member list from before it was cut off; but a
certificate ends when it ends, and a member does not change its version by being down."""

Questions = tuple[Probe[Any], ...]

MEMBER_LANES: tuple[Questions, ...] = (
    (LINEARIZABLE_READ, ALARM_LIST),
    (SERIALIZABLE_READ, STATUS, MEMBER_LIST),
    (PAGE, LIVEZ, HEALTH, READYZ),
    (CERTIFICATE,),
)
APISERVER_LANES: tuple[Questions, ...] = ((APISERVER_LIVEZ,), (APISERVER_READYZ,), (PAGE,), (CERTIFICATE,))
CONTROLLER_MANAGER_LANES: tuple[Questions, ...] = ((PAGE,), (CERTIFICATE,))
