"""Why is it slow, and which member is it?

views       what a diagnosis is made from, and what it says
limits      from which figures on something is wrong, and who says so
symptoms    what one member's pages show, as figures
cluster     what the members' pages show together: who is reached by whom, who stands out
stalls      slow writes: is it the disk, or does the process not get to run
network     slow and lost ways between members
case        a cluster, what several causes ask about it, and whom a cause has hit
presence, room, slowness
            how each cause finds whom it has hit
causes      the table of causes, and the diagnosis
verdict     which findings hold from run to run
"""

from etcd_latency.derive.diagnosis.causes import diagnose
from etcd_latency.derive.diagnosis.verdict import NOTHING, News, Standing, holding, news, with_names
from etcd_latency.derive.diagnosis.views import (
    Cause,
    ClusterView,
    Diagnosed,
    Diagnosis,
    MemberView,
    Severity,
)

__all__ = [
    "NOTHING",
    "Cause",
    "ClusterView",
    "Diagnosed",
    "Diagnosis",
    "MemberView",
    "News",
    "Severity",
    "Standing",
    "diagnose",
    "holding",
    "news",
    "with_names",
]
