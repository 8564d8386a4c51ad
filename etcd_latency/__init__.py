"""Why etcd is slow, which member it is, and how far it is from hurting: a Datadog Agent check.

A run, from left to right; nothing points back:

    config    the options as written -> what each target is, and by `sites` how it is reached
    survey    who is asked what: `targets` by the cluster's own member list, `schedule` what is due,
              `fetch` side by side under one deadline; a failure is a value
    probes    one question per file, through `client` (base's `wrapper`, `body`) and etcd's `gateway`
    scrape    page text -> metrics under the names of `catalog`; base's OpenMetrics V2 decides once for each series
    derive    what the answers mean, up to the diagnosis: pure functions
    analysis  keeps what `derive` compares from run to run; `views`, `verdicts`, `boards`: what goes in, comes out
    findings  what becomes of them: gauges, service checks, events, which `submit` hands to the Agent
    check     the Agent's shell that runs these in turn; `cli` runs it without an Agent
"""

from etcd_latency.__about__ import __version__
from etcd_latency.check import EtcdLatencyCheck

# Base finds the configuration models and the version through the module of the class, and takes that to
# be a package directly below the root: here, not in `etcd_latency.check`.
EtcdLatencyCheck.__module__ = __name__

__all__ = ["EtcdLatencyCheck", "__version__"]
