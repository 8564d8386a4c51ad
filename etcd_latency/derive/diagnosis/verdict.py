"""Which findings hold: never told by one interval alone, neither that they began nor that they are over.

What is thin changes nothing. So an event is told when trouble has come to stay, and when it has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from etcd_latency.derive.diagnosis.views import Cause, Diagnosed, Diagnosis, Severity

Identity = tuple[Cause, str]
"""A cause and its member: figures change from run to run, and are no news."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is remembered of one finding."""

    found: Diagnosed
    """As it was found last."""
    latest: Severity
    """How bad it was in the last interval that could tell; none when it was not found there."""
    told: Severity
    """How bad it is said to be; none while that it began is not told yet."""


Standing = Mapping[Identity, Held]
"""What holds, and what may come to."""

NOTHING: Standing = {}


@dataclass(frozen=True, slots=True)
class News:
    """A finding that holds from now on, holds as worse or better than before, or is over."""

    found: Diagnosed
    """As it was found last."""
    severity: Severity
    """How bad it holds; none when it is over."""


def news(before: Standing, diagnosis: Diagnosis) -> tuple[Standing, tuple[News, ...]]:
    """What has to be told after an interval, and what to remember until the next one."""
    if diagnosis.thin:
        return before, ()
    found = {(one.cause, one.member): one for one in diagnosis.findings}
    after = {identity: _seen(before.get(identity), one) for identity, one in found.items()}
    after |= {identity: _missed(held) for identity, held in before.items() if identity not in found}
    told = tuple(
        News(held.found, held.told)
        for identity, held in after.items()
        if held.told != (before[identity].told if identity in before else Severity.NONE)
    )
    return {identity: held for identity, held in after.items() if held.told or held.latest}, told


def holding(standing: Standing) -> tuple[Diagnosed, ...]:
    """What holds, as it was found last and as bad as it is said to be; the worst first."""
    held = [replace(one.found, severity=one.told) for one in standing.values() if one.told]
    return tuple(sorted(held, key=lambda one: -one.severity))


def with_names(standing: Standing, renamed: Mapping[str, str]) -> Standing:
    """The same of members that are called otherwise now, by what they were called before: that is no news."""
    found = ((renamed.get(member, member), cause, held) for (cause, member), held in standing.items())
    return {(cause, name): replace(held, found=replace(held.found, member=name)) for name, cause, held in found}


def _seen(last: Held | None, found: Diagnosed) -> Held:
    latest, told = (last.latest, last.told) if last else (Severity.NONE, Severity.NONE)
    return Held(found, found.severity, _settled(told, latest, found.severity))


def _missed(last: Held) -> Held:
    return Held(last.found, Severity.NONE, _settled(last.told, last.latest, Severity.NONE))


def _settled(told: Severity, latest: Severity, now: Severity) -> Severity:
    """As bad as both of the last two intervals say at least, and no worse than one of them says."""
    return min(max(told, min(latest, now)), max(latest, now))
