"""What is wrong with a document, told at the place where it is wrong: jsonschema's errors, put into plain words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jsonschema import ValidationError

FEW = 20
"""So many values are told in full."""
WIDTH = 60
"""So much of a value is shown."""

Place = tuple[str | int, ...]
"""Keys and indexes, from the document inwards."""
Told = Iterator[tuple[Place, str]]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong."""

    path: str
    """Where, as in `widgets[3].definition.title`; empty for the whole document."""
    text: str

    def __str__(self) -> str:
        return f"{self.path or 'the document'}: {self.text}"


def told(errors: Iterable[ValidationError]) -> list[Problem]:
    """The errors of a schema as problems."""
    leaves = (leaf for error in errors for leaf in _leaves(error))
    return listed(one for error in leaves for one in _told(error))


def listed(found: Iterable[tuple[Place, str]]) -> list[Problem]:
    """Each problem once, sorted by place."""
    ordered = sorted(set(found), key=lambda one: (_sortable(one[0]), one[1]))
    return [Problem(_path(place), text) for place, text in ordered]


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The errors of that form of a union which comes nearest; the union's own where none is of this kind."""
    if error.validator != "anyOf":
        yield error
        return
    forms: dict[str | int, list[ValidationError]] = {}
    for one in error.context or ():
        forms.setdefault(one.relative_schema_path[0], []).append(one)
    near = [errors for errors in forms.values() if not any(_is_of_another_kind(one) for one in errors)]
    for one in min(near, key=len, default=[]):
        yield from _leaves(one)
    if not near:
        yield error


def _is_of_another_kind(error: ValidationError) -> bool:
    return not error.relative_path and error.validator in {"type", "enum", "pattern"}


def _told(error: ValidationError) -> Told:
    place: Place = tuple(error.absolute_path)
    rule = error.schema.get("description") if isinstance(error.schema, dict) else None
    if rule and error.validator in {"not", "pattern", "contains", "uniqueItems"}:
        yield place, str(rule)
    else:
        tell = TELLERS.get(str(error.validator), _as_it_is)
        for inner, text in tell(error):
            yield place + inner, text


def _as_it_is(error: ValidationError) -> Told:
    yield (), error.message


def _missing(error: ValidationError) -> Told:
    required: Any = error.validator_value
    has: Any = error.instance
    yield from (((key,), "is missing") for key in required if key not in has)


def _unknown(error: ValidationError) -> Told:
    schema: Any = error.schema
    has: Any = error.instance
    for key in sorted(has.keys() - schema["properties"]):
        near = get_close_matches(key, schema["properties"], n=1)
        yield (key,), f"no such key; did you mean {near[0]}?" if near else "no such key"


def _not_among(error: ValidationError) -> Told:
    among: Any = error.validator_value
    yield (), f"{_shown(error.instance)} is none of {_values(error.instance, among)}"


def _other_value(error: ValidationError) -> Told:
    yield (), f"{_shown(error.instance)} is not {_shown(error.validator_value)}"


def _other_type(error: ValidationError) -> Told:
    wanted: Any = error.validator_value
    types = [wanted] if isinstance(wanted, str) else wanted
    yield (), f"{_shown(error.instance)} is not {' or '.join(TYPES[name] for name in types)}"


def _outside(error: ValidationError) -> Told:
    text, value = LIMITS[str(error.validator)], error.instance
    size = len(value) if isinstance(value, str | list) else 0
    yield (), text.format(value=_shown(value), size=size, limit=error.validator_value)


def _no_form(error: ValidationError) -> Told:
    yield (), ", and ".join(dict.fromkeys(text for one in error.context or () for _, text in _told(one)))


TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}
LIMITS = {
    "minimum": "{value} is less than {limit}",
    "maximum": "{value} is more than {limit}",
    "minLength": "has {size} characters, less than {limit}",
    "maxLength": "has {size} characters, more than {limit}",
    "minItems": "has {size} entries, less than {limit}",
    "maxItems": "has {size} entries, more than {limit}",
}
TELLERS: Mapping[str, Callable[[ValidationError], Told]] = {
    "required": _missing,
    "additionalProperties": _unknown,
    "enum": _not_among,
    "const": _other_value,
    "type": _other_type,
    "anyOf": _no_form,
} | dict.fromkeys(LIMITS, _outside)
"""By the keyword that is not satisfied; the others are told in jsonschema's words."""


def _shown(value: Any) -> str:
    """A value as JSON, not longer than a line."""
    text = json.dumps(value)
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}..."


def _values(value: Any, among: Sequence[Any]) -> str:
    if len(among) <= FEW:
        return ", ".join(map(_shown, among))
    near = get_close_matches(str(value), [str(one) for one in among])
    return f"{len(among)} values; near are {', '.join(map(_shown, near))}" if near else f"{len(among)} values"


def _path(place: Place) -> str:
    """As in `widgets[3].definition.title`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def _sortable(place: Place) -> tuple[tuple[int, str], ...]:
    """Lists by number, objects by key."""
    return tuple((step, "") if isinstance(step, int) else (-1, step) for step in place)
