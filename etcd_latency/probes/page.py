"""The metrics page."""

from __future__ import annotations

from etcd_latency.model import Page
from etcd_latency.probes.server import Server


def ask(server: Server) -> Page:
    """GET the page, or what is wanted of it."""
    return server.http.page()
