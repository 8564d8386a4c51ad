"""The variables of a monitor's name and message (documentation: Monitors, Notifications, Variables)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

IN_BRACES = re.compile(r"\{\{([#^/]?)([^{}]*)\}\}")

CONDITIONS = {f"is_{state}" for state in ("alert", "no_data", "recovery", "renotify", "unknown", "warning")}
CONDITIONS |= {
    f"is_{change}" for change in ("alert_recovery", "alert_to_warning", "no_data_recovery", "warning_recovery")
}
CONDITIONS |= {"is_exact_match", "is_match", "is_priority"}
ANYWHERE = {"check_message", "triggered_duration_sec"}
ANYWHERE |= {f"{which}_triggered_at{form}" for which in ("first", "last") for form in ("", "_epoch")}
OF_QUERIES = {"comparator", "ok_threshold", "threshold", "value", "warn_threshold"}
"""There is no number of a service check."""


def misfits(text: str, groups: Collection[str], *, of_query: bool) -> Iterator[str]:
    """What a text has in double braces that nothing fills, or that is not closed; `groups` are the monitor's tags."""
    known = ANYWHERE | {f"{key}.name" for key in groups} | (OF_QUERIES if of_query else set())
    opened: list[str] = []
    for sign, inside in IN_BRACES.findall(text):
        name, *_ = inside.split(" ")
        if sign == "/":
            if not opened or opened.pop() != name:
                yield f"{{{{/{name}}}}} closes what was not opened last"
        elif sign:
            opened.append(name)
            if name not in CONDITIONS:
                yield f"{{{{{sign}{name}}}}} is no condition of Datadog's"
        elif inside not in known:
            yield f"{{{{{inside}}}}} is filled by nothing; there are {', '.join(sorted(known))}"
    yield from (f"{{{{#{name}}}}} is not closed" for name in opened)
    if re.search(r"\{\{|\}\}", IN_BRACES.sub("", text)):
        yield "has double braces that do not belong together"
