"""The scope of a query as VictoriaMetrics' selectors say it: lists of matchers in braces."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Sequence

from lab.datadog.query.tree import Every, In, Metric, Not, Scope, Some, Tag, Variable
from lab.process import LabError

Matchers = tuple[str, ...]
"""What all of these hold for."""
BARE = "no_label_value"
"""What VictoriaMetrics gives a tag that has a name alone."""


def selector(metric: Metric) -> str:
    """What selects the series of a metric of a query."""
    name = f"__name__={quoted(metric.name)}"
    choices = _choices(metric.scope, holds=True)
    if not choices:
        raise LabError(f"the scope of {metric.name} excludes every series")
    alternatives = " or ".join(",".join((name, *choice)) for choice in choices)
    return f"{{{alternatives}}}"


def label(key: str) -> str:
    """The name of a label as it stands outside quotes."""
    return re.sub(r"([^a-zA-Z0-9_])", r"\\\1", key)


def _choices(scope: Scope, *, holds: bool) -> list[Matchers]:
    """The scope, or its contrary, as choices: it holds for a series if all matchers of one of them do."""
    match scope:
        case Tag():
            return [(_matcher(scope.key, [BARE if scope.value is None else scope.value], holds=holds),)]
        case In():
            return [(_matcher(scope.key, scope.values, holds=holds),)]
        case Not():
            return _choices(scope.operand, holds=not holds)
        case Every() | Some():
            # Not all of them is the contrary of one, none of them the contrary of all.
            parts = [_choices(operand, holds=holds) for operand in scope.operands]
            return _product(parts) if isinstance(scope, Every) is holds else list(itertools.chain(*parts))
        case Variable():
            # It stands at its default, the `*`, which means every series.
            return [()] if holds else []


def _product(parts: Iterable[Sequence[Matchers]]) -> list[Matchers]:
    return [tuple(itertools.chain(*choice)) for choice in itertools.product(*parts)]


def _matcher(key: str, values: Sequence[str], *, holds: bool) -> str:
    if "*" in key:
        raise LabError(f"{key}: VictoriaMetrics selects by values with a `*`, not by keys with one")
    pattern = "|".join(map(_pattern, values))
    return f"{label(key)}{'=~' if holds else '!~'}{quoted(pattern)}"


def _pattern(value: str) -> str:
    """A value of a tag as a regular expression of the whole value; a missing one is empty, which `*` is not."""
    return ".+" if value == "*" else ".*".join(map(re.escape, value.split("*")))


def quoted(text: str) -> str:
    """A text in quotes."""
    return json.dumps(text, ensure_ascii=False)
