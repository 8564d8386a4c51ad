"""What a dashboard has to know of a metric: its unit, what it tells, and what it can be filtered by."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from etcd_latency import catalog
from etcd_latency.catalog import Family
from lab.process import LabError

SOURCES = ("etcd", "apiserver", "controller_manager", "check")
"""The catalogues of what is sent without an option; that of Go's runtime needs one."""

CLUSTER, MEMBER, APISERVER = "etcd_cluster", "etcd_member", "apiserver"
VARIABLES = (CLUSTER, MEMBER, APISERVER)
"""The template variables, each called like its tag."""

CARRIED = (
    ("apiserver.", (CLUSTER, APISERVER)),
    ("controller_manager.", (CLUSTER,)),
    ("cluster.commit_latency.estimate", (CLUSTER,)),
    ("cluster.commit_latency.one_failure_away", (CLUSTER,)),
    ("cluster.commit_latency.", (CLUSTER, MEMBER)),
    ("cluster.", (CLUSTER,)),
    # These have series without a member, too, which a chosen member must not hide.
    ("diagnosis.", (CLUSTER,)),
    ("certificate", (CLUSTER,)),
    ("probe.success", (CLUSTER,)),
    ("can_connect", (CLUSTER,)),
    ("quorum", (CLUSTER,)),
    ("", (CLUSTER, MEMBER)),
)
"""Which of these a metric or service check carries, by how its name begins; the first that fits counts."""


def variables(name: str) -> tuple[str, ...]:
    """The template variables that filter a metric or a service check, of a name without the namespace."""
    return next(carried for beginning, carried in CARRIED if name.startswith(beginning))


@cache
def _families() -> dict[str, Family]:
    # Where versions of a server have several families for one metric, the newest describes it.
    return {family.name: family for source in SOURCES for family in reversed(catalog.load(source).families)}


def family(name: str) -> Family:
    """Where a metric comes from; LabError where there is none of this name."""
    found = _families().get(name) or _families().get(name.rpartition(".")[0])
    if found is None:
        raise LabError(f"metric {name}: neither etcd's page nor the check has it; see assets/metadata.csv")
    return found


def unit(name: str) -> str:
    """The unit of a metric, or nothing; how many observations there were has none."""
    found = family(name)
    return "" if found.kind == "histogram" and name.endswith(".count") else found.unit or ""


def helps(names: Iterable[str]) -> str:
    """What these metrics tell, each thing once."""
    return " ".join(dict.fromkeys(family(name).help for name in names))
