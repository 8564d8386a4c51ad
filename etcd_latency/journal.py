"""What the log tells of failures: each once, when it begins or changes, and the end of all."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from etcd_latency.derive import failures
from etcd_latency.errors import TargetError
from etcd_latency.model import Target

Errors = Mapping[str, TargetError | None]
"""By question; None where it was answered. A question that was not asked this time is as it was."""


class Journal:
    """Remembers from run to run what was told."""

    def __init__(self) -> None:
        self._failing: dict[tuple[str, str], Errors] = {}

    def news(self, found: Mapping[Target, Errors]) -> Iterable[tuple[int, str]]:
        """Level and text of what is new in this run; who is not among the targets any more is forgotten."""
        before, self._failing = self._failing, {}
        for target, errors in found.items():
            known = before.get(target.key, {})
            self._failing[target.key] = {**known, **errors}
            yield from _changes(str(target), known, self._failing[target.key])


def _changes(target: str, known: Errors, now: Errors) -> Iterable[tuple[int, str]]:
    # What a server does not offer is no failure, but worth a line.
    for missing, level in ((False, logging.WARNING), (True, logging.INFO)):
        told, lines = (failures.lines(target, errors, missing=missing) for errors in (known, now))
        yield from ((level, line) for reason, line in lines.items() if reason not in told)
        if told and not lines and not missing:
            yield logging.INFO, f"{target}: all is answered again"
