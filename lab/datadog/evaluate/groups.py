"""Groups that a monitor sees for the first time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

USUAL_DELAY = 60
"""Seconds, of a monitor that does not say it (documentation: Monitors, Configuration, New group delay)."""


class NewGroup:
    """A group, which is left alone for a while after it was seen first; a monitor without groups has no such delay."""

    def __init__(self, options: Mapping[str, Any], *, grouped: bool = True) -> None:
        chosen = options.get("new_group_delay")
        self._delay = (USUAL_DELAY if chosen is None else chosen) if grouped else 0
        self._seen: float | None = None

    def is_old(self, moment: float) -> bool:
        """Whether it is evaluated at a moment at which it is seen; to be asked at one after the other."""
        if self._seen is None:
            self._seen = moment
        return moment - self._seen >= self._delay
