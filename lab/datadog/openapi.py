"""Strict JSON Schemas from Datadog's OpenAPI file, which lies in the sdist of its Python client.

Strict means: an object has no other keys than those that the file names, and one of several forms is
chosen by the value that tells them apart, so that what is wrong is told where it is wrong.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lab.process import LabError, output

PACKAGE = "datadog-api-client"
VERSION = "2.62.0"
SHA256 = "fec6a649dac5dd7224f64662390005e6d6ce688029742278346f46190d0fc902"
MEMBER = ".generator/schemas/v1/openapi.yaml"
SOURCE = f"{PACKAGE} {VERSION}, {MEMBER}"

Schema = dict[str, Any]
Components = Mapping[str, Schema]
"""The schemas of an OpenAPI file, by name."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KEPT = ("type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "deprecated")
"""Keywords that mean in JSON Schema what they mean in OpenAPI 3.0."""
UNREAD = {"allOf", "anyOf", "not", "multipleOf", "uniqueItems"}
UNREAD |= {"exclusiveMaximum", "exclusiveMinimum", "maxProperties", "minProperties"}
"""Keywords of what else a schema may demand: the file has none of them, and they are not carried over."""


def components() -> Components:
    """Download the pinned sdist with pip, which holds it against its digest, and read the file out of it."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
        options = ["--quiet", "--no-deps", "--require-hashes", "--no-binary", PACKAGE, "--dest", folder]
        output([sys.executable, "-m", "pip", "download", *options, "--requirement", str(wanted)], "install Python")
        return unpacked(next(Path(folder).glob("*.tar.gz")))


def unpacked(sdist: Path) -> Components:
    """The schemas of the file in an sdist."""
    with tarfile.open(sdist) as tar:
        for name in tar.getnames():
            file = tar.extractfile(name) if name.endswith(f"/{MEMBER}") else None
            if file:
                found: Components = yaml.load(file, yaml.CSafeLoader)["components"]["schemas"]
                return found
    raise LabError(f"{sdist.name} holds no {MEMBER}: pin a version of {PACKAGE} that does")


def strict(root: str, schemas: Components) -> Schema:
    """The strict schema of one component, with all that it reaches."""
    found: dict[str, Schema] = {}
    wanted = [root]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = _strict(schemas[name], schemas)
            wanted += _references(found[name])
    return {"$schema": DIALECT, "$comment": f"From {SOURCE}", "$ref": f"#/$defs/{root}", "$defs": found}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)
    elif isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield _name(schema)
        for part in schema.values():
            yield from _references(part)


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _strict(schema: Schema, schemas: Components) -> Schema:
    if unread := UNREAD & schema.keys():
        raise LabError(
            f"{SOURCE}: a schema has {', '.join(sorted(unread))}, which is not carried over: teach openapi it"
        )
    if "$ref" in schema:
        made = {"$ref": f"#/$defs/{_name(schema)}"} | _kept(schema, ("deprecated",))
    elif "oneOf" in schema:
        made = _union(schema["oneOf"], schemas)
    else:
        made = _kept(schema, KEPT) | _parts(schema, schemas)
    return _nullable(made) if schema.get("nullable") else made


def _kept(schema: Schema, keys: Iterable[str]) -> Schema:
    return {key: schema[key] for key in keys if key in schema}


def _parts(schema: Schema, schemas: Components) -> Schema:
    """What an object or a list is made of."""
    made: Schema = {}
    if "items" in schema:
        made["items"] = _strict(schema["items"], schemas)
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = _strict(schema["additionalProperties"], schemas)
    if "properties" in schema:
        made["type"] = "object"
        made["properties"] = {key: _strict(part, schemas) for key, part in schema["properties"].items()}
        made.setdefault("additionalProperties", False)
    if schema.get("required"):
        made["required"] = sorted(schema["required"])
    return made


def _nullable(schema: Schema) -> Schema:
    if "type" not in schema or "allOf" in schema:
        return {"if": {"not": {"type": "null"}}, "then": schema}
    made = schema | {"type": [schema["type"], "null"]}
    return made | {"enum": [*schema["enum"], None]} if "enum" in schema else made


class Choice(NamedTuple):
    """A key by whose value the forms of a union can be told apart."""

    key: str
    forms: Mapping[str, Sequence[Schema]]
    """Those that each value leaves."""
    without: Sequence[Schema]
    """Those that have no such key; at most one."""

    @property
    def parts(self) -> bool:
        """Whether each value leaves less than all."""
        members = max((len(forms) for forms in self.forms.values()), default=0)
        return len(self.forms) > 1 and members < len({id(form) for forms in self.forms.values() for form in forms})

    @property
    def decides(self) -> bool:
        """Whether each value leaves one form only."""
        return all(len(forms) == 1 for forms in self.forms.values())


def _union(members: Sequence[Schema], schemas: Components, used: frozenset[str] = frozenset()) -> Schema:
    """One of several forms: the one that a key's value names; where none does, any of them."""
    if len(members) == 1:
        return _strict(members[0], schemas)
    choice = _choice(members, schemas, used)
    if choice is None:
        return {"anyOf": [_strict(member, schemas) for member in members]}
    key = choice.key
    cases = [
        {
            "if": {"properties": {key: {"enum": values}}, "required": [key]},
            "then": _union(forms, schemas, used | {key}),
        }
        for values, forms in _grouped(choice.forms)
    ]
    made: Schema = {"type": "object", "properties": {key: {"enum": sorted(choice.forms)}}, "allOf": cases}
    if not choice.without:
        return made | {"required": [key]}
    cases.append({"if": {"not": {"required": [key]}}, "then": _strict(choice.without[0], schemas)})
    return made


