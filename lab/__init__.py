"""How the check is proven without an Agent and without a Datadog account.

    pki      a certificate authority and certificates, made on the spot
    cluster  real etcd members over mutual TLS on free loopback ports
    load     clients that read, write and watch
    agent    the smallest Agent: runs the check, turns ever-growing counts into changes
    demo     all of it together, as a table on the terminal

Nothing here is needed inside the Agent, and nothing of the check imports it.
"""
