"""What is told of a diagnosis: how bad each cause is in this interval, and what came to hold or is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

from etcd_latency.config import Config
from etcd_latency.derive.diagnosis import (
    NOTHING,
    Cause,
    Diagnosed,
    Diagnosis,
    News,
    Severity,
    Standing,
    holding,
    news,
    with_names,
)
from etcd_latency.model import Event, Finding, Gauge
from etcd_latency.scoreboard import what_is_wrong

Tags = tuple[str, ...]

ALERT_TYPES: Mapping[Severity, Literal["error", "warning", "success"]] = {
    Severity.NONE: "success",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "error",
}


class Verdicts:
    """Which verdicts stand for one cluster, run after run."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._standing: Standing = NOTHING
        self._told: set[tuple[Cause, str]] = set()
        """What was found of a member once: its severity is told from then on, that it may be seen to be over."""

    def rename(self, names: Mapping[str, str]) -> None:
        """Members are called otherwise, by what they were called before."""
        self._told = {(cause, names.get(member, member)) for cause, member in self._told}
        self._standing = with_names(self._standing, names)

    def findings(self, diagnosis: Diagnosis, members: Mapping[str, Tags]) -> Iterator[Finding]:
        """What there is to submit of the diagnosis of a run; `members` are the tags of each, by its name."""
        for (cause, member), severity in self._severities(diagnosis, members).items():
            yield Gauge("diagnosis.severity", severity, (*self._tags(member, members), f"cause:{cause}"))
        self._standing, changes = news(self._standing, diagnosis)
        for change in changes:
            yield self._event(change, self._tags(change.found.member, members))

    def _severities(self, diagnosis: Diagnosis, members: Mapping[str, Tags]) -> dict[tuple[Cause, str], int]:
        """By cause and member; that all is well is said of every cause, once enough was seen."""
        found: defaultdict[tuple[Cause, str], int] = defaultdict(int)
        for one in diagnosis.findings:
            found[one.cause, one.member] = max(found[one.cause, one.member], int(one.severity))
        self._told = {(cause, member) for cause, member in (*self._told, *found) if member in members}
        if not diagnosis.thin:
            for identity in (*((cause, "") for cause in get_args(Cause)), *self._told):
                found[identity] += 0
        return dict(found)

    def _tags(self, member: str, known: Mapping[str, Tags]) -> Tags:
        """The tags of a member, also of one that left; of the whole cluster where it is nobody."""
        left = (*self._config.tagging.tags, *((f"etcd_member:{member}",) if member else ()))
        return known.get(member, left)

    def _event(self, change: News, tags: Tags) -> Event:
        found, is_over = change.found, change.severity is Severity.NONE
        still = "; ".join(map(_in_words, holding(self._standing)))
        over = f"Still found: {still}." if still else "Nothing else is wrong."
        return Event(
            title=f"etcd {self._config.cluster}: {_in_words(found)}{' (over)' * is_over}",
            text=over if is_over else f"{_listed(found.evidence)}\n\nWhat to do:\n{_listed(found.advice)}",
            alert_type=ALERT_TYPES[change.severity],
            aggregation_key=f"{self._config.cluster}:diagnosis:{found.cause}:{found.member}",
            tags=(*tags, f"cause:{found.cause}"),
        )


def _in_words(found: Diagnosed) -> str:
    return f"{found.member}: {what_is_wrong(found)}" if found.member else what_is_wrong(found)


def _listed(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
