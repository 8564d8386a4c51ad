"""Our monitors and boards on recordings of real clusters: our evaluator and VictoriaMetrics say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.datadog.query import parse_monitor, parse_query
from lab.datadog.query.tree import Expression, MetricAlert
from lab.datadog.store import Store
from lab.oracle import victoria
from lab.oracle.agreement import NOTHING_COMPARED, Comparison, compare
from lab.oracle.victoria import Victoria
from lab.recordings import matrix
from lab.recordings.matrix import Play
from tests.victoria.conftest import Agrees

MONITORS = Path("assets/monitors")
BOARDS = Path("assets/dashboards")


@pytest.fixture(scope="module", params=matrix.names())
def play(request: pytest.FixtureRequest) -> Play:
    """A recording that was replayed through the check."""
    return matrix.played(request.param)


@pytest.fixture(scope="module")
def fed(play: Play) -> Iterator[Victoria]:
    """A VictoriaMetrics that holds what the check submitted."""
    with victoria.running() as oracle:
        oracle.feed(play.store)
        yield oracle


def monitors() -> dict[str, MetricAlert]:
    """The monitors of metrics that are delivered, by their keys."""
    queries = {path.stem: json.loads(path.read_text())["definition"]["query"] for path in MONITORS.glob("*.json")}
    alerts = {key: parse_monitor(query) for key, query in sorted(queries.items())}
    return {key: alert for key, alert in alerts.items() if isinstance(alert, MetricAlert)}


def shown() -> dict[str, Expression]:
    """What all boards show of metrics: each formula with its queries in place of their names, and each query alone.

    Forecasts are left out: ours stand in monitors alone.
    """
    requests = [one for path in BOARDS.glob("*.json") for one in _requests(json.loads(path.read_text()))]
    found = {text for request in requests for text in _written(request) if "forecast(" not in text}
    return {text: parse_query(text) for text in sorted(found)}


def _requests(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict) and "formulas" in node:
        yield node
    elif isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from _requests(part)


def _written(request: Mapping[str, Any]) -> Iterator[str]:
    queries = {query["name"]: query["query"] for query in request["queries"]}
    yield from queries.values()
    for formula in request["formulas"]:
        yield re.sub(r"\bquery\d+\b", lambda name: f"({queries[name[0]]})", formula["formula"])


def disagreements(
    oracle: Victoria, store: Store, asked: Mapping[str, Expression | MetricAlert], agrees: Agrees
) -> dict[str, Comparison]:
    """What does not agree, by name."""
    found = {name: compare(oracle, store, query) for name, query in asked.items()}
    assert sum(found.values(), NOTHING_COMPARED).values
    return {name: comparison for name, comparison in found.items() if not agrees(comparison)}


def test_monitors(fed: Victoria, play: Play, agrees: Agrees) -> None:
    """Each is compared with its thresholds by the same values, in each minute and for each group."""
    assert disagreements(fed, play.store, monitors(), agrees) == {}


def test_boards(fed: Victoria, play: Play, agrees: Agrees) -> None:
    """Each line of each graph goes through the same values, and so does what it is calculated from."""
    assert disagreements(fed, play.store, shown(), agrees) == {}
