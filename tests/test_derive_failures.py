"""What could not be asked, in one line for each reason."""

from __future__ import annotations

import pytest

from etcd_latency.derive.failures import lines
from etcd_latency.errors import NotOffered, NotPermitted, TargetError, TimedOut

M1 = "m1 (https://10.0.0.1:2379)"


@pytest.mark.parametrize(
    ("errors", "failing", "missing"),
    [
        ({}, set(), set()),
        ({"page": None, "status": None}, set(), set()),
        ({"page": TimedOut("no answer")}, {f"{M1}: no answer"}, set()),
        (
            {"page": TimedOut("no answer"), "status": TimedOut("no answer"), "health": TimedOut("no answer")},
            {f"{M1}: no answer"},
            set(),
        ),
        (
            {"status": TimedOut("no answer"), "page": TimedOut("no answer")},
            {f"{M1}: no answer"},
            set(),
        ),
        (
            {"status": NotPermitted("no rights"), "alarm_list": NotPermitted("no rights"), "page": None},
            {f"{M1}: status, alarm_list: no rights"},
            set(),
        ),
        (
            {"page": TimedOut("no answer"), "status": NotPermitted("no rights")},
            {f"{M1}: no answer", f"{M1}: status: no rights"},
            set(),
        ),
        (
            {"livez": NotOffered("no /livez"), "readyz": NotOffered("no /readyz"), "status": NotOffered("no /livez")},
            set(),
            {f"{M1}: livez, status: no /livez", f"{M1}: readyz: no /readyz"},
        ),
        (
            {"livez": NotOffered("no /livez"), "status": TimedOut("no answer")},
            {f"{M1}: status: no answer"},
            {f"{M1}: livez: no /livez"},
        ),
        ({"page": NotOffered("no /metrics")}, {f"{M1}: no /metrics"}, set()),
        (
            {"page": NotOffered("no such thing"), "livez": NotOffered("no such thing")},
            {f"{M1}: no such thing"},
            {f"{M1}: livez: no such thing"},
        ),
    ],
)
def test_one_line_for_each_reason(errors: dict[str, TargetError | None], failing: set[str], missing: set[str]) -> None:
    """What fails for the page's reason goes without saying; what is not offered is no failure, but for the page."""
    assert set(lines(M1, errors, missing=False).values()) == failing
    assert set(lines(M1, errors, missing=True).values()) == missing


def test_a_reason_is_known_by_its_words() -> None:
    """A reason that another question fails for as well is no other reason."""
    errors: dict[str, TargetError | None] = {"status": TimedOut("no answer"), "livez": NotOffered("no /livez")}
    assert lines(M1, errors, missing=False).keys() == {"no answer"}
    assert lines(M1, errors, missing=True).keys() == {"no /livez"}
