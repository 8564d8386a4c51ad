"""Where the Agent and its installer look for a check; the check itself is the package `etcd_latency`."""

from etcd_latency import EtcdLatencyCheck, __version__

__all__ = ["EtcdLatencyCheck", "__version__"]