def _grouped(forms: Mapping[str, Sequence[Schema]]) -> list[tuple[list[str], Sequence[Schema]]]:
    """The values that leave the same forms, together."""
    groups: dict[tuple[int, ...], tuple[list[str], Sequence[Schema]]] = {}
    for value, left in sorted(forms.items()):
        groups.setdefault(tuple(id(form) for form in left), ([], left))[0].append(value)
    return list(groups.values())


def _choice(members: Sequence[Schema], schemas: Components, used: frozenset[str]) -> Choice | None:
    """The best key: one that decides, then the one with most values, then the first by name."""
    keys = sorted({key for member in members for key in _keys(member, schemas)} - used)
    choices = [choice for key in keys if (choice := _by(key, members, schemas))]
    return max(choices, key=lambda choice: (choice.decides, len(choice.forms)), default=None)


def _by(key: str, members: Sequence[Schema], schemas: Components) -> Choice | None:
    """A choice by this key; none where a form may have any value for it, or may leave it out."""
    without = [member for member in members if key not in _keys(member, schemas)]
    having = [member for member in members if member not in without]
    forms: dict[str, list[Schema]] = {}
    for member in having:
        for value in _values(key, member, schemas):
            forms.setdefault(value, []).append(member)
    choice = Choice(key, forms, without)
    told = all(_values(key, member, schemas) for member in having) and len(without) <= 1
    # Where a key decides, it may well be asked for, though the file does not: Datadog's own boards have it.
    required = all(_requires(key, member, schemas) for member in having) or (choice.decides and not without)
    return choice if choice.parts and told and required else None


def _forms(schema: Schema, schemas: Components) -> Iterator[Schema]:
    """A schema, resolved; of a union, those of its members."""
    if "$ref" in schema:
        yield from _forms(schemas[_name(schema)], schemas)
    elif "oneOf" in schema:
        for member in schema["oneOf"]:
            yield from _forms(member, schemas)
    else:
        yield schema


def _keys(member: Schema, schemas: Components) -> set[str]:
    return {key for form in _forms(member, schemas) for key in form.get("properties", {})}


def _values(key: str, member: Schema, schemas: Components) -> set[str]:
    """The values that this key can have in a member of a union; none where it may have any."""
    parts = [form.get("properties", {}).get(key, {}) for form in _forms(member, schemas)]
    values = [form.get("enum", []) for part in parts for form in _forms(part, schemas)]
    return {str(value) for some in values for value in some} if all(values) else set()


def _requires(key: str, member: Schema, schemas: Components) -> bool:
    return all(key in form.get("required", []) for form in _forms(member, schemas))
