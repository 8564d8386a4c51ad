"""Reading the gateway's JSON: integers are texts there, and a zero or an empty list is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from etcd_latency.errors import BadPage, fit_to_show

LONGEST_TEXT = 200
"""Names, versions and URLs become tags; Datadog cuts those at 200 letters itself."""


def integer(fields: Mapping[str, Any], name: str) -> int:
    """A 64-bit integer; 0 where it is left out."""
    value = fields.get(name, 0)
    if not re.fullmatch(r"\d{1,20}", str(value)):
        raise BadPage(f"etcd's answer holds {name}: {str(value)[:40]!r}, which is not an integer")
    return int(value)


def text(fields: Mapping[str, Any], name: str) -> str:
    """A text, made fit to show; empty where it is left out."""
    return fit_to_show(str(fields.get(name, "")), LONGEST_TEXT)


def matching(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    """A text that is of a form."""
    found = text(fields, name)
    if not pattern.fullmatch(found):
        raise BadPage(f"etcd's answer holds {name}: {found!r}, which is none; is this an etcd member?")
    return found


def objects(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of objects; empty where it is left out."""
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise BadPage(f"etcd's answer holds {name}, which is not a list of objects")
    return value


def texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts, made fit to show; empty where it is left out."""
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise BadPage(f"etcd's answer holds {name}, which is not a list")
    return tuple(fit_to_show(str(one), LONGEST_TEXT) for one in value)


def header(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part with which etcd's answers begin: who answers, and of which cluster."""
    value = fields.get("header")
    if not isinstance(value, Mapping) or "member_id" not in value:
        raise BadPage("the answer does not say who gave it; is this an etcd member?")
    return value
