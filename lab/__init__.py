"""How the check is proven without an Agent and without a Datadog account.

    pki         a certificate authority and certificates, made on the spot
    cluster     real etcd members over mutual TLS on free loopback ports
    links       links between members that can be cut or slowed
    faults      what befalls clusters: no leader, no space, members that hang or end, learners, users
    strace      a slow disk
    cgroups     a starved CPU
    trouble     the faults of the demo, by their names
    load        clients that read, write and watch
    kubernetes  an API server and a controller manager on a cluster
    agent       the smallest Agent: runs the check, turns ever-growing counts into changes
    demo        a cluster, a load and the check together, as a table on the terminal

    assets      what is rendered for Datadog: metadata, monitors, dashboards
    recordings  faults of real clusters, and what monitors say while they are replayed
    datadog     its query language, store, evaluator and schemas, as far as we need them
    oracle      VictoriaMetrics, which has to agree

    fetch       the programs that PyPI does not have, into a cache: a command
    recipes     what they are and how each is made; by cache, debian and golang

Nothing here is needed inside the Agent, and nothing of the check imports it.
"""
