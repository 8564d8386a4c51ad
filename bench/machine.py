"""Where and with what it was measured."""

from __future__ import annotations

import os
import platform
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from lab import cluster
from lab.process import LabError, output

PACKAGES = {
    "base": "datadog-checks-base",
    "requests": "requests",
    "urllib3": "urllib3",
    "prometheus_client": "prometheus_client",
}
GIT = "it tells which commit was measured"


def facts() -> Iterator[str]:
    """What a reader must know to place the figures."""
    yield f"{_cpu()}, {os.cpu_count()} cores; {platform.freedesktop_os_release()['PRETTY_NAME']}"
    packages = ", ".join(f"{name} {version(package)}" for name, package in PACKAGES.items())
    yield f"Python {platform.python_version()}, {packages}, {ssl.OPENSSL_VERSION.rsplit(' ', 3)[0]}, etcd {_etcd()}"
    yield f"{datetime.now(UTC):%Y-%m-%d}, commit {_commit()}"


def load() -> float:
    """How many programs wanted a core in the last minute."""
    return os.getloadavg()[0]


def _cpu() -> str:
    models = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return models[0].strip() if models else platform.machine()


def _etcd() -> str:
    said = output([cluster.etcd_binary(), "--version"], "it belongs to the lab")
    return said.split("\n", 1)[0].rpartition(" ")[2]


def _commit() -> str:
    try:
        commit = output(["git", "rev-parse", "--short", "HEAD"], GIT).strip()
        changed = output(["git", "status", "--porcelain", "--untracked-files=no", "--", "etcd_latency"], GIT)
    except LabError as error:
        return f"unknown ({error})"
    return f"{commit}, with changes that are not in it" if changed else commit
