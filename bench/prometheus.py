"""Prometheus itself, where it is installed: the CPU time of its process for each scrape, storage included."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from bench.measure import Figures, cpu_while
from bench.server import Credentials
from bench.stage import Stage
from lab.process import Process, free_ports

PACKAGE = "prometheus"
"""What Debian calls it."""

INTERVAL_SECONDS = 0.2
SETTLE_SECONDS = 4.0
MEASURED_SECONDS = 6.0


def program() -> str | None:
    """Where it is, if it is installed."""
    return shutil.which("prometheus")


def cpu_per_scrape(stage: Stage, url: str) -> Figures:
    """Milliseconds for a scrape of this page, without what it takes while it has nothing to scrape."""
    stage.say("Prometheus")
    folder = stage.folder / "prometheus"
    folder.mkdir()
    targets = folder / "targets.json"
    targets.write_text("[]")
    config = folder / "prometheus.json"
    config.write_text(json.dumps(_config(targets, stage.client)))
    (port,) = free_ports(1)
    command = [
        program() or PACKAGE,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = Process(command, folder / "log")
    try:
        idle = _cpu(process)
        _replace(targets, json.dumps([{"targets": [url.removeprefix("https://")]}]))
        busy = _cpu(process)
    finally:
        process.kill()
    return Figures((1000 * (busy - idle) / (MEASURED_SECONDS / INTERVAL_SECONDS),))


def _cpu(process: Process) -> float:
    time.sleep(SETTLE_SECONDS)
    return cpu_while(process.pid, lambda: time.sleep(MEASURED_SECONDS))


def _replace(path: Path, text: str) -> None:
    """At once: Prometheus watches the file, and must not read half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def _config(targets: Path, client: Credentials) -> dict[str, object]:
    scrape = {
        "job_name": "bench",
        "scheme": "https",
        "scrape_interval": f"{INTERVAL_SECONDS * 1000:.0f}ms",
        "scrape_timeout": f"{INTERVAL_SECONDS * 1000:.0f}ms",
        "tls_config": {"ca_file": client.ca, "cert_file": client.cert, "key_file": client.key},
        "file_sd_configs": [{"files": [str(targets)]}],
    }
    return {"scrape_configs": [scrape]}
