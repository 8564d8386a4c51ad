"""The table of probes: what each is called, who asks it, in which order, how often.

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


PAGE = Probe("page", page.ask)
STATUS = Probe("status", status.ask)
SERIALIZABLE_READ = Probe("serializable_read", read.serializable)
LINEARIZABLE_READ = Probe("linearizable_read", read.linearizable)
ALARM_LIST = Probe("alarm_list", alarm_list.ask)
MEMBER_LIST = Probe("member_list", member_list.ask)
HEALTH = Probe("health", health_page.health)
LIVEZ = Probe("livez", health_page.livez)
READYZ = Probe("readyz", health_page.readyz)
CERTIFICATE = Probe("certificate", certificate.ask)
APISERVER_LIVEZ = Probe("livez", health_page.apiserver_livez)
APISERVER_READYZ = Probe("readyz", health_page.apiserver_readyz)

Lane = tuple[Probe[Any], ...]

MEMBER_LANES: tuple[Lane, ...] = (
    (LINEARIZABLE_READ, ALARM_LIST),
    (SERIALIZABLE_READ, STATUS, MEMBER_LIST),
    (PAGE, LIVEZ, HEALTH, READYZ),
    (CERTIFICATE,),
)
APISERVER_LANES: tuple[Lane, ...] = ((APISERVER_LIVEZ,), (APISERVER_READYZ,), (PAGE,), (CERTIFICATE,))
CONTROLLER_MANAGER_LANES: tuple[Lane, ...] = ((PAGE,), (CERTIFICATE,))
