"""The check side by side with its peers: `make bench`.

    bodies      pages: recorded, synthetic, and the same a moment later
    server      sends them as etcd does, over mutual TLS, from a process of its own
    peers       who is measured: the check, base's own checks, a bare request
    measure     runs in turn, medians, memory, the CPU time of other processes
    stage       what is set up for measurements: certificates, servers, real clusters
    prometheus  Prometheus itself, where it is installed
    heats       what is measured together, on the same pages and in turn
    rows        the table: which figures are compared, and what they must reach
    table       its rendering
    machine     where and with what it was measured

Nothing here is needed by the check or by its tests; a figure is only as good as the machine was quiet.
"""
