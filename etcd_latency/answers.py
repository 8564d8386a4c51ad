"""The answers of a run, by who was asked and what; failure is a value."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from etcd_latency.errors import TargetError
from etcd_latency.model import Failure, Key, Target
from etcd_latency.probes import Probe

T = TypeVar("T")


class Answers:
    """What was answered in one run, by target and question."""

    def __init__(self) -> None:
        self._answers: dict[tuple[Key, Probe[Any]], Any] = {}

    def put(self, target: Target, probe: Probe[Any], answer: Any) -> None:
        """Keep a value or a `Failure`."""
        self._answers[target.key, probe] = answer

    def of(self, target: Target, probe: Probe[T]) -> T | Failure | None:
        """The value, the failure, or None where it was not asked or has not arrived."""
        answer: T | Failure | None = self._answers.get((target.key, probe))
        return answer

    def keep(self, others: Answers) -> None:
        """Take over what lasts of the answers of a run."""
        for (key, probe), answer in others._answers.items():
            if probe.lasting and not (isinstance(answer, Failure) and probe.holds_when_down):
                self._answers[key, probe] = answer

    def forget_all_but(self, targets: Iterable[Target]) -> None:
        """Let go what was answered by others."""
        keys = {target.key for target in targets}
        self._answers = {key: answer for key, answer in self._answers.items() if key[0] in keys}

    def forget_votes(self, learners: Collection[Key]) -> None:
        """Let go what was answered at these when there was a voter, who was replaced since."""
        self._answers = {
            (key, probe): answer
            for (key, probe), answer in self._answers.items()
            if not (probe.of_voters and key in learners)
        }

    def value(self, target: Target, probe: Probe[T]) -> T | None:
        """The value, where there is one."""
        answer = self.of(target, probe)
        return None if isinstance(answer, Failure) else answer

    def error(self, target: Target, probe: Probe[Any]) -> TargetError | None:
        """Why there is no value, where that is known."""
        answer = self.of(target, probe)
        return answer.error if isinstance(answer, Failure) else None
