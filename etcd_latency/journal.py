"""What the log tells of failures: each once, when it begins or changes, and the end of all."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from etcd_latency.derive import failures
from etcd_latency.errors import TargetError
from etcd_latency.model import Key, Target

Errors = Mapping[str, TargetError | None]
"""By question; None where it was answered. A question that was not asked this time is as it was."""


class Journal:
    """Remembers from run to run what was told."""

    def __init__(self) -> None:
        self._failing: dict[Key, Errors] = {}
        self._missing: dict[Key, set[str]] = {}

    def news(self, found: Mapping[Target, Errors]) -> Iterable[tuple[int, str]]:
        """Level and text of what is new in this run; who is not among the targets any more is forgotten."""
        failing, missing = self._failing, self._missing
        self._failing = {target.key: {**failing.get(target.key, {}), **errors} for target, errors in found.items()}
        self._missing = {target.key: missing.get(target.key, set()) for target in found}
        for target in found:
            yield from _changes(str(target), failing.get(target.key, {}), self._failing[target.key])
            yield from self._not_offered(target)

    def _not_offered(self, target: Target) -> Iterable[tuple[int, str]]:
        """What a server does not offer is no failure, but worth a line, and after an outage not another."""
        told = self._missing[target.key]
        for gist, line in failures.lines(str(target), self._failing[target.key], missing=True).items():
            if gist not in told:
                told.add(gist)
                yield logging.INFO, line


def _changes(target: str, known: Errors, now: Errors) -> Iterable[tuple[int, str]]:
    told, lines = (failures.lines(target, errors, missing=False) for errors in (known, now))
    yield from ((logging.WARNING, line) for gist, line in lines.items() if gist not in told)
    if told and not lines:
        yield logging.INFO, f"{target}: all is answered again"
