"""How long are the certificates good that a target depends on?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from etcd_latency.model import Certificate, Level, Verdict

SECONDS_PER_DAY = 86_400
HOURS_PER_DAY = 24
HOURS_BELOW_DAYS = 2


def days_left(certificate: Certificate, now: float) -> float:
    """Days until its end, negative after it; `now` in seconds since 1970."""
    return (certificate.ends - datetime.fromtimestamp(now, UTC)).total_seconds() / SECONDS_PER_DAY


def judged(certificates: Iterable[Certificate], now: float, warning_days: float, critical_days: float) -> Verdict:
    """The worst of them."""
    verdicts = [_judged(certificate, now, warning_days, critical_days) for certificate in certificates]
    return Verdict(
        max((verdict.level for verdict in verdicts), default=Level.OK),
        "; ".join(verdict.reason for verdict in verdicts if verdict.reason),
    )


def _judged(certificate: Certificate, now: float, warning_days: float, critical_days: float) -> Verdict:
    left = days_left(certificate, now)
    if left >= warning_days:
        return Verdict(Level.OK)
    when = f"expires in {_span(left)}" if left >= 0 else f"expired {_span(-left)} ago"
    level = Level.CRITICAL if left < critical_days else Level.WARNING
    return Verdict(level, f"{certificate.what} {when}, on {certificate.ends:%Y-%m-%d %H:%M} UTC; renew it")


def _span(days: float) -> str:
    """Days, or hours where days would say little."""
    return f"{days:.1f} days" if days >= HOURS_BELOW_DAYS else f"{days * HOURS_PER_DAY:.1f} hours"
