"""Which findings are told: what is found twice in a row, until it is missing twice in a row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_latency.derive.diagnosis import NOTHING, Diagnosed, Diagnosis, Severity, Standing, holding, news

LEVELS = {".": Severity.NONE, "w": Severity.WARNING, "C": Severity.CRITICAL}
THIN = "?"
"""An interval that tells nothing."""


def finding(severity: Severity, member: str = "m2", run: int = 0) -> Diagnosed:
    return Diagnosed("disk_wal", member, severity, (f"seen in run {run}",), ())


def diagnosis(mark: str, run: int = 0) -> Diagnosis:
    if mark == THIN:
        return Diagnosis((), "too little was seen")
    severity = LEVELS[mark]
    return Diagnosis((finding(severity, run=run),) if severity else ())


def told(marks: str) -> str:
    """What is told in each run: how bad it is from then on, `-` for that it is over, a blank for nothing."""
    standing: Standing = NOTHING
    written = ""
    for mark in marks:
        standing, found = news(standing, diagnosis(mark))
        assert len(found) <= 1
        written += {".": "-"}.get(name := _mark(found[0].severity), name) if found else " "
    return written


def _mark(severity: Severity) -> str:
    return next(mark for mark, level in LEVELS.items() if level is severity)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("....", "    "),
        (".w..", "    "),
        ("w.w.", "    "),
        ("ww", " w"),
        ("wwww..", " w   -"),
        ("www.ww..", " w     -"),
        ("ww.w.w", " w    "),
        ("wC", " w"),
        ("wCC", " wC"),
        ("CCw", " C "),
        ("CCww", " C w"),
        ("wCwCw", " w   "),
        ("wwC..", " w  -"),
        ("w?w", "  w"),
        ("ww??.?.", " w    -"),
        ("ww?????", " w     "),
        ("ww..ww", " w - w"),
    ],
)
def test_what_is_told(marks: str, expected: str) -> None:
    """Two intervals in a row must say it, of those that say anything."""
    assert told(marks) == expected


@given(st.text("".join(LEVELS) + THIN, max_size=40))
def test_nothing_is_told_by_one_interval(marks: str) -> None:
    """What is told is between what the last two intervals that could tell said."""
    standing: Standing = NOTHING
    seen = [Severity.NONE, Severity.NONE]
    holds = Severity.NONE
    for mark in marks:
        standing, found = news(standing, diagnosis(mark))
        if mark != THIN:
            seen.append(LEVELS[mark])
        if found:
            assert found[0].severity != holds
            holds = found[0].severity
        assert min(seen[-2:]) <= holds <= max(seen[-2:])
        assert [one.severity for one in holding(standing)] == ([holds] if holds else [])


def test_members_are_told_apart() -> None:
    """Each finding has its own history."""
    one, other = finding(Severity.WARNING), finding(Severity.CRITICAL, "m3")
    standing, first = news(NOTHING, Diagnosis((one,)))
    standing, second = news(standing, Diagnosis((other, one)))
    standing, third = news(standing, Diagnosis((other, one)))
    assert [[(what.found.member, what.severity) for what in told] for told in (first, second, third)] == [
        [],
        [("m2", Severity.WARNING)],
        [("m3", Severity.CRITICAL)],
    ]
    assert [held.member for held in holding(standing)] == ["m3", "m2"]


def test_figures_are_no_news() -> None:
    """But what is told last has the last ones."""
    standing = _after([diagnosis("w", run) for run in range(5)])
    assert holding(standing)[0].evidence == ("seen in run 4",)


def test_what_holds_is_as_bad_as_was_told() -> None:
    """Though it was found worse just now."""
    standing = _after([diagnosis("w"), diagnosis("w"), diagnosis("C")])
    assert holding(standing)[0].severity == Severity.WARNING


def test_what_is_over_is_forgotten() -> None:
    """Nothing grows from run to run."""
    assert _after([diagnosis(mark) for mark in "ww..w."]) == {}


def _after(diagnoses: Sequence[Diagnosis]) -> Standing:
    standing: Standing = NOTHING
    for one in diagnoses:
        standing, _ = news(standing, one)
    return standing


@pytest.mark.parametrize(
    ("found", "severity", "cause", "member"),
    [
        (Diagnosis(()), Severity.NONE, "none", ""),
        (Diagnosis((), "one page"), Severity.NONE, "unknown", ""),
        (Diagnosis((finding(Severity.WARNING),), "one page"), Severity.WARNING, "disk_wal", "m2"),
    ],
)
def test_a_diagnosis_in_short(found: Diagnosis, severity: Severity, cause: str, member: str) -> None:
    """Its worst finding; `unknown` where nothing was found and too little was seen."""
    assert (found.severity, found.cause, found.member) == (severity, cause, member)
