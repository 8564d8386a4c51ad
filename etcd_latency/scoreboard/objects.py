"""The board for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from etcd_latency.errors import fit_to_show
from etcd_latency.scoreboard.columns import COLUMNS
from etcd_latency.scoreboard.limits import Limit
from etcd_latency.scoreboard.values import Board, Clean, Row, word
from etcd_latency.scoreboard.verdict import Told, findings, nothing_found

WITH_RESOLUTION = ("fsync_p99_seconds", "backend_commit_p99_seconds")
"""The percentiles: how much each is worth stands beside it."""


def as_json(board: Board, clean: Clean = fit_to_show) -> str:
    """One object on one line."""
    told = findings(board, clean)
    first = told[0] if told else nothing_found(board, clean)
    return json.dumps(
        {
            "cluster": clean(board.cluster),
            **_fields(first),
            "members": [_member(row, board.limits, clean) for row in board.rows],
            "findings": [_fields(one) for one in told],
        }
    )


def _fields(told: Told) -> dict[str, Any]:
    return {
        "severity": word(told.level),
        "cause": told.cause,
        "member": told.member,
        "evidence": list(told.evidence),
        "advice": list(told.advice),
    }


def _member(row: Row, limits: Mapping[str, Limit], clean: Clean) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": clean(row.name), "leader": row.leader, "learner": row.is_learner}
    for column in COLUMNS:
        fields[column.key] = column.value(row)
        if column.key in WITH_RESOLUTION:
            fields[column.key.replace("_seconds", "_resolution")] = column.resolution(row)
    levels = {column.key: column.level(row, limits) for column in COLUMNS}
    return {
        **fields,
        "health": row.health.state,
        "health_reason": clean(row.health.words),
        "beyond_limits": {key: word(level) for key, level in levels.items() if level},
    }
