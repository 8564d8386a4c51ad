"""Whether the parts of a dashboard fit each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lab.datadog.problems import Place, Told
from lab.datadog.query import QueryError, parse_formula, parse_query, words
from lab.datadog.query.tree import Expression, Metric
from lab.datadog.rules import layouts
from lab.datadog.rules.trial import refused_formula

Json = Mapping[str, Any]

VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")


def misfits(board: Json) -> Told:
    """What does not fit in a dashboard that the schema finds nothing wrong with."""
    widgets = list(_widgets(board["widgets"], ("widgets",)))
    yield from _ids(widgets)
    yield from _variables(board)
    yield from layouts.misfits(board["widgets"], ("widgets",))
    for place, widget in widgets:
        for number, request in enumerate(widget["definition"].get("requests", ())):
            if "formulas" in request:
                here = (*place, "definition", "requests", number)
                yield from (((*here, *inner), text) for inner, text in _request(request))


def _widgets(widgets: Iterable[Json], place: Place) -> Iterator[tuple[Place, Json]]:
    """Those on the board, and those in its groups."""
    for number, widget in enumerate(widgets):
        here = (*place, number)
        yield here, widget
        yield from _widgets(widget["definition"].get("widgets", ()), (*here, "definition", "widgets"))


def _ids(widgets: Iterable[tuple[Place, Json]]) -> Told:
    seen = set()
    for place, widget in widgets:
        number = widget.get("id")
        if number is not None and number in seen:
            yield (*place, "id"), f"{number} is the id of another widget"
        seen.add(number)


# Template variables


def _variables(board: Json) -> Told:
    """Each is asked for, under a name of its own; and what is asked for, or preset, is one."""
    names = {one["name"] for one in board["template_variables"]}
    used: set[str] = set()
    for place, text in _texts(board["widgets"], ("widgets",)):
        asked = set(VARIABLE.findall(text))
        used |= asked
        yield from ((place, f"${name} is none of the template variables") for name in sorted(asked - names))
    yield from _defined(board["template_variables"], used)
    yield from _presets(board, names)


def _defined(variables: Sequence[Json], used: set[str]) -> Told:
    seen: set[str] = set()
    for number, one in enumerate(variables):
        name, place = one["name"], ("template_variables", number)
        if name not in used:
            yield (*place, "name"), f"no widget asks for ${name}"
        if name in seen:
            yield (*place, "name"), f"{name} is the name of another one"
        if (available := one.get("available_values")) and not {"*", *available} >= set(one["defaults"]):
            yield (*place, "defaults"), "are not among the available values"
        seen.add(name)


def _presets(board: Json, names: set[str]) -> Told:
    for number, preset in enumerate(board.get("template_variable_presets") or ()):
        for inner, one in enumerate(preset.get("template_variables", ())):
            if one.get("name") not in names:
                place = ("template_variable_presets", number, "template_variables", inner, "name")
                yield place, f"{one.get('name')} is none of the template variables"


def _texts(part: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """All texts in a part of a document."""
    if isinstance(part, str):
        yield place, part
    elif isinstance(part, dict | list):
        for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _texts(inner, (*place, key))


# Queries and formulas


def _request(request: Json) -> Told:
    names: dict[str, Expression] = {}
    for number, query in enumerate(request.get("queries", ())):
        place = ("queries", number)
        if query["data_source"] != "metrics":
            return
        if query["name"] in names:
            yield (*place, "name"), f"{query['name']} is the name of another query"
        try:
            names[query["name"]] = parsed = parse_query(query["query"])
        except QueryError as error:
            yield (*place, "query"), f"column {error.column + 1}: {error.problem}"
            return
        if not isinstance(parsed, Metric) or not parsed.aggregator:
            yield (*place, "query"), "is not one metric with its aggregator; formulas are for what is more"
    yield from _formulas(request, names)
    yield from _order(request)


def _formulas(request: Json, names: Mapping[str, Expression]) -> Told:
    used: set[str] = set()
    for number, formula in enumerate(request["formulas"]):
        place = ("formulas", number, "formula")
        try:
            tree = parse_formula(formula["formula"])
        except QueryError as error:
            yield place, f"column {error.column + 1}: {error.problem}"
            return
        used |= {word.value for word in words(tree)}
        if why := refused_formula(tree, names):
            yield place, why
    for number, query in enumerate(request.get("queries", ())):
        if query["name"] not in used:
            yield ("queries", number, "name"), f"no formula has {query['name']}"


def _order(request: Json) -> Told:
    for number, by in enumerate(request.get("sort", {}).get("order_by", ())):
        if by["type"] == "formula" and by["index"] >= len(request["formulas"]):
            yield ("sort", "order_by", number, "index"), f"{by['index']} is the number of no formula; they begin with 0"
