"""From where on a value is bad: the thresholds of a monitor, as lines in a graph and colours of a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.assets.monitors import SOURCE, Monitor
from lab.datadog.query import parse_monitor
from lab.datadog.query.tree import Expression, MetricAlert
from lab.process import LabError

Json = dict[str, Any]

OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
DASHES = {"critical": "error dashed", "warning": "warning dashed"}
PALETTES = {"critical": "white_on_red", "warning": "white_on_yellow"}


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value must not be; there is one level or both."""

    comparator: str
    critical: float | None = None
    warning: float | None = None

    @property
    def worst_first(self) -> str:
        """How to sort by it."""
        return "asc" if "<" in self.comparator else "desc"

    def lines(self) -> list[Json]:
        """Markers of a graph."""
        return [
            {"label": level, "value": f"y = {value:g}", "display_type": DASHES[level]}
            for level, value in self._levels().items()
        ]

    def colours(self) -> list[Json]:
        """Conditional formats of a number; of those that hold, the first counts."""
        levels = self._levels()
        bad = [_colour(self.comparator, value, PALETTES[level]) for level, value in levels.items()]
        return [*bad, _colour(OPPOSITE[self.comparator], list(levels.values())[-1], "white_on_green")]

    def _levels(self) -> dict[str, float]:
        """Those that there are, the worst first."""
        levels = {"critical": self.critical, "warning": self.warning}
        return {level: value for level, value in levels.items() if value is not None}


def _colour(comparator: str, value: float, palette: str) -> Json:
    return {"comparator": comparator, "value": value, "palette": palette}


BY_DEFINITION: Mapping[str, Limit] = {
    "headroom": Limit("<", 0),
    "spare": Limit("<", warning=1),
    "flag": Limit(">", warning=0),
    "answered": Limit("<", critical=50, warning=100),
    "unanswered": Limit(">", critical=50, warning=0),
}
"""What no monitor guards by itself: a time-out that is exceeded; members that may fail; a yes that is worth a look;
percent of questions that were answered, or were not."""


class Limits:
    """The limits by the key of the monitor that guards them."""

    def __init__(self, monitors: Iterable[Monitor]) -> None:
        self._monitors = {one.key: one for one in monitors}

    def __getitem__(self, key: str) -> Limit:
        if key in BY_DEFINITION:
            return BY_DEFINITION[key]
        one = self.source(key)
        return Limit(one.compare, one.critical, one.warning)

    def watched(self, key: str) -> Expression:
        """What a monitor looks at."""
        alert = parse_monitor(self.source(key).whole_query)
        assert isinstance(alert, MetricAlert)  # noqa: S101 - a monitor with a comparison is one
        return alert.expression

    def source(self, key: str) -> Monitor:
        """The monitor; LabError where there is none, or none with a threshold."""
        if key not in self._monitors:
            raise LabError(f"limit {key}: there is no monitor of this name in {SOURCE}")
        if not self._monitors[key].compare:
            raise LabError(
                f"limit {key}: this monitor is of a service check, which has no values; name one of a metric"
            )
        return self._monitors[key]
