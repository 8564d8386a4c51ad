"""The dashboards: what they show stands in assets/sources, what Datadog takes is made of it.

    <board>.yaml -> Board of Groups of Widgets -> assets/dashboards/<board>.json

`grid` places them, `widgets` makes each kind, `formulas` reads what they show, `metrics` knows what a metric is
about, `limits` takes thresholds from the monitors. A number that alerts is never typed twice.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from lab.assets.dashboards.board import Board, definition
from lab.assets.dashboards.limits import Limits
from lab.assets.monitors import monitors

SOURCES = Path("assets/sources")
DASHBOARDS = Path("assets/dashboards")
BOARDS = ("overview", "deep_dive")


def rendered() -> dict[Path, str]:
    """The text of each dashboard, by its path from the root of the project, from which it is to be called."""
    limits = Limits(monitors())
    return {DASHBOARDS / f"etcd_latency_{name}.json": text(source(name), limits) for name in BOARDS}


def source(name: str) -> Board:
    """The board of this name, as its file in assets/sources has it."""
    return Board.of(yaml.safe_load((SOURCES / f"{name}.yaml").read_text(encoding="utf-8")))


def text(board: Board, limits: Limits) -> str:
    """A dashboard as JSON."""
    return json.dumps(definition(board, limits), indent=2, ensure_ascii=False) + "\n"
