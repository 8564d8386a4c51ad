"""What is told of a cluster, in words that are fit to show; not laid out yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from etcd_latency.derive.diagnosis import Cause, Diagnosed, Severity
from etcd_latency.model import Level
from etcd_latency.scoreboard.columns import COLUMNS
from etcd_latency.scoreboard.values import Board, Clean, Row

CAUSES: Mapping[Cause, str] = {
    "disk_wal": "slow disk (write-ahead log)",
    "disk_backend": "slow disk (database)",
    "network": "slow or cut network",
    "cpu": "too little CPU",
    "apply": "entries wait to be applied",
    "load": "more is asked than can be done in time",
    "quorum": "too few members serve",
    "space": "database at or near its quota",
    "file_descriptors": "descriptors run out",
    "hung_member": "process hangs",
}
"""What is wrong, in words behind which may stand with whom."""

GONE = "gone; the others still serve"
NO_MAJORITY = "no majority, so that nobody can write"
RESTLESS = "the leader changes again and again"
"""What is wrong with a quorum: one member is lost, or too many, or none and it does not last."""

RUNBOOK = "runbook: "
"""How the piece of advice begins that is a link."""

MEASURE_LONGER = "Measure for longer: the same command with `--interval 60`."
REACH = "See whether this host reaches the members; the reasons stand above."
ASK_THE_CHECK = "Run `etcd-latency check` on the same file: it tells more."
"""What to do where nothing can be said."""


class Told(NamedTuple):
    """A verdict."""

    level: Level
    cause: Cause | Literal["none", "unknown"]
    member: str
    """Empty for the whole cluster."""
    what: str
    """What is wrong, and with whom, in words."""
    evidence: tuple[str, ...]
    """The strongest first."""
    advice: tuple[str, ...]

    @property
    def steps(self) -> list[str]:
        """What to do."""
        return [text for text in self.advice if not text.startswith(RUNBOOK)]

    @property
    def link(self) -> str:
        """Where to read on; empty where nothing is wrong."""
        return next((text for text in self.advice if text.startswith(RUNBOOK)), "")


def findings(board: Board, clean: Clean) -> list[Told]:
    """All that is wrong, the worst first."""
    return [_told(finding, board, clean) for finding in board.diagnosis.findings if finding.severity]


def nothing_found(board: Board, clean: Clean) -> Told:
    """Nothing is wrong, or nothing can be said."""
    if board.level == Level.OK:
        return Told(Level.OK, "none", "", "nothing slows this cluster down", (), ())
    what = "nothing can be said about this cluster"
    return Told(Level.UNKNOWN, "unknown", "", what, (clean(board.diagnosis.thin),), (_what_tells_more(board),))


def what_is_wrong(finding: Diagnosed) -> str:
    """The words of its cause; those for a lost quorum would frighten where there is one."""
    if finding.cause != "quorum":
        return CAUSES[finding.cause]
    if finding.member:
        return GONE
    return NO_MAJORITY if finding.severity == Severity.CRITICAL else RESTLESS


def beyond_limits(board: Board, clean: Clean) -> list[str]:
    """What is coloured, though it is not the cause of anything: by member."""
    return [f"{clean(row.name)} ({', '.join(what)})" for row in board.rows if (what := _beyond(row, board))]


def _beyond(row: Row, board: Board) -> list[str]:
    coloured = [column.name for column in COLUMNS if column.level(row, board.limits)]
    return [*["health"] * (row.health.state == "failed"), *coloured]


def _told(finding: Diagnosed, board: Board, clean: Clean) -> Told:
    evidence, advice = (tuple(map(clean, texts)) for texts in (finding.evidence, finding.advice))
    if not any(text.startswith(RUNBOOK) for text in advice):
        advice = (*advice, f"{RUNBOOK}assets/runbook.md#{finding.cause.replace('_', '-')}")
    member = clean(finding.member)
    leads = any(row.leader and row.name == finding.member for row in board.rows)
    who = f"{member}{' (leader)' * leads}" if member else "whole cluster"
    return Told(
        Level(int(finding.severity)), finding.cause, member, f"{who}: {what_is_wrong(finding)}", evidence, advice
    )


def _what_tells_more(board: Board) -> str:
    if not board.rows:
        return ASK_THE_CHECK
    return REACH if all(row.health.state == "failed" for row in board.rows) else MEASURE_LONGER
