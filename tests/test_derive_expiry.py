"""Days that are left to certificates, and the level of each number of days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etcd_latency.derive.expiry import days_left, judged
from etcd_latency.model import Certificate, Level, Verdict

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL


def ending(days: float, what: str = "the server's certificate") -> Certificate:
    return Certificate("server", what, NOW + timedelta(days=days))


@pytest.mark.parametrize("days", [365.0, 30.0, 0.5, 0.0, -0.25, -400.0])
def test_days_that_are_left(days: float) -> None:
    """A number with a fraction, negative once the certificate has expired."""
    assert days_left(ending(days), NOW.timestamp()) == days


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [
        (365, OK, ""),
        (30, OK, ""),
        (29.75, WARNING, "expires in 29.8 days, on 2026-03-31 06:00 UTC; renew it"),
        (7, WARNING, "expires in 7.0 days, on 2026-03-08 12:00 UTC; renew it"),
        (6.5, CRITICAL, "expires in 6.5 days, on 2026-03-08 00:00 UTC; renew it"),
        (0, CRITICAL, "expires in 0.0 hours, on 2026-03-01 12:00 UTC; renew it"),
        (-2, CRITICAL, "expired 2.0 days ago, on 2026-02-27 12:00 UTC; renew it"),
    ],
)
def test_levels(days: float, level: Level, words: str) -> None:
    """From which day on it is a warning, and critical; an end that is far needs no words."""
    reason = f"the server's certificate {words}" if words else ""
    assert judged([ending(days)], NOW.timestamp(), 30, 7) == Verdict(level, reason)


def test_the_limits_are_the_users() -> None:
    """Whoever has short-lived certificates, renewed every day, sets them lower."""
    for limits, level in {(1, 0.5): OK, (3, 1): WARNING, (3, 2.5): CRITICAL, (0, 0): OK}.items():
        assert judged([ending(2)], NOW.timestamp(), *limits).level == level


def test_an_expired_one_is_critical_at_any_limit() -> None:
    """0 turns the early warning off, not the end itself."""
    assert judged([ending(-1)], NOW.timestamp(), 0, 0).level == CRITICAL


def test_the_worst_counts_and_all_are_told() -> None:
    """One message for a target: of each certificate that is not in order."""
    found = [ending(400, "the CA in /ca.crt"), ending(20), ending(-1, "the client certificate /c.crt"), ending(29)]
    assert judged(found, NOW.timestamp(), 30, 7) == Verdict(
        CRITICAL,
        "the server's certificate expires in 20.0 days, on 2026-03-21 12:00 UTC; renew it; "
        "the client certificate /c.crt expired 24.0 hours ago, on 2026-02-28 12:00 UTC; renew it; "
        "the server's certificate expires in 29.0 days, on 2026-03-30 12:00 UTC; renew it",
    )


def test_no_certificate_is_in_order() -> None:
    """Over plain HTTP there is none to judge."""
    assert judged([], NOW.timestamp(), 30, 7) == Verdict(OK)
