"""Whether the parts of a monitor fit each other."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from lab.datadog.problems import Place, Told
from lab.datadog.query import QueryError, metrics, parse_monitor
from lab.datadog.query.tree import Alert, CheckAlert, EventAlert, MetricAlert, Variable
from lab.datadog.query.walk import inside
from lab.datadog.rules import messages
from lab.datadog.rules.trial import refused

Definition = Mapping[str, Any]

TYPES: Mapping[type, str] = {MetricAlert: "query alert", CheckAlert: "service check", EventAlert: "event-v2 alert"}
QUERY: Place = ("definition", "query")
OPTIONS: Place = ("definition", "options")
THRESHOLDS: Place = (*OPTIONS, "thresholds")
WORSE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.gt,
    "<": operator.lt,
    "<=": operator.lt,
}
MILDER = (("warning", "critical"), ("critical_recovery", "critical"), ("warning_recovery", "warning"))
"""Thresholds that lie on the healthy side of others."""


def misfits(document: Mapping[str, Any]) -> Told:
    """What does not fit in an asset that the schema finds nothing wrong with."""
    definition = document["definition"]
    yield from _dates(document)
    if document["title"] not in definition["name"]:
        yield ("definition", "name"), "does not hold the title of the asset"
    try:
        alert = parse_monitor(definition["query"])
    except QueryError as error:
        yield QUERY, f"column {error.column + 1}: {error.problem}"
        return
    found = [one for rule in RULES for one in rule(alert, definition)]
    yield from found
    if not found and (why := refused(alert, definition["options"])):
        yield QUERY, why


def _dates(document: Mapping[str, Any]) -> Told:
    created, updated = ((name, document[name]) for name in ("created_at", "last_updated_at"))
    for name, value in (created, updated):
        try:
            date.fromisoformat(value)
        except ValueError:
            yield (name,), f"{value} is not in the calendar"
    if updated[1] < created[1]:
        yield ("last_updated_at",), f"{updated[1]} is before it was created"


def _type(alert: Alert, definition: Definition) -> Told:
    wanted, given = TYPES[type(alert)], definition["type"]
    if given != wanted:
        yield ("definition", "type"), f"{given}, but the query is that of another type, such as {wanted}"


def _thresholds(alert: Alert, definition: Definition) -> Told:
    if not isinstance(alert, MetricAlert) or alert.comparator not in WORSE:
        return
    given = definition["options"]["thresholds"]
    if given["critical"] != alert.threshold:
        yield (*THRESHOLDS, "critical"), f"{given['critical']:g}, but the query compares with {alert.threshold:g}"
    for milder, worse in MILDER:
        if milder in given and worse not in given:
            yield (*THRESHOLDS, milder), f"there is no {worse}"
        elif milder in given and not WORSE[alert.comparator](given[worse], given[milder]):
            yield (*THRESHOLDS, milder), f"{given[milder]:g} is not on the healthy side of {worse}, {given[worse]:g}"


def _scopes(alert: Alert, _: Definition) -> Told:
    if isinstance(alert, CheckAlert):
        if not alert.over:
            yield QUERY, 'lacks .over("*"), or what else it is over'
        return
    for variable in inside(alert):
        if isinstance(variable, Variable):
            yield QUERY, f"column {variable.at + 1}: ${variable.name} is a variable of dashboards"


def _groups(alert: Alert, definition: Definition) -> Told:
    for keys in _keys(alert):
        if len(set(keys)) < len(keys):
            yield QUERY, f"groups twice by one tag: {', '.join(keys)}"
    known = groups(alert)
    notified = definition["options"].get("notify_by", [])
    if notified != ["*"] and not set(notified) <= set(known):
        yield (*OPTIONS, "notify_by"), f"is neither * nor among the groups: {', '.join(known) or 'none'}"


def _keys(alert: Alert) -> Iterator[tuple[str, ...]]:
    if isinstance(alert, CheckAlert):
        yield alert.by
    yield from (metric.by for metric in metrics(alert))


def groups(alert: Alert) -> tuple[str, ...]:
    """The tags that tell the alerts of a monitor apart, in the order of its query."""
    return tuple(dict.fromkeys(key for keys in _keys(alert) for key in keys))


def _texts(alert: Alert, definition: Definition) -> Told:
    known, of_query = groups(alert), isinstance(alert, MetricAlert)
    for key in ("name", "message"):
        yield from ((("definition", key), text) for text in messages.misfits(definition[key], known, of_query=of_query))


RULES: tuple[Callable[[Alert, Definition], Told], ...] = (_type, _thresholds, _scopes, _groups, _texts)
