"""The monitors: rendered from `assets/sources/monitors.yaml` into what Datadog imports.

What all monitors share stands here once: the wrapper, the options, the link to the runbook, what recovery says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.datadog.query import parse_monitor
from lab.datadog.rules import monitors as rules

SOURCE = Path("assets/sources/monitors.yaml")
FOLDER = Path("assets/monitors")
RUNBOOK = Path("assets/runbook.md")
MANIFEST = Path("manifest.json")
TAG = "integration:etcd-latency"
NAME = "etcd latency"
"""Of the integration, with which Datadog wants the name of a monitor to begin."""

MADE = "2026-11-21"

OPTIONS = {
    "include_tags": False,
    "new_group_delay": 300,
    "notify_audit": False,
    "renotify_interval": 0,
}
"""The name of a monitor tells its groups already. A group that is new is left alone for five minutes."""

OF_CHECKS = {"notify_no_data": False, "timeout_h": 1}
"""That there is nothing to be told is told by the monitor `no_data`, once for all. Whoever was taken out of its cluster
is forgotten after an hour."""

OF_QUERIES = {"on_missing_data": "default", "require_full_window": False}
"""A full window is not required: a page that was missed once must not make an alert blind."""

SPARSE = {"on_missing_data": "resolve", "require_full_window": True}
"""Where nobody asks for anything, one slow call in five minutes is all that there is: it is not "for five minutes"."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """One monitor, as its source has it; the file explains the fields."""

    key: str
    title: str
    why: str
    priority: int
    says: str
    first: str
    critical: float
    warning: float
    query: str = ""
    compare: str = ""
    critical_recovery: float | None = None
    warning_recovery: float | None = None
    check: str = ""
    by: tuple[str, ...] = ()
    ok: int | None = None
    sparse: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Its heading in the runbook."""
        return self.key.replace("_", "-")

    @property
    def whole_query(self) -> str:
        """What Datadog evaluates."""
        if not self.check:
            return f"{self.query} {self.compare} {self.critical:.15g}"
        by = ",".join(f'"{key}"' for key in self.by)
        last = int(max(self.critical, self.warning, self.ok or 0)) + 1
        return f'"{self.check}".over("*").by({by}).last({last}).count_by_status()'


@cache
def monitors(source: Path = SOURCE) -> tuple[Monitor, ...]:
    """All monitors, in the order of the source."""
    entries = yaml.safe_load(source.read_text(encoding="utf-8"))
    return tuple(_monitor(key, entry) for key, entry in entries.items())


def _monitor(key: str, entry: Mapping[str, Any]) -> Monitor:
    return Monitor(key=key, **{**entry, "by": tuple(entry.get("by", ()))})


def rendered() -> dict[Path, str]:
    """The files, by their paths."""
    return {FOLDER / f"{one.key}.json": json.dumps(_asset(one), indent=2) + "\n" for one in monitors()}


def _asset(one: Monitor) -> dict[str, Any]:
    return {
        "version": 2,
        "created_at": MADE,
        "last_updated_at": MADE,
        "title": one.title,
        "description": one.why,
        "tags": [TAG],
        "definition": {
            "name": f"[{NAME}] {one.title}{_where(one)}",
            "type": "service check" if one.check else "query alert",
            "query": one.whole_query,
            "message": _message(one),
            "tags": [TAG],
            "options": _options(one),
            "priority": one.priority,
        },
    }


def _options(one: Monitor) -> dict[str, Any]:
    thresholds = {
        name: value
        for name in ("critical", "warning", "ok", "critical_recovery", "warning_recovery")
        if (value := getattr(one, name)) is not None
    }
    of_its_kind = OF_CHECKS if one.check else SPARSE if one.sparse else OF_QUERIES
    return {"thresholds": thresholds, **OPTIONS, **of_its_kind, **one.options}


def _message(one: Monitor) -> str:
    """What happened and where to look first, or that it is over; then the runbook."""
    told = f"{{{{^is_recovery}}}}\n{one.says}\n\nLook first at {one.first}.\n{{{{/is_recovery}}}}"
    over = "{{#is_recovery}}\nThis is over.\n{{/is_recovery}}"
    return f"{told}\n{over}\n\n[What it means and what to do]({runbook_url(one)})"


def _where(one: Monitor) -> str:
    """The groups of a monitor, as its message has them."""
    return "".join(f" {{{{{key}.name}}}}" for key in groups(one)).replace(" ", ": ", 1)


def groups(one: Monitor) -> tuple[str, ...]:
    """The tags that tell its alerts apart."""
    return rules.groups(parse_monitor(one.whole_query))


def runbook_url(one: Monitor) -> str:
    """Its section of the runbook, below the homepage that the manifest names."""
    homepage = json.loads(MANIFEST.read_text(encoding="utf-8"))["author"]["homepage"]
    return f"{homepage}/{RUNBOOK}#{one.anchor}"
