"""Says what is wrong with a dashboard or a monitor, before Datadog would have to.

`python -m lab.datadog.schema` derives two of the schemas in lab/datadog/schemas anew. They hold what Datadog's API
takes; the two of assets, made by hand, add what an integration's assets must have and may not, and lab.datadog.rules
what no schema can say.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from lab.datadog import openapi
from lab.datadog.problems import Problem, Told, listed, told
from lab.datadog.rules import boards, monitors
from lab.process import LabError

FOLDER = Path(__file__).parent / "schemas"
ROOTS = {"dashboard": "Dashboard", "monitor": "Monitor"}
"""The component of Datadog's API that each schema derives from."""

Kind = Literal["dashboard", "monitor"]
RULES: Mapping[Kind, Callable[[Any], Told]] = {"dashboard": boards.misfits, "monitor": monitors.misfits}


def problems(kind: Kind, document: Any) -> list[Problem]:
    """All that is wrong with an asset, each once, sorted by path; nothing when it is fine.

    Whether its parts fit each other is asked once each part by itself is fine.
    """
    return told(_validator(kind).iter_errors(document)) or listed(RULES[kind](document))


def read(path: Path) -> Any:
    """A JSON file in which every key stands once and every number is one; else an error that names the line."""
    text = path.read_text(encoding="utf-8")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise LabError(f"{path}, line {error.lineno}: this is not JSON: {error.msg}") from error
    for position, fault in _faults(text):
        raise LabError(f"{path}, line {text.count(NEWLINE, 0, position) + 1}: {fault}")
    return document


def render() -> None:
    """Write the schemas that derive from Datadog's file."""
    components = openapi.components()
    for kind, root in ROOTS.items():
        text = json.dumps(openapi.strict(root, components), indent=1, sort_keys=True) + NEWLINE
        (FOLDER / f"{kind}.json").write_text(text, encoding="utf-8")
        sys.stdout.write(f"lab/datadog/schemas/{kind}.json: {len(text) // 1000} kB from {openapi.SOURCE}\n")


# JSON that says something twice, or not a number.

NEWLINE = "\n"
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def _faults(text: str) -> Iterator[tuple[int, str]]:
    """What Python takes and JSON does not, or should not; of a text that Python takes."""
    keys: list[set[str]] = []
    """Of the objects and lists that are open here; a list has none."""
    before = ""
    for match in TOKEN.finditer(text):
        match match[0]:
            case "{" | "[":
                keys.append(set())
            case "}" | "]":
                keys.pop()
            case "NaN" | "Infinity" | "-Infinity" as word:
                yield match.start(), f"{word} is no number in JSON"
            case ":":
                key = json.loads(before)
                if key in keys[-1]:
                    yield match.start(), f"the key {key!r} stands twice in one object: remove one of them"
                keys[-1].add(key)
        before = match[0]


# The validator.


def _deprecated(_validator: Validator, value: object, _instance: object, _schema: object) -> Iterator[ValidationError]:
    """What Datadog keeps for old documents has no place in new ones."""
    if value:
        yield ValidationError("is deprecated")


Strict = extend(Draft202012Validator, {"deprecated": _deprecated})  # type: ignore[no-untyped-call] # of its stubs


@cache
def _validator(kind: Kind) -> Validator:
    schemas = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
    for schema in schemas.values():
        del schema["$schema"]  # or a reference into it would go on with the validator of this name, not with ours
    resources = [(key, DRAFT202012.create_resource(schema)) for key, schema in schemas.items()]
    validator: Validator = Strict(schemas[f"{kind}_asset.json"], registry=Registry().with_resources(resources))
    return validator


if __name__ == "__main__":
    render()
