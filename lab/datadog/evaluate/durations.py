"""Spans of time as queries spell them."""

from __future__ import annotations

import re

from lab.process import LabError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000}
LAST = re.compile(r"last_(\d+)(m|h|d|w|mo)")
NEXT = re.compile(r"next_(\d+)(m|h|d|w|mo)")
AGO = re.compile(r"(?:last_)?(\d+)(m|h|d|w|mo)(?:_ago)?")
PLAIN = re.compile(r"(\d+)(s|m|h|d|w|mo)")


def last(text: str) -> int:
    """Seconds of a window such as `last_5m`; raises `LabError` for one that is none, or grows (`current_1h`)."""
    return _seconds(LAST, text, "a window such as last_5m")


def ahead(text: str) -> int:
    """Seconds of the window of a forecast, such as `next_12h`; raises `LabError`."""
    return _seconds(NEXT, text, "a window such as next_12h")


def ago(text: str) -> int:
    """Seconds of the shift of a change, such as `last_30m` or `30m_ago`; raises `LabError`."""
    return _seconds(AGO, text, "a shift such as last_30m")


def plain(text: str) -> int:
    """Seconds of a duration such as `60m`; raises `LabError`."""
    return _seconds(PLAIN, text, "a duration such as 60m")


def _seconds(pattern: re.Pattern[str], text: str, expected: str) -> int:
    found = pattern.fullmatch(text)
    if not found:
        raise LabError(f"expected {expected}, found {text!r}")
    return int(found[1]) * SECONDS[found[2]]
