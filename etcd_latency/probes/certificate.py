"""Until when are the certificates good that this target depends on?

The one that it shows (etcd reads it anew for every connection, so a renewal is seen), and the files that
the check was configured with.
"""

from __future__ import annotations

from etcd_latency.certificates import configured, served
from etcd_latency.model import Certificate
from etcd_latency.probes.server import Server


def ask(server: Server) -> tuple[Certificate, ...]:
    """The server's certificate, the client's, and the CA that signed the server's; none over plain HTTP."""
    shown = server.http.served_certificate(server.target.url)
    if shown is None:
        return ()
    return (served(shown), *configured(server.http.options, shown))
