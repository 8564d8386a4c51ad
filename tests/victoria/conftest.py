"""The tier of `make test-oracle`: VictoriaMetrics, fetched from Debian, is asked what our evaluator is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.oracle import victoria
from lab.oracle.agreement import NOTHING_COMPARED, Comparison
from lab.oracle.victoria import Victoria

TALLY = pytest.StashKey[list[Comparison]]()

Agrees = Callable[[Comparison], bool]


@pytest.fixture
def empty() -> Iterator[Victoria]:
    """A VictoriaMetrics without any data."""
    with victoria.running() as oracle:
        yield oracle


@pytest.fixture(scope="session")
def agrees(request: pytest.FixtureRequest) -> Agrees:
    """Says whether a comparison found both to agree, and counts what was compared for the last line of the run."""
    tally = request.config.stash.setdefault(TALLY, [])

    def judge(comparison: Comparison) -> bool:
        tally.append(comparison)
        return comparison.agrees()

    return judge


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell how much was compared: an agreement over nothing would be none."""
    tally = config.stash.get(TALLY, [])
    total = sum(tally, NOTHING_COMPARED)
    terminalreporter.write_line(
        f"VictoriaMetrics: {len(tally)} queries, {total.values} values compared, {total.worst:.1e} apart at most, "
        f"{len(total.lone)} that only one side has"
    )
